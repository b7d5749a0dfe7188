package rule

import (
	"slices"
	"sort"

	"drawbridge/shared/bridge"
)

// An Issue is an issue of this site as rules see it. A field that is not in Fields is not known (a partial event), which
// is not the same as empty; nothing is said of a row that reads it.
type Issue struct {
	ID, Key, URL string
	Project      string // key
	Type, Status string
	Service      bool           // of a service project
	Apart        bool           // its parent is in no pair of the connection, so nothing is said of it
	Security     string         // security level; empty: none
	Fields       map[string]any // by field id, neutral values as in bridge.Kind
	History      []Past         // its changes, oldest first; nil: not known
}

// A Past is one change that a field of the issue went through.
type Past struct {
	Field    string // id
	From, To string // as Jira shows them to people
	At       int64  // ms since 1970
	By       bridge.Person
}

// A PairView is what an expression sees of the pair.
type PairView struct {
	LocalKey, RemoteKey string
	LocalURL, RemoteURL string
	Connection          string // name
}

// An Env is what one evaluation may look at.
type Env struct {
	Issue    *Issue         // of this site; nil while it is still to be created
	Replica  map[string]any // what is known of the remote replica, by replica key
	Previous map[string]any // what this site sent last, by replica key
	First    bool           // the first sync of the pair
	Pair     PairView
	Local    bridge.Role
	Remote   bridge.Role
	Now      int64 // ms since 1970; no expression sees it, or its value would change by itself
	// Name tells the display name behind a user id, for mentions in text; nil: nobody is known.
	Name func(id string) bridge.Person
}

// A Row is one field under sync.
type Row struct {
	Key        string
	Out, In    bool
	Source     string      // local field id that is sent; empty where an expression makes the value of other things
	Target     string      // local field id that is written; empty where nothing is
	Kind       bridge.Kind // of the value as it travels
	TargetKind bridge.Kind // of the field that is written
	Reads      []string    // local field ids the outgoing value depends on, sorted
	Follows    []string    // other replica keys the incoming value depends on, sorted
	History    bool        // the outgoing value depends on the changes of the issue
	Constant   bool        // the incoming value depends on nothing that arrives: it is set once, when the issue is created
	Where      string      // file:line
}

// A Replica is what may leave of an issue.
type Replica struct {
	Send   bool
	Why    string         // why not
	Fields map[string]Out // by replica key
}

// Out is the outgoing value of one row. A row that does not apply to the issue, or reads a field that is not known, has
// none.
type Out struct {
	Value bridge.Value
	Set   map[string]string // of set kinds: local element -> replica element; Value is unused
	Err   error             // this row failed for this issue; the rest stands
}

// In is the incoming value of one row.
type In struct {
	Field    string       // local field id
	Value    bridge.Value // neutral, local
	User     *UserChoice  // of user fields: who it is here; Value is the person as sent
	Leave    bool         // leave the field as it is
	Why      string       // of Leave: for the history
	Constant bool         // see Row.Constant
	Err      error        // this field cannot be applied; the rest stands
}

// Rules are a rule set bound to a site: names resolved, expressions compiled. They are safe for concurrent use.
type Rules struct {
	set    *Set
	site   *site
	rows   []*row
	byKey  map[string]*row
	tables map[string]*valueTable
	consts map[string]any

	stops       []stopStep // of the outgoing script
	refusals    []stopStep // of the incoming script
	users       userTable
	status      Status
	comments    commentRules
	attachments attachmentRules
	worklogs    worklogRules
	links       linkRules
	create      createRules
	triggers    []Trigger
	security    map[string]bool
	projects    map[string]bool
	limit       *Trigger          // the query of the scope; nil: none
	open        map[string]string // the fields that expressions may read: what they are called there, by id
	shows       Shows
	guard       guard
}

// row is a Row with what evaluates it.
type row struct {
	Row
	values    *valueTable
	otherwise string
	dflt      string
	when      *program
	out       *program
	in        *program
	eachOut   bool // the expression makes one element of a set
	eachIn    bool
	source    *Field
	target    *Field
}

// Rows returns the rows in the order of the file.
func (r *Rules) Rows() []Row {
	out := make([]Row, len(r.rows))
	for i, row := range r.rows {
		out[i] = row.Row
	}
	return out
}

// Row returns the row of a replica key.
func (r *Rules) Row(key string) (Row, bool) {
	row, ok := r.byKey[key]
	if !ok {
		return Row{}, false
	}
	return row.Row, true
}

// Takes reports whether anything of a kind may be written at this site: "comments", "attachments", "worklogs", "links", or a
// field by its id.
func (r *Rules) Takes(what string) bool {
	switch what {
	case "comments":
		return r.comments.in
	case "attachments":
		return r.attachments.in
	case "worklogs":
		return r.worklogs.in
	case "links":
		return r.links.in
	}
	for _, row := range r.rows {
		if row.In && row.Target == what {
			return true
		}
	}
	return false
}

// SendsParents reports whether an issue's parent may be told.
func (r *Rules) SendsParents() bool {
	return slices.ContainsFunc(r.rows, func(row *row) bool { return row.Out && row.Kind == bridge.Issue })
}

// Set returns the rule set these rules were bound from.
func (r *Rules) Set() *Set { return r.set }

// Reads are the local field ids that anything outgoing depends on: what an event must carry to be enough.
func (r *Rules) Reads() []string {
	all := map[string]bool{}
	for _, row := range r.rows {
		if row.Out {
			for _, id := range row.Reads {
				all[id] = true
			}
		}
	}
	return sortedKeys(all)
}

// ReadsHistory reports whether an outgoing value depends on the changes of the issue, so that they have to be read.
func (r *Rules) ReadsHistory() bool {
	return slices.ContainsFunc(r.rows, func(row *row) bool { return row.History })
}

func sortedKeys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// valueTable is a value table in both directions; case does not count.
type valueTable struct {
	left, right  map[string]string
	sends, takes []string // the words on the way, as written
}

func (t *valueTable) out(local string) (string, bool) {
	v, ok := t.right[fold(local)]
	return v, ok
}

func (t *valueTable) in(replica string) (string, bool) {
	v, ok := t.left[fold(replica)]
	return v, ok
}

// newValueTable reads the rows from left to right for what leaves, and back for what arrives: there the first of
// several rows with one right side counts, unless another table says otherwise.
func newValueTable(t, arriving *table) *valueTable {
	v := &valueTable{left: map[string]string{}, right: map[string]string{}}
	if t != nil {
		for _, e := range t.rows {
			v.right[fold(e.key.text)] = e.value.text
			v.sends, v.takes = append(v.sends, e.value.text), append(v.takes, e.value.text)
			if _, taken := v.left[fold(e.value.text)]; !taken {
				v.left[fold(e.value.text)] = e.key.text
			}
		}
	}
	if arriving != nil {
		for _, e := range arriving.rows {
			v.left[fold(e.key.text)] = e.value.text
			v.takes = append(v.takes, e.key.text)
		}
	}
	return v
}
