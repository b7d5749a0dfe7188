package jira

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// EventKind is what happened, the same on both flavours.
type EventKind string

// The kinds of events. Everything that cannot change what is kept in sync is Ignored.
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

var eventKinds = map[string]EventKind{
	"jira:issue_created": IssueCreated, "jira:issue_updated": IssueUpdated, "jira:issue_deleted": IssueDeleted,
	"jira:worklog_updated": IssueUpdated, // old Data Center: the issue's logged work changed
	"comment_created":      CommentCreated, "comment_updated": CommentUpdated, "comment_deleted": CommentDeleted,
	"worklog_created": WorklogCreated, "worklog_updated": WorklogUpdated, "worklog_deleted": WorklogDeleted,
	"attachment_created": AttachmentCreated, "attachment_deleted": AttachmentDeleted,
	"issuelink_created": LinkCreated, "issuelink_deleted": LinkDeleted,
	"issue_property_set": PropertySet, "issue_property_deleted": PropertyDeleted,
}

// An Event is what a webhook body says: an observation, true when it was sent, perhaps long ago, perhaps twice, perhaps out of order.
type Event struct {
	Kind EventKind
	Name string // Jira's own: "jira:issue_updated"
	// IssueID is the issue it is about; "" where the body does not tell (some attachment events). IssueKey may be missing.
	IssueID, IssueKey string
	Issue             *Issue // nil, or Partial, where the body carries none or little of it
	// History is the change as its changelog entry. Trust says that its ID is the entry's id in the changelog, so that it
	// orders edits; otherwise it is a hint to read the changelog. A creation's never is.
	History     *History
	Trust       bool
	Comment     *Comment
	Worklog     *Worklog
	Attachment  *Attachment
	Link        *Link  // Source and Destination
	PropertyKey string // of property events
	User        User   // who did it; the zero User where the body does not tell (a deleted comment, on Cloud)
	At          time.Time
	Delivery    string // the same on every retry of one delivery; Cloud
	Retry       int
}

// wireEvent is what a body holds.
type wireEvent struct {
	name, property   string
	at               time.Time
	user             User
	issue            *Issue
	history          *History
	comment, worklog []byte
	attachment       *Attachment
	link             *Link
}

// readEvent reads a body; of an issue and its changelog, whole or only which it is.
func readEvent(raw []byte, whole bool) (w wireEvent, err error) {
	err = walk.Members(raw, func(name, value []byte) (err error) {
		if string(value) == "null" {
			return nil
		}
		switch n := string(name); {
		case whole:
		case n == "issue":
			w.issue = &Issue{}
			return walk.Members(value, w.issue.which)
		case n == "changelog":
			return nil
		}
		switch string(name) {
		case "timestamp":
			w.at = timeOf(value)
		case "webhookEvent":
			w.name = word(value)
		case "user":
			err = w.user.UnmarshalJSON(value)
		case "issue":
			w.issue, err = readIssue(value, 0, false)
		case "changelog":
			w.history = &History{}
			err = w.history.UnmarshalJSON(value)
		case "comment":
			w.comment = value
		case "worklog":
			w.worklog = value
		case "attachment":
			w.attachment = &Attachment{}
			err = w.attachment.UnmarshalJSON(value)
		case "issueLink":
			w.link, err = readEventLink(value)
		case "property":
			w.property = word(walk.Member(value, "key"))
		}
		return err
	})
	return w, err
}

func readEventLink(raw []byte) (*Link, error) {
	l := &Link{}
	return l, walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "id":
			l.ID = word(value)
		case "sourceIssueId":
			l.Source = word(value)
		case "destinationIssueId":
			l.Destination = word(value)
		case "issueLinkType":
			l.Type = LinkType{word(walk.Member(value, "id")), word(walk.Member(value, "name")), word(walk.Member(value, "inwardName")), word(walk.Member(value, "outwardName"))}
		}
		return nil
	})
}

// DecodeEvent reads a webhook body of either flavour. An error is permanent and says what is wrong with the body; an event
// that is of no interest is no error but Ignored. The caller limits the body's size.
func DecodeEvent(body []byte, h http.Header) (Event, error) { return decodeEvent(body, h, true) }

// PeekEvent is DecodeEvent for whoever only wants to know what happened to which issue: what the issue looks like is left out, and
// read by nobody.
func PeekEvent(body []byte, h http.Header) (Event, error) { return decodeEvent(body, h, false) }

func decodeEvent(body []byte, h http.Header, whole bool) (Event, error) {
	if err := decent(body); err != nil {
		return Event{}, err
	}
	err := walk.Check(body)
	var w wireEvent
	if err == nil {
		w, err = readEvent(body, whole)
	}
	if err != nil {
		return Event{}, bridge.Permanent("event-unreadable", "webhook body: %w", err)
	}
	if w.name == "" {
		return Event{}, bridge.Permanent("event-unreadable", "webhook body: no webhookEvent in it: not sent by Jira")
	}
	e := Event{Kind: Ignored, Name: w.name, At: w.at}
	e.Delivery = h.Get("X-Atlassian-Webhook-Identifier")
	e.Retry, _ = strconv.Atoi(h.Get("X-Atlassian-Webhook-Retry"))
	if k, ok := eventKinds[e.Name]; ok {
		e.Kind = k
		w.fill(&e)
	}
	for _, id := range e.ids() {
		if !plainID.MatchString(id) {
			return Event{}, bridge.Permanent("event-unreadable", "webhook body: %.40q is no id that Jira gives", id)
		}
	}
	return e, nil
}

// plainID is what an id may look like: ids stand in paths of calls and in keys of our state.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// ids are those of an event that are used further on.
func (e *Event) ids() []string {
	ids := []string{e.IssueID}
	if e.Comment != nil {
		ids = append(ids, e.Comment.ID)
	}
	if e.Worklog != nil {
		ids = append(ids, e.Worklog.ID)
	}
	if e.Attachment != nil {
		ids = append(ids, e.Attachment.ID)
	}
	if e.Link != nil {
		ids = append(ids, e.Link.ID, e.Link.Source, e.Link.Destination)
	}
	return ids
}

// fill enters what the body carries.
func (w *wireEvent) fill(e *Event) {
	e.User, e.PropertyKey = w.user, w.property
	if i := w.issue; i != nil && i.ID != "" {
		i.AllHistories = false
		i.Partial = !i.Knows("updated") // comment events carry six fields, this not among them
		e.Issue, e.IssueID, e.IssueKey = i, i.ID, i.Key
	}
	w.fillComment(e)
	w.fillWorklog(e)
	if e.Attachment = w.attachment; e.Attachment != nil && e.User.ID() == "" && e.Kind == AttachmentCreated {
		e.User = e.Attachment.Author
	}
	if e.Link = w.link; e.Link != nil {
		e.IssueID = or(e.IssueID, e.Link.Source)
	}
	w.fillHistory(e)
}

func (w *wireEvent) fillComment(e *Event) {
	var m Comment
	if len(w.comment) == 0 || m.UnmarshalJSON(w.comment) != nil || m.ID == "" {
		return
	}
	e.Comment = &m
	e.IssueID = or(e.IssueID, issueIn(word(walk.Member(w.comment, "self"))))
	if e.User.ID() == "" && (e.Kind == CommentCreated || e.Kind == CommentUpdated) {
		e.User = m.UpdateAuthor
		if e.User.ID() == "" {
			e.User = m.Author
		}
	}
}

func (w *wireEvent) fillWorklog(e *Event) {
	var l Worklog
	if len(w.worklog) == 0 || l.UnmarshalJSON(w.worklog) != nil || l.ID == "" {
		return
	}
	l.IssueID = or(l.IssueID, issueIn(word(walk.Member(w.worklog, "self"))))
	e.Worklog = &l
	e.IssueID = or(e.IssueID, l.IssueID)
	if e.User.ID() == "" && e.Kind != WorklogDeleted {
		e.User = l.UpdateAuthor
	}
}

// fillHistory makes a changelog entry of the body's changelog: its time is the event's, its author the event's user.
func (w *wireEvent) fillHistory(e *Event) {
	h := w.history
	if h == nil {
		return
	}
	h.Author = e.User
	if h.Created.IsZero() {
		h.Created = e.At
	}
	e.History = h
	e.Trust = e.Kind == IssueUpdated && h.ID > 0 && strconv.FormatInt(h.ID, 10) != e.IssueID
}

var issueSelf = regexp.MustCompile(`/rest/api/[^/]+/issue/([0-9]+)/(?:comment|worklog)/`)

// issueIn is the issue id in the address of a comment or worklog.
func issueIn(self string) string {
	u, err := url.Parse(self)
	if err != nil {
		return ""
	}
	if m := issueSelf.FindStringSubmatch(u.Path); m != nil {
		return m[1]
	}
	return ""
}
