package bridge

// A Join asks the receiver of a change to take an issue it has as the twin, instead of making one. It is part of a change
// until the receiver has answered.
type Join struct {
	Values Values `json:"values"` // whose values stand where the two differ
	// Members are all comments, attachments and worklogs of the sender's issue that may leave, so that what stands on both sides
	// already is paired and not copied. They carry no content.
	Members []Sketch `json:"members,omitempty"`
	// Was is the id that the sender's issue had until its Jira was rebuilt elsewhere: the receiver, who has it in a pair with
	// the issue asked for, takes the new id for the old one.
	Was string `json:"was,omitempty"`
}

// Values says whose values stand where two issues that are joined differ. An empty value never wins, and sets are united:
// joining takes nothing away.
type Values string

// The choices. A role is that of the site whose values stand.
const (
	ByPublic  = Values(Public)
	ByPrivate = Values(Private)
	ByNewest  = Values(Newest) // field by field, the later edit
)

// Valid reports whether v is a known choice.
func (v Values) Valid() bool { return v == ByPublic || v == ByPrivate || v == ByNewest }

// A Sketch is enough of a member to recognise it on the other site, and nothing of its content.
type Sketch struct {
	Kind    MemberKind `json:"kind"`
	ID      string     `json:"id"`
	Created int64      `json:"created,omitempty"` // ms since 1970
	Author  string     `json:"author,omitempty"`  // display name, where the rules let it out
	Texts   []string   `json:"texts,omitempty"`   // comment, worklog: hashes of its text, the first of the whole of it
	Long    bool       `json:"long,omitempty"`    // comment: long enough to be recognised by its text alone
	Name    string     `json:"name,omitempty"`    // attachment
	Size    int64      `json:"size,omitempty"`
	Started int64      `json:"started,omitempty"` // worklog: s since 1970
	Seconds int64      `json:"seconds,omitempty"`
	SHA256  string     `json:"sha256,omitempty"`
}

// A Question asks the other site what it would do with a change. It is answered with a [Preview]; nothing is written.
type Question struct {
	Connection string `json:"connection"`
	ID         string `json:"id"`
	Change     Change `json:"change"`
}

// A Preview is what a change would do at the site that was asked: names and values of fields, never rules.
type Preview struct {
	Connection string          `json:"connection"`
	ID         string          `json:"id"`
	Outcome    Outcome         `json:"outcome"` // applied: it would be; refused, unwanted: it would not, see Reason
	Reason     string          `json:"reason,omitempty"`
	Twin       Ref             `json:"twin,omitzero"`     // the issue it would be written to; none: one would be made
	Project    string          `json:"project,omitempty"` // of the issue that would be made
	Type       string          `json:"type,omitempty"`
	Rules      int64           `json:"rules"` // revision in force there
	Fields     []PreviewField  `json:"fields,omitempty"`
	Members    []PreviewMember `json:"members,omitempty"`
	// Transition says that it takes a transition at least, which Jira tells people of.
	Transition bool `json:"transition,omitempty"`
}

// A PreviewField is one field that would be written, or why it would not.
type PreviewField struct {
	Field string `json:"field"`         // its name over there
	Old   Value  `json:"old,omitempty"` // what it shows now, where the answering site lets that out
	New   Value  `json:"new,omitempty"`
	Note  string `json:"note,omitempty"` // why it is left or refused
}

// A PreviewMember is a comment, attachment or worklog of the change.
type PreviewMember struct {
	Member string `json:"member"` // "comment/10001", as the asking site knows it
	What   string `json:"what"`   // created, paired, not taken
	Note   string `json:"note,omitempty"`
}
