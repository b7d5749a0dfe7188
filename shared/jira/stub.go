package jira

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"drawbridge/shared/bridge"
)

type limits struct{}
type account struct{}
type clock struct{}

// New makes a client.
func New(o Options) (*Client, error) { panic("soon") }

func (c *Client) Myself(ctx context.Context) (User, error) { panic("soon") }

// Whoami is Myself, and an error when Jira takes us for an anonymous caller.
func (c *Client) Whoami(ctx context.Context) (User, error) { panic("soon") }

// ServerInfo describes the site.
type ServerInfo struct {
	Version, DeploymentType, BaseURL, ServerID, Title string
	ServerTime                                        time.Time
}

func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) { panic("soon") }
func (c *Client) ClockOffset() time.Duration                         { panic("soon") }
func (c *Client) Gate(until time.Time)                               { panic("soon") }

type Schema struct{}
type Field struct {
	ID, Name                        string
	Custom                          bool
	Kind                            bridge.Kind
	Items, SchemaType, SchemaCustom string
}

func (c *Client) Fields(ctx context.Context) (*Schema, error) { panic("soon") }
func (c *Client) Refresh(ctx context.Context) error           { panic("soon") }
func (s *Schema) ByID(id string) (Field, bool)                { panic("soon") }
func (s *Schema) ByName(name string) []Field                  { panic("soon") }
func (s *Schema) All() []Field                                { panic("soon") }
func (s *Schema) Resolve(it Item) string                      { panic("soon") }

// ReadOnly reports whether Jira itself keeps the field: it can be read, never written as a field.
func (f Field) ReadOnly() bool                                          { panic("soon") }
func (f Field) Wire(v bridge.Value, fl bridge.Flavour) (any, error)     { panic("soon") }
func (f Field) WireElement(elem string, fl bridge.Flavour) (any, error) { panic("soon") }

// ItemValue is the value a changelog item itself shows, where it is exact (never toString, never an ARI).
func (f Field) ItemValue(to string, names *Names) (bridge.Value, bool)   { panic("soon") }
func (i *Issue) Neutral(f Field) (v bridge.Value, set []string, ok bool) { panic("soon") }

// Names are the words of a site.
type Names struct {
	Statuses                            []Status
	Priorities, Resolutions, IssueTypes []Named
	Projects                            []Project
	LinkTypes                           []LinkType
}
type Named struct{ ID, Name string }
type Status struct{ ID, Name, Category string }
type Project struct{ ID, Key, Name, TypeKey string }
type LinkType struct{ ID, Name, Inward, Outward string }

func (c *Client) Names(ctx context.Context) (*Names, error) { panic("soon") }

type IssueOptions struct {
	Fields              []string
	Histories, Comments bool
	Properties          []string
}

func (c *Client) Issue(ctx context.Context, idOrKey string, o IssueOptions) (*Issue, error) {
	panic("soon")
}

type SearchOptions struct {
	Fields              []string
	Histories, Comments bool
	Properties          []string
	Page                int
	Reconcile           []string
}

func (c *Client) Search(ctx context.Context, jql string, o SearchOptions, each func(*Issue) error) error {
	panic("soon")
}

// SearchPage is one page; next is the cursor of the following one, "" after the last.
func (c *Client) SearchPage(ctx context.Context, jql string, o SearchOptions, cursor string) (page []*Issue, next string, err error) {
	panic("soon")
}
func (c *Client) Count(ctx context.Context, jql string) (int, error) { panic("soon") }
func (c *Client) Match(ctx context.Context, jqls []string, issueID string) ([]bool, error) {
	panic("soon")
}
func (c *Client) Histories(ctx context.Context, id string, each func(History) error) error {
	panic("soon")
}

type CreateRequest struct {
	Fields, Properties map[string]any
	Metadata           *Metadata
}

func (c *Client) Create(ctx context.Context, r CreateRequest) (Ref, error) { panic("soon") }

type EditRequest struct {
	Fields     map[string]any
	Update     map[string][]map[string]any
	Properties map[string]any
	Metadata   *Metadata
	Silent     bool
}

func (c *Client) Edit(ctx context.Context, id string, r EditRequest) (*Issue, error) { panic("soon") }

type Transition struct {
	ID, Name string
	To       Status
	Fields   map[string]FieldMeta
}
type TransitionField = FieldMeta
type TransitionRequest struct {
	ID       string
	Fields   map[string]any
	Update   map[string][]map[string]any
	Metadata *Metadata
}

func (c *Client) Transitions(ctx context.Context, id string) ([]Transition, error)     { panic("soon") }
func (c *Client) Transition(ctx context.Context, id string, r TransitionRequest) error { panic("soon") }

type FieldMeta struct {
	Name                 string
	Required, HasDefault bool
	Allowed              []Named
	Operations           []string
}

func (c *Client) EditMeta(ctx context.Context, id string) (map[string]FieldMeta, error) {
	panic("soon")
}
func (c *Client) CreateMeta(ctx context.Context, project, issuetype string) (map[string]FieldMeta, error) {
	panic("soon")
}
func (c *Client) DeleteIssue(ctx context.Context, id string) error { panic("soon") }

type Visibility struct{ Type, Value, Identifier string }

// A Comment is a comment as one answer or webhook body shows it.
type Comment struct {
	ID                   string
	Author, UpdateAuthor User
	Body                 string
	Created, Updated     time.Time
	Visibility           *Visibility
	Internal             *bool // nil: not proven
	ParentID             string
	Properties           map[string]json.RawMessage
	HasProperties        bool
	Complete             bool // read from the API: no Visibility means that there is none
}
type CommentRequest struct {
	Body       string
	Visibility *Visibility
	Open       bool
	Internal   bool
	Properties map[string]any
}

func (c *Client) ListComments(ctx context.Context, issueID string) ([]Comment, error) { panic("soon") }
func (c *Client) GetComment(ctx context.Context, issueID, id string) (Comment, error) { panic("soon") }
func (c *Client) AddComment(ctx context.Context, issueID string, r CommentRequest) (Comment, error) {
	panic("soon")
}
func (c *Client) EditComment(ctx context.Context, issueID, id string, r CommentRequest) (Comment, error) {
	panic("soon")
}
func (c *Client) DeleteComment(ctx context.Context, issueID, id string) error { panic("soon") }

type Attachment struct {
	ID, Name, MimeType, Content string
	Size                        int64
	Author                      User
	Created                     time.Time
}

func (c *Client) Attachment(ctx context.Context, id string) (Attachment, error)     { panic("soon") }
func (c *Client) Download(ctx context.Context, a Attachment) (io.ReadCloser, error) { panic("soon") }
func (c *Client) Upload(ctx context.Context, issueID, name string, size int64, r io.Reader) (Attachment, error) {
	panic("soon")
}
func (c *Client) DeleteAttachment(ctx context.Context, id string) error { panic("soon") }

// UploadLimit is the largest attachment in bytes and whether attachments are on.
func (c *Client) UploadLimit(ctx context.Context) (int64, bool, error) { panic("soon") }

type RemoteLink struct {
	ID, GlobalID, URL, Title, Summary, Icon, IconTitle, Relationship string
	Application                                                      Application
}
type Application struct{ Type, Name string }

func (c *Client) SetRemoteLink(ctx context.Context, issueID string, l RemoteLink) error {
	panic("soon")
}
func (c *Client) RemoteLinks(ctx context.Context, issueID string) ([]RemoteLink, error) {
	panic("soon")
}
func (c *Client) DeleteRemoteLink(ctx context.Context, issueID, globalID string) error { panic("soon") }

// A Link is a link of two issues as one of them shows it: Outward when that one is the source.
type Link struct {
	ID                  string
	Type                LinkType
	Outward             bool
	Other               Ref
	Source, Destination string
}
type LinkRequest struct{ Type, Source, Destination string }

func (c *Client) AddLink(ctx context.Context, r LinkRequest) error          { panic("soon") }
func (c *Client) DeleteLink(ctx context.Context, id string) error           { panic("soon") }
func (c *Client) Links(ctx context.Context, issueID string) ([]Link, error) { panic("soon") }

type Worklog struct {
	ID, IssueID               string
	Author, UpdateAuthor      User
	Comment                   string
	Created, Updated, Started time.Time
	Seconds                   int64
	Visibility                *Visibility
}
type WorklogRequest struct {
	Comment    string
	Started    time.Time
	Seconds    int64
	Visibility *Visibility
	Properties map[string]any
}

func (c *Client) AddWorklog(ctx context.Context, issueID string, r WorklogRequest) (Worklog, error) {
	panic("soon")
}
func (c *Client) EditWorklog(ctx context.Context, issueID, id string, r WorklogRequest) (Worklog, error) {
	panic("soon")
}
func (c *Client) DeleteWorklog(ctx context.Context, issueID, id string) error         { panic("soon") }
func (c *Client) ListWorklogs(ctx context.Context, issueID string) ([]Worklog, error) { panic("soon") }
func (c *Client) SetProperty(ctx context.Context, issueID, key string, value any) error {
	panic("soon")
}

// Property is nil where the issue has none of that key.
func (c *Client) Property(ctx context.Context, issueID, key string) (json.RawMessage, error) {
	panic("soon")
}
func (c *Client) DeleteProperty(ctx context.Context, issueID, key string) error { panic("soon") }
func (c *Client) SetCommentProperty(ctx context.Context, commentID, key string, value any) error {
	panic("soon")
}
func (c *Client) CommentProperty(ctx context.Context, commentID, key string) (json.RawMessage, error) {
	panic("soon")
}

func (c *Client) User(ctx context.Context, id string) (User, error)                  { panic("soon") }
func (c *Client) FindUser(ctx context.Context, query string) ([]User, error)         { panic("soon") }
func (c *Client) UserByEmail(ctx context.Context, email string) (User, bool, error)  { panic("soon") }
func (c *Client) Assignable(ctx context.Context, project, user string) (bool, error) { panic("soon") }
func (c *Client) MyPermissions(ctx context.Context, projectKey string, keys ...string) (map[string]bool, error) {
	panic("soon")
}

type IndexState struct{ Database, Index, Report time.Time }

func (s IndexState) Lag() time.Duration                                  { panic("soon") }
func (c *Client) IndexLag(ctx context.Context) (IndexState, bool, error) { panic("soon") }

type Webhook struct {
	ID, Name, URL string
	Events        []string
	JQL           string
	Enabled       bool
}
type WebhookRequest struct {
	Name, URL   string
	Events      []string
	JQL, Secret string
}

func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) { panic("soon") }
func (c *Client) RegisterWebhook(ctx context.Context, r WebhookRequest) (Webhook, error) {
	panic("soon")
}
func (c *Client) DeleteWebhook(ctx context.Context, id string) error { panic("soon") }

type EventKind string

const (
	IssueCreated      EventKind = "issue-created"
	IssueUpdated      EventKind = "issue-updated"
	IssueDeleted      EventKind = "issue-deleted"
	CommentCreated    EventKind = "comment-created"
	CommentUpdated    EventKind = "comment-updated"
	CommentDeleted    EventKind = "comment-deleted"
	WorklogCreated    EventKind = "worklog-created"
	WorklogUpdated    EventKind = "worklog-updated"
	WorklogDeleted    EventKind = "worklog-deleted"
	AttachmentCreated EventKind = "attachment-created"
	AttachmentDeleted EventKind = "attachment-deleted"
	LinkCreated       EventKind = "link-created"
	LinkDeleted       EventKind = "link-deleted"
	PropertySet       EventKind = "property-set"
	PropertyDeleted   EventKind = "property-deleted"
	Ignored           EventKind = "ignored"
)

type Event struct {
	Kind              EventKind
	Name              string
	IssueID, IssueKey string
	Issue             *Issue
	History           *History
	Trust             bool // History.ID is the id of the REST changelog
	Comment           *Comment
	Worklog           *Worklog
	Attachment        *Attachment
	Link              *Link
	User              User
	At                time.Time
	Delivery          string
	Retry             int
}

func DecodeEvent(body []byte, h http.Header) (Event, error)          { panic("soon") }
func VerifySignature(secret string, body []byte, header string) bool { panic("soon") }

// Mention writes a mention of a user for a flavour.
func Mention(fl bridge.Flavour, id string) string { panic("soon") }
func Mentions(s string) []string                  { panic("soon") }

// ReplaceMentions replaces each mention by what with returns for its id: another mention, or plain text.
func ReplaceMentions(s string, with func(id string) string) string { panic("soon") }
func CleanSmartLinks(s string) string                              { panic("soon") }

// Files are the names of attachments a text refers to.
func Files(s string) []string                                   { panic("soon") }
func RenameFiles(s string, name func(old string) string) string { panic("soon") }

func StatusOf(err error) int                  { panic("soon") }
func FieldErrors(err error) map[string]string { panic("soon") }
func Uncertain(err error) bool                { panic("soon") }
