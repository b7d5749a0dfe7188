package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// change is one write to one issue: it gathers what changed and, when
// committed, becomes one history, one event and whatever automation makes of
// it. A change in which nothing changed leaves no trace.
type change struct {
	s     *Site
	is    *Issue
	by    *User
	at    time.Time
	items []Item
	meta  json.RawMessage
}

func (s *Site) change(is *Issue, by *User) *change {
	return &change{s: s, is: is, by: by, at: s.now()}
}

// set gives a field a new value and notes the difference.
func (ch *change) set(f *Field, v Value) {
	old := ch.is.Values[f.ID]
	if slices.Equal(old, v) {
		return
	}
	ch.items = append(ch.items, ch.s.diff(f, old, v)...)
	ch.s.put(ch.is, f.ID, v, ch.at)
}

// put stores a value and keeps what is derived from it.
func (s *Site) put(is *Issue, field string, v Value, at time.Time) {
	before := is.parent()
	oldStatus := s.status(is.word("status"))
	if len(v) == 0 {
		delete(is.Values, field)
	} else {
		is.Values[field] = v
	}
	switch field {
	case "parent":
		s.ix.moveChild(is.ID, before, is.parent())
	case "resolution":
		is.Resolved = time.Time{}
		if len(v) > 0 {
			is.Resolved = at
		}
	case "status":
		if now := s.status(is.word("status")); oldStatus == nil || oldStatus.Category != now.Category {
			is.CategoryChanged = at
		}
	}
}

// commit ends the change. event is the issue_event_type_name, and empty where
// Jira sends no jira:issue_updated for what was done.
func (ch *change) commit(event string, comment *Comment) *History {
	if len(ch.items) == 0 && comment == nil {
		return nil
	}
	var h *History
	if len(ch.items) > 0 {
		h = &History{ID: ch.s.next("history"), Author: ch.by.ID, Created: ch.at, Items: ch.items, Metadata: ch.meta}
		ch.is.Histories = append(ch.is.Histories, h)
	}
	ch.touch()
	if event != "" {
		ch.s.sendUpdated(ch.is, ch.by, event, h, comment)
		ch.s.react("updated", ch.is, ch.by)
	}
	return h
}

// touch moves `updated` and lets the search index know.
func (ch *change) touch() {
	ch.is.Updated = ch.at
	ch.s.note(ch.is)
}

// eventFor is the type name of a plain edit.
func eventFor(items []Item) string {
	if len(items) == 1 && items[0].FieldID == "assignee" {
		return "issue_assigned"
	}
	return "issue_updated"
}

// logNames are the fields the changelog calls otherwise than by their id.
var logNames = map[string]string{"fixVersions": "Fix Version", "versions": "Version", "components": "Component", "security": "Security", "parent": "Parent"}

func (s *Site) logName(f *Field) string {
	switch name := logNames[f.ID]; {
	case f.Custom:
		return f.Name
	case f.ID == "parent" && s.cloud():
		return "IssueParentAssociation"
	case name != "":
		return name
	}
	return f.ID
}

// diff writes the items of one field's change the way its kind is logged.
func (s *Site) diff(f *Field, old, v Value) []Item {
	k := f.kind()
	it := Item{Field: s.logName(f), Type: "jira", FieldID: f.ID, User: k.schema == "user" || k.items == "user"}
	if f.Custom {
		it.Type = "custom"
	}
	switch k.log {
	case logEach:
		return s.diffEach(f, it, old, v)
	case logWords:
		it.From, it.To = str(""), str("")
		it.FromString, it.ToString = str(strings.Join(old, " ")), str(strings.Join(v, " "))
	case logList:
		it.From, it.FromString = s.listed(f, old)
		it.To, it.ToString = s.listed(f, v)
	case logID:
		it.From, it.FromString = s.identified(f, old)
		it.To, it.ToString = s.identified(f, v)
	default:
		_, it.FromString = s.identified(f, old)
		_, it.ToString = s.identified(f, v)
		s.disguise(f, &it)
	}
	return []Item{it}
}

// diffEach has one item per element that went, then one per element that came.
func (s *Site) diffEach(f *Field, it Item, old, v Value) []Item {
	var items []Item
	for _, w := range old {
		if !slices.Contains(v, w) {
			gone := it
			gone.From, gone.FromString = s.identified(f, Value{w})
			items = append(items, gone)
		}
	}
	for _, w := range v {
		if !slices.Contains(old, w) {
			come := it
			come.To, come.ToString = s.identified(f, Value{w})
			items = append(items, come)
		}
	}
	return items
}

func (s *Site) identified(f *Field, v Value) (id, name *string) {
	if len(v) == 0 {
		return nil, nil
	}
	return str(v[0]), str(s.wordName(f, v[0]))
}

func (s *Site) listed(f *Field, v Value) (ids, names *string) {
	if len(v) == 0 {
		return nil, nil
	}
	var list []string
	for _, w := range v {
		list = append(list, s.wordName(f, w))
	}
	return str("[" + strings.Join(v, ", ") + "]"), str(strings.Join(list, ","))
}

func (s *Site) wordName(f *Field, w string) string {
	if name := f.kind().name; name != nil {
		return name(s, f, w)
	}
	return w
}

// disguise puts the ARI some Clouds show into a rich text's `to`.
func (s *Site) disguise(f *Field, it *Item) {
	if !s.settings.DescriptionARI || f.Kind != "paragraph" || !s.cloud() {
		return
	}
	n := s.next("ari")
	it.To = str(fmt.Sprintf(`{"id":"ari:cloud:jira:00000000-0000-4000-8000-000000000000:issuefieldvalue/%d/%s","version":"1"}`, n, f.ID))
}

func str(s string) *string { return &s }

func strID(n int64) *string { return str(strconv.FormatInt(n, 10)) }

// ---- how the changelog is served

// item shows one item; only Cloud has fieldId and the account ids.
func (v *view) item(it Item) obj {
	out := obj{"field": it.Field, "fieldtype": it.Type, "from": it.From, "fromString": it.FromString, "to": it.To, "toString": it.ToString}
	if !v.s.cloud() {
		return out
	}
	if it.FieldID != "" {
		out["fieldId"] = it.FieldID
	}
	if it.User {
		out["tmpFromAccountId"], out["tmpToAccountId"] = it.From, it.To
	}
	return out
}

func (v *view) items(list []Item) []any {
	out := make([]any, 0, len(list))
	for _, it := range list {
		out = append(out, v.item(it))
	}
	return out
}

func (v *view) history(h *History) obj {
	out := obj{"id": strconv.FormatInt(h.ID, 10), "author": v.user(h.Author), "created": v.stamp(h.Created), "items": v.items(h.Items)}
	if len(h.Metadata) > 0 && v.s.settings.ReturnMetadata {
		out["historyMetadata"] = h.Metadata
	}
	return out
}

// changelog is the expand=changelog part of an issue. Cloud lists the newest
// first and, in a search, at most 40; Data Center lists all, oldest first.
func (v *view) changelog(is *Issue, inSearch bool) obj {
	list := is.Histories
	if v.s.cloud() {
		if inSearch && len(list) > searchHistories {
			if v.s.settings.OldestHistories {
				list = list[:searchHistories]
			} else {
				list = list[len(list)-searchHistories:]
			}
		}
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	out := make([]any, 0, len(list))
	for _, h := range list {
		out = append(out, v.history(h))
	}
	return obj{"startAt": 0, "maxResults": len(list), "total": len(is.Histories), "histories": out}
}

const searchHistories = 40

// getChangelog is Cloud's paged changelog, oldest first.
func (c *call) getChangelog() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	start, size := c.page(100)
	v := c.view()
	values := []any{}
	for _, h := range cut(is.Histories, start, size) {
		values = append(values, v.history(h))
	}
	self := v.rest("issue", is.ID, "changelog")
	last := start+len(values) >= len(is.Histories)
	out := obj{"self": fmt.Sprintf("%s?startAt=%d&maxResults=%d", self, start, size), "startAt": start, "maxResults": size,
		"total": len(is.Histories), "isLast": last, "values": values}
	if !last {
		out["nextPage"] = fmt.Sprintf("%s?startAt=%d&maxResults=%d", self, start+size, size)
	}
	return ok(out)
}

// bulkChangelog is POST /changelog/bulkfetch: the histories of many issues,
// optionally only those that touch given fields.
func (c *call) bulkChangelog() (answer, error) {
	var in struct {
		IssueIDsOrKeys []string `json:"issueIdsOrKeys"`
		FieldIDs       []string `json:"fieldIds"`
		MaxResults     int      `json:"maxResults"`
		NextPageToken  string   `json:"nextPageToken"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if n := len(in.IssueIDsOrKeys); n == 0 || n > 1000 || len(in.FieldIDs) > 10 {
		return answer{}, refuse(400, "Provide 1 to 1000 issues and at most 10 fields.")
	}
	if in.MaxResults <= 0 || in.MaxResults > 10000 {
		in.MaxResults = 1000
	}
	from, _ := strconv.Atoi(in.NextPageToken)
	v, seen, last := c.view(), 0, true
	logs := []any{}
	for _, key := range in.IssueIDsOrKeys {
		is, err := c.issueNamed(key)
		if err != nil {
			continue
		}
		var list []any
		for _, h := range is.Histories {
			if !touches(h, in.FieldIDs) {
				continue
			}
			if seen++; seen <= from {
				continue
			}
			if seen > from+in.MaxResults {
				last = false
				break
			}
			list = append(list, v.history(h))
		}
		if len(list) > 0 {
			logs = append(logs, obj{"issueId": is.idString(), "changeHistories": list})
		}
	}
	out := obj{"issueChangeLogs": logs}
	if !last {
		out["nextPageToken"] = strconv.Itoa(from + in.MaxResults)
	}
	return ok(out)
}

func touches(h *History, fields []string) bool {
	return len(fields) == 0 || slices.ContainsFunc(h.Items, func(it Item) bool { return slices.Contains(fields, it.FieldID) })
}

// jsonID writes a numeric id as a number.
func jsonID(s string) json.Number { return json.Number(s) }
