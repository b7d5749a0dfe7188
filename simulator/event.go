package simulator

import (
	"encoding/json"
	"maps"
	"strconv"
)

// event is something webhooks may be told. Its body is only built if one is
// interested.
type event struct {
	name      string
	issue     *Issue // JQL filters look at it; nil: the event cannot be filtered
	by        *User
	body      func(v *view) obj
	secondary bool // a consequence of something else, delivered with less haste
}

// send hands an event to every webhook that wants it.
func (s *Site) send(e event) {
	var body obj
	for _, w := range s.st.Webhooks {
		if w.Disabled || !contains(w.Events, e.name) || e.issue != nil && !s.matches(w.JQL, e.issue, e.by) {
			continue
		}
		if body == nil {
			body = e.body(s.hookView(e.by))
			body["timestamp"], body["webhookEvent"] = s.now().UnixMilli(), e.name
		}
		mine := maps.Clone(body)
		if s.cloud() {
			mine["matchedWebhookIds"] = []int64{w.ID}
		}
		s.post.accept(w, e, mine)
	}
}

// allFields are the fields of an issue in a webhook: on Cloud without comments
// and worklogs.
func (s *Site) allFields() wanted {
	if s.cloud() {
		return wantFields([]string{"*all", "-comment", "-worklog"})
	}
	return wantFields([]string{"*all"})
}

// sixFields are all a Cloud comment event tells of its issue.
var sixFields = wantFields([]string{"summary", "issuetype", "project", "assignee", "priority", "status"})

// eventLog is the changelog of a webhook body.
func (v *view) eventLog(id int64, items []Item, meta []byte) obj {
	if v.s.settings.UntrustedIDs {
		id = 1e9 + v.s.rng.below(1e9)
	}
	out := obj{"id": strconv.FormatInt(id, 10), "items": v.items(items)}
	if len(meta) > 0 && v.s.settings.ReturnMetadata && v.s.settings.WebhookMetadata {
		out["historyMetadata"] = json.RawMessage(meta)
	}
	return out
}

// sendCreated announces a new issue. Only Cloud tells the first values, as
// changes from nothing, under the issue's own id.
func (s *Site) sendCreated(is *Issue, by *User, ch *change) {
	s.send(event{name: "jira:issue_created", issue: is, by: by, body: func(v *view) obj {
		out := obj{"issue_event_type_name": "issue_created", "user": v.user(by.ID), "issue": v.issue(is, s.allFields())}
		if s.cloud() {
			items := append([]Item(nil), ch.items...)
			for i := range items {
				if items[i].FieldID == "status" {
					items[i].Field = "Status"
				}
			}
			out["changelog"] = v.eventLog(is.ID, items, ch.meta)
		}
		return out
	}})
}

// sendUpdated announces an edit; comment is set where Data Center tells a
// comment and an edit in one event.
func (s *Site) sendUpdated(is *Issue, by *User, typeName string, h *History, comment *Comment) {
	s.send(event{name: "jira:issue_updated", issue: is, by: by, body: func(v *view) obj {
		out := obj{"issue_event_type_name": typeName, "user": v.user(by.ID), "issue": v.issue(is, s.allFields())}
		if h != nil {
			out["changelog"] = v.eventLog(h.ID, h.Items, h.Metadata)
		}
		if comment != nil {
			out["comment"] = v.eventComment(is, comment)
		}
		return out
	}})
}

func (v *view) eventComment(is *Issue, cm *Comment) obj {
	out := v.comment(is, cm, false)
	if v.s.settings.HideVisibility {
		delete(out, "visibility")
	}
	return out
}

// commentTypes are Data Center's type names for the second event.
var commentTypes = map[string]string{"created": "issue_commented", "updated": "issue_comment_edited", "deleted": "issue_comment_deleted"}

// sendComment announces a comment: once on Cloud, with six fields of its issue;
// on Data Center as comment_* without an issue and again as jira:issue_updated
// with everything.
func (s *Site) sendComment(what string, is *Issue, cm *Comment, by *User) {
	s.send(event{name: "comment_" + what, issue: is, by: by, body: func(v *view) obj {
		out := obj{"comment": v.eventComment(is, cm)}
		if s.cloud() {
			short := v.issue(is, sixFields)
			short["self"] = v.rest(is.ID) // without /issue/, as Cloud sends it here
			out["issue"], out["eventType"] = short, "primaryAction"
		} else if what != "created" {
			out["user"] = v.user(by.ID)
		}
		return out
	}})
	if !s.cloud() {
		s.sendUpdated(is, by, commentTypes[what], nil, cm)
	}
}

// sendCommentDeleted differs in Data Center's second event: it has a changelog
// and no comment.
func (s *Site) sendCommentDeleted(is *Issue, cm *Comment, by *User, h *History) {
	if s.cloud() {
		s.sendComment("deleted", is, cm, by)
		return
	}
	s.send(event{name: "comment_deleted", issue: is, by: by, body: func(v *view) obj {
		return obj{"comment": v.eventComment(is, cm), "user": v.user(by.ID)}
	}})
	s.sendUpdated(is, by, commentTypes["deleted"], h, nil)
}

func (s *Site) sendWorklog(what string, is *Issue, w *Worklog, by *User) {
	s.send(event{name: "worklog_" + what, issue: is, by: by, body: func(v *view) obj {
		log := v.worklog(is, w)
		if s.settings.HideVisibility {
			delete(log, "visibility")
		}
		out := obj{"worklog": log}
		if s.cloud() {
			out["isFromIssueLimitTransformation"] = false
		}
		return out
	}})
}

func (s *Site) sendAttachment(what string, is *Issue, a *Attachment, by *User) {
	s.send(event{name: "attachment_" + what, issue: is, by: by, body: func(v *view) obj {
		out := obj{"attachment": v.attachment(a)}
		if !s.settings.BareAttachments {
			out["issue"] = v.issue(is, sixFields)
		}
		return out
	}})
}

// sendLink tells of a link by numeric ids, without keys and without a user.
func (s *Site) sendLink(what string, l *Link) {
	s.send(event{name: "issuelink_" + what, body: func(*view) obj {
		t := s.linkType(l.Type)
		return obj{"issueLink": obj{"id": l.ID, "sourceIssueId": l.Source, "destinationIssueId": l.Target, "systemLink": false,
			"issueLinkType": obj{"id": jsonID(t.ID), "name": t.Name, "outwardName": t.Outward, "inwardName": t.Inward, "isSubTaskLinkType": false, "isSystemLinkType": false}}}
	}})
}

// sendProperty tells of an entity property of an issue; only Cloud does.
func (s *Site) sendProperty(is *Issue, key string, gone bool, by *User) {
	if !s.cloud() {
		return
	}
	name, prop := "issue_property_set", obj{"key": key}
	if gone {
		name = "issue_property_deleted"
	} else {
		prop["value"] = is.Properties[key]
	}
	s.send(event{name: name, issue: is, by: by, body: func(v *view) obj {
		return obj{"issue": v.issue(is, sixFields), "property": prop, "user": v.user(by.ID)}
	}})
}

// sendDeleted announces a deletion and, on Cloud, that of everything in the
// issue.
func (s *Site) sendDeleted(is *Issue, by *User) {
	s.send(event{name: "jira:issue_deleted", issue: is, by: by, body: func(v *view) obj {
		return obj{"user": v.user(by.ID), "issue": v.issue(is, s.allFields())}
	}})
	if !s.cloud() {
		return
	}
	for _, cm := range is.Comments {
		s.send(event{name: "comment_deleted", issue: is, by: by, secondary: true, body: func(v *view) obj {
			return obj{"comment": v.eventComment(is, cm), "issue": v.issue(is, sixFields)}
		}})
	}
	for _, a := range is.Attachments {
		s.send(event{name: "attachment_deleted", issue: is, by: by, secondary: true, body: func(v *view) obj {
			return obj{"attachment": v.attachment(a)}
		}})
	}
	for _, l := range s.ix.links[is.ID] {
		s.sendLink("deleted", l)
	}
}

// sendNamed announces something that has no issue, such as a version.
func (s *Site) sendNamed(name, what string, thing any) {
	s.send(event{name: name, body: func(*view) obj { return obj{what: thing} }})
}
