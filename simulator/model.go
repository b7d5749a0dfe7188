package simulator

import (
	"encoding/json"
	"time"
)

// The two flavours.
const (
	Cloud      = "cloud"
	DataCenter = "datacenter"
)

// state is everything a site remembers. It is plain data: saved as JSON,
// copied by saving and loading.
type state struct {
	Flavour     string
	Counters    map[string]int64
	Users       []*User
	Projects    []*Project
	Types       []*IssueType
	Statuses    []*Status
	Priorities  []*Named
	Resolutions []*Named
	Security    []*SecurityLevel
	LinkTypes   []*LinkType
	Fields      []*Field
	Workflows   []*Workflow
	Issues      map[int64]*Issue
	OldKeys     map[string]int64 // keys that moved issues had before
	Links       map[int64]*Link
	Webhooks    []*Webhook
	Rules       []*Rule
	Blobs       map[string][]byte // attachment content by SHA-256
	GoneLogs    []*GoneWorklog    // deleted worklogs, for /worklog/deleted
}

// User is an account. ID identifies it inside the simulator: the accountId on
// Cloud, the user key on Data Center.
type User struct {
	ID        string
	Name      string // Data Center user name; also the local part of the e-mail
	Display   string
	Email     string
	ShowEmail bool // Cloud: the profile shows the address to everybody
	Zone      string
	Active    bool
	Token     string // API token (Cloud) or personal access token (Data Center)
	Password  string // Data Center only
	Groups    []string
	Roles     []string // project roles, held in every project
	Denied    []string // permission keys taken away, such as "EDIT_ISSUES"
	Expired   bool     // the credential is no longer accepted
}

// Project groups issues. Screens are lists of field ids.
type Project struct {
	ID, Key, Name string
	Type          string // "software" or "service_desk"
	Lead          string
	Types         []string
	Workflow      string
	CreateScreen  []string
	EditScreen    []string
	Required      []string
	Components    []*Component
	Versions      []*Version
	RequestTypes  []*RequestType
	LastNumber    int
}

// Component is a part of a project.
type Component struct{ ID, Name, Description, Lead string }

// Version is a release of a project.
type Version struct {
	ID, Name, Description string
	Archived, Released    bool
	ReleaseDate           string
}

// RequestType is what a customer of a service project chooses in the portal.
type RequestType struct{ ID, Name, Key, IssueType string }

// Named is a priority or a resolution.
type Named struct{ ID, Name, Description string }

// IssueType is a kind of issue.
type IssueType struct {
	ID, Name, Description string
	Subtask               bool
	Epic                  bool // one level above the others
}

// Status is a step of a workflow. Category is "new", "indeterminate" or "done".
type Status struct{ ID, Name, Category string }

// SecurityLevel hides issues from everybody outside its roles.
type SecurityLevel struct {
	ID, Name string
	Roles    []string
}

// LinkType names the two directions of a link.
type LinkType struct{ ID, Name, Inward, Outward string }

// Option is a choice of a select field.
type Option struct {
	ID, Value string
	Disabled  bool `json:",omitempty"`
}

// Field describes one field. Kind is a key of the table in kind.go.
type Field struct {
	ID, Name string
	Kind     string
	Custom   bool
	Options  []*Option `json:",omitempty"`
}

// Value is what an issue holds in one field: nothing, one word, or several.
// What the words are depends on the field's kind: text, a date, a user id, an
// option id. Values are never changed in place.
type Value []string

// Issue is one issue with all that belongs to it.
type Issue struct {
	ID              int64
	Project         string
	Key             string
	Number          int
	Creator         string
	Created         time.Time
	Updated         time.Time
	Resolved        time.Time
	CategoryChanged time.Time
	Archived        bool
	Values          map[string]Value
	Comments        []*Comment
	Worklogs        []*Worklog
	Attachments     []*Attachment
	RemoteLinks     []*RemoteLink
	Properties      map[string]json.RawMessage
	Histories       []*History
	Watchers        []string
}

// Visibility restricts a comment or worklog to a role or a group.
type Visibility struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Comment is a comment; Body is wiki markup.
type Comment struct {
	ID               int64
	Author, Editor   string
	Body             string
	Created, Updated time.Time
	Visibility       *Visibility `json:",omitempty"`
	Internal         bool        `json:",omitempty"` // only agents of the service project see it
	Parent           int64       `json:",omitempty"`
	Properties       map[string]json.RawMessage
}

// Worklog is time spent.
type Worklog struct {
	ID               int64
	Author, Editor   string
	Comment          string
	Started          time.Time
	Created, Updated time.Time
	Seconds          int64
	Visibility       *Visibility `json:",omitempty"`
	Properties       map[string]json.RawMessage
}

// GoneWorklog remembers a deletion.
type GoneWorklog struct {
	ID int64
	At time.Time
}

// Attachment is a file; Hash finds its content.
type Attachment struct {
	ID      int64
	Name    string
	Mime    string
	Author  string
	Created time.Time
	Size    int64
	Hash    string
}

// Link joins two issues of one site.
type Link struct {
	ID, Source, Target int64 // Source is the outward side's issue ("blocks" reads from Source to Target)
	Type               string
}

// RemoteLink is a link to a page elsewhere.
type RemoteLink struct {
	ID           int64
	GlobalID     string
	Relationship string
	Application  json.RawMessage
	Object       json.RawMessage
}

// History is one write as the changelog keeps it.
type History struct {
	ID       int64
	Author   string
	Created  time.Time
	Items    []Item
	Metadata json.RawMessage `json:",omitempty"`
}

// Item is one changed field of a history. A nil pointer is JSON null.
type Item struct {
	Field, Type, FieldID string
	From, FromString     *string
	To, ToString         *string
	User                 bool `json:",omitempty"` // the ids are accounts
}

// Webhook is a registration.
type Webhook struct {
	ID          int64
	Name, URL   string
	Events      []string
	JQL         string
	Secret      string
	ExcludeBody bool
	Disabled    bool
	Updated     time.Time
	LastSuccess time.Time
}
