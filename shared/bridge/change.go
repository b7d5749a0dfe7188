package bridge

// A Change is a new revision of one pair's replica, waiting for the remote site: everything the receiver may not know
// yet. A later change of the same pair replaces it; members (comments, attachments, …) are never lost by that, because
// the pair lists the ones not acknowledged.
type Change struct {
	Connection string `json:"connection"`
	Issue      Ref    `json:"issue"`          // the sender's issue
	Twin       string `json:"twin,omitempty"` // the receiver's issue id, once the sender knows it
	Revision   int64  `json:"revision"`       // of the sender's pair state; the ack names it
	Lane       Lane   `json:"lane,omitempty"`
	Rules      int64  `json:"rules,omitempty"` // revision of the outgoing rules that made every value in this change
	// Fields holds, by replica key, the sender's knowledge of both entries. An element of a set-valued field has the key
	// "labels/urgent" and the value true or false.
	Fields map[string]Entries `json:"fields,omitempty"`
	// Members are the comments, attachments and worklogs the receiver has not acknowledged, oldest first.
	Members []Member `json:"members,omitempty"`
	// Taken are the receiver's members that the sender has, told once after a state was lost or restored: the receiver may not
	// know that they left.
	Taken []Taken `json:"taken,omitempty"`
	// Gone says that the sender's issue was deleted, or left sync ("stopped"); the receiver's rule says what follows.
	Gone Gone `json:"gone,omitempty"`
	// Anew is since when an issue without a twin is offered (hub ms), where a state was lost or restored since: the one that
	// forgot it may have made the twin.
	Anew int64 `json:"anew,omitempty"`
	// Shadow says that the sender's connection only shows what it would do: nothing of this is to be written.
	Shadow bool `json:"shadow,omitempty"`
	// Join asks for an existing issue, named by Twin, to be taken as the twin.
	Join *Join `json:"join,omitempty"`
	// More says that parts of this change follow in later answers; the receiver acks the last part only.
	More bool `json:"more,omitempty"`
}

// Entries are the two entries of one field as a change carries them: nil where the sender knows of no edit.
type Entries struct {
	Mine   *Entry `json:"mine,omitempty"`   // the sender's own
	Theirs *Entry `json:"theirs,omitempty"` // what the sender has of the receiver's
}

// A Ref names an issue: the id is its identity, key and URL are for display and may change.
type Ref struct {
	ID  string `json:"id"`
	Key string `json:"key,omitempty"`
	URL string `json:"url,omitempty"`
}

// Gone says why an issue is no longer kept in sync by its own site.
type Gone string

// The ways an issue goes.
const (
	Deleted Gone = "deleted"
	Stopped Gone = "stopped"
)

// A MemberKind is the kind of a member of an issue: what has an identity of its own and is never lost by coalescing.
type MemberKind string

// The kinds of members.
const (
	Comment    MemberKind = "comment"
	Attachment MemberKind = "attachment"
	Worklog    MemberKind = "worklog"
	Link       MemberKind = "link"
)

// A Member is one comment, attachment, worklog or link of the sender's issue. It belongs to the site where it was
// written: edits and deletions travel from original to copy only.
type Member struct {
	Kind    MemberKind `json:"kind"`
	ID      string     `json:"id"`                // on the sender's site
	Seq     int64      `json:"seq"`               // its own "updated", in milliseconds of the sender's Jira: higher wins
	Deleted bool       `json:"deleted,omitempty"` // a tombstone: a late "created" cannot raise the dead
	Author  Person     `json:"author,omitzero"`
	Created int64      `json:"created,omitempty"` // ms since 1970
	Updated int64      `json:"updated,omitempty"`

	Body       string `json:"body,omitempty"`       // comment, worklog: wiki text
	Restricted bool   `json:"restricted,omitempty"` // a row let it out although not everyone may see it
	Name       string `json:"name,omitempty"`       // attachment: file name
	Type       string `json:"type,omitempty"`       // attachment: media type
	Size       int64  `json:"size,omitempty"`       // attachment: bytes
	SHA256     string `json:"sha256,omitempty"`     // attachment: hex; the receiver verifies it
	Note       string `json:"note,omitempty"`       // why content is absent: too large, refused
	Started    int64  `json:"started,omitempty"`    // worklog: ms since 1970
	Seconds    int64  `json:"seconds,omitempty"`    // worklog: time spent
	Copied     string `json:"copied,omitempty"`     // the receiver's id of the copy it has already, where existing issues were joined
	Other      string `json:"other,omitempty"`      // link: the sender's id of the issue at the other end
	Outward    bool   `json:"outward,omitempty"`    // link: the sender's issue is the source
}

// Taken names a member of the receiver's issue that the sender has been told of.
type Taken struct {
	Kind MemberKind `json:"kind"`
	ID   string     `json:"id"`             // on the receiver's site
	Seq  int64      `json:"seq"`            // of what it was told last
	Copy string     `json:"copy,omitempty"` // the sender's id of the copy, where there is one
}

// A Person is a user as a replica shows one: only what the outgoing rule lets out.
type Person struct {
	Name  string `json:"name,omitempty"`  // display name
	Email string `json:"email,omitempty"` // where the site shows it
	ID    string `json:"id,omitempty"`    // account id or user name on the sender's site
}

// An Outcome is what became of a change, a field or a member at the receiver.
type Outcome string

// The outcomes.
const (
	Applied   Outcome = "applied"   // done, or nothing needed doing
	Refused   Outcome = "refused"   // the receiver's Jira or rule refused it; the reason says why
	Parked    Outcome = "parked"    // cannot be applied now; kept at the receiver with the reason
	Unwanted  Outcome = "unwanted"  // the receiver's rules do not take it
	Awaits    Outcome = "awaits"    // the twin of another issue has to come first; asked for again by itself then
	Unmatched Outcome = "unmatched" // the receiver has no pair for it any more
)

// An Ack is the receiver's durable statement "this pair is applied up to this revision", with the outcome.
type Ack struct {
	Connection string            `json:"connection"`
	Issue      string            `json:"issue"` // the sender's issue id, as the change had it
	Twin       Ref               `json:"twin"`  // the receiver's issue; empty id while there is none
	Revision   int64             `json:"revision"`
	Outcome    Outcome           `json:"outcome"`
	Reason     string            `json:"reason,omitempty"`  // for a person on the sending side; names no rule
	Refused    map[string]string `json:"refused,omitempty"` // by replica key: why this field was not applied
	// Members maps the sender's member ids ("comment/10001") to the receiver's ids of their copies.
	Members map[string]string `json:"members,omitempty"`
}
