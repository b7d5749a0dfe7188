package rule

import (
	"regexp"
	"strings"
)

// A Set is a rule file as written: parsed and checked for form, not yet bound to a site. It is never changed.
type Set struct {
	file   *file
	source []byte

	base        word
	role        word
	fields      []*rowSpec
	outgoing    []*stepSpec
	incoming    []*stepSpec
	constants   []entry
	tables      map[string]*table
	secret      []word
	security    []word
	status      statusSpec
	users       usersSpec
	comments    commentsSpec
	attachments attachmentsSpec
	worklogs    worklogsSpec
	links       linksSpec
	create      createSpec
	triggers    []triggerSpec
	scope       scopeSpec
	method      word
	deletion    deletionSpec
	remoteLinks word
	identity    word
	showTwin    word
	showState   word
	guard       guardSpec
}

// Source returns the file as it was written, comments and order included.
func (s *Set) Source() []byte { return append([]byte(nil), s.source...) }

// File returns the name the set was parsed under.
func (s *Set) File() string { return s.file.name }

// Users are the users of this site that the set names: account ids or user names.
func (s *Set) Users() []string {
	named := map[string]bool{}
	for _, u := range s.users.table {
		named[u.local.text] = true
	}
	if f := s.users.fallback.text; f != "" && f != "nobody" {
		named[f] = true
	}
	return sortedKeys(named)
}

// quoted is a text in an expression.
var quoted = regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'`)

// Requests are words among which are the projects in which the set makes issues with a request type that it calls by its name: the one
// it names, or all that an expression, and the tables that it names, have to choose from.
func (s *Set) Requests() (words []string) {
	if !s.create.requestType.set() || byKey(s.create.requestType.text) {
		return nil
	}
	w, chosen := s.create.project.expression()
	if !chosen {
		return []string{s.create.project.text}
	}
	for _, m := range quoted.FindAllStringSubmatch(w.text, -1) {
		said := m[1] + m[2]
		words = append(words, said)
		if t := s.tables[said]; t != nil {
			for _, e := range t.rows {
				words = append(words, e.key.text, e.value.text)
			}
		}
	}
	return words
}

// byKey reports whether a request type is named as a Data Center calls it: "portal/key".
func byKey(requestType string) bool { return strings.Contains(requestType, "/") }

// word is a piece of text and where it stands. The zero word was not written.
type word struct {
	text string
	at   pos
}

func (w word) set() bool { return w.at.line > 0 }

// or is the word's text, or another text where nothing was written.
func (w word) or(text string) string {
	if w.set() {
		return w.text
	}
	return text
}

// expression is what follows a "=" at the beginning of the word; ok is false where there is none.
func (w word) expression() (_ word, ok bool) {
	text, ok := strings.CutPrefix(w.text, "=")
	return word{strings.TrimSpace(text), w.at}, ok
}

// entry is one line of a table: what is on its left, and the scalar on its right.
type entry struct {
	key   word
	value *node
}

// table is an ordered value table: left the local value, right the replica's.
type table struct {
	at   pos
	rows []entry
}

// rowSpec is one row of the fields list.
type rowSpec struct {
	at        pos
	field     word
	from      word
	to        word
	key       word
	direction word
	kind      word
	values    *table
	valuesIn  *table
	useTable  word // values: the name of a table
	otherwise word
	dflt      *node
	when      word
	out       word
	in        word
}

// stepSpec is one step of a script.
type stepSpec struct {
	at    pos
	when  word
	let   word
	be    word
	set   word
	to    word
	key   word
	carry word
	stop  word
}

type statusSpec struct {
	values    *table
	otherwise word
	dflt      *node
	paths     [][]word
	through   []word
	fields    []transitionSpec
}

type transitionSpec struct {
	status word
	fields []entry
}

type usersSpec struct {
	table    []userSpec
	email    word
	fallback word
	send     []word
	mentions word
	authors  word
	role     word
}

type userSpec struct {
	at                 pos
	local, remote, as_ word
}

type commentsSpec struct {
	direction  word
	restricted word
	internal   word
	visibility []word
	when       word
	body       word
	take       word
	author     word
	arriving   word
	role       word
	group      word
}

type attachmentsSpec struct {
	direction  word
	restricted word
	maxSize    word
	names      []word
	notNames   []word
	types      []word
	notTypes   []word
	when       word
	take       word
	arriving   word
}

type worklogsSpec struct {
	direction  word
	restricted word
	when       word
	take       word
	author     word
}

type linksSpec struct {
	at         pos
	direction  word
	values     *table
	otherwise  word
	when, take word
}

type createSpec struct {
	enabled     word
	project     word
	issueType   word
	requestType word
}

type triggerSpec struct {
	at                pos
	name, jql, entity word
	note              word
	active, stop      word
}

type scopeSpec struct {
	projects []word
	jql      word
}

type guardSpec struct {
	projects, types, fields     []word
	text, attachment, creations word
}

type deletionSpec struct {
	policy word
	status word
}
