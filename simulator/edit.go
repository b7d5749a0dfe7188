package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// editBody is the body of create, edit and transition.
type editBody struct {
	Fields          map[string]json.RawMessage              `json:"fields"`
	Update          map[string][]map[string]json.RawMessage `json:"update"`
	Transition      map[string]json.RawMessage              `json:"transition"`
	HistoryMetadata json.RawMessage                         `json:"historyMetadata"`
	Properties      []property                              `json:"properties"`
}

type property struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// draft is what a body asks for, read and checked but not yet done.
type draft struct {
	values   map[string]Value
	comments []*Comment
	worklogs []*worklogDraft
	links    []*linkDraft
}

// screen says which fields a body may set.
type screen func(field string) bool

func onScreen(fields []string) screen {
	return func(f string) bool { return slices.Contains(fields, f) }
}

// readDraft reads a body's fields and update operations. is is the issue as it
// stands, nil at creation. All mistakes are reported together.
func (p *reader) readDraft(b *editBody, is *Issue, allowed screen) (*draft, error) {
	d := &draft{values: map[string]Value{}}
	errs := fieldErrors{}
	for _, id := range sortedKeys(b.Fields) {
		if _, twice := b.Update[id]; twice {
			errs.add(id, "Field '%s' cannot appear in both 'fields' and 'update'", id)
			continue
		}
		if err := p.setField(d, is, id, b.Fields[id], allowed); err != nil {
			errs.add(id, "%s", err)
		}
	}
	for _, id := range sortedKeys(b.Update) {
		for _, ops := range b.Update[id] {
			for _, op := range sortedKeys(ops) {
				if err := p.operate(d, is, id, op, ops[op], allowed); err != nil {
					errs.add(id, "%s", err)
				}
			}
		}
	}
	return d, errs.err()
}

// fieldPermission is what one needs besides editing; without it Jira treats the
// field as not on the screen.
var fieldPermission = map[string]string{"reporter": "MODIFY_REPORTER", "assignee": "ASSIGN_ISSUES", "duedate": "SCHEDULE_ISSUES", "security": "SET_ISSUE_SECURITY"}

func (p *reader) setField(d *draft, is *Issue, id string, raw json.RawMessage, allowed screen) error {
	f := p.s.ix.fields[id]
	switch {
	case id == "parent" && saysNoParent(raw):
		return nil // stays as it is
	case id == "timetracking" && allowed(id):
		return p.setTracking(d, raw)
	case f == nil || !allowed(id) || fieldPermission[id] != "" && !p.caller.may(fieldPermission[id]):
		return offScreen(id)
	case id == "parent" && removesParent(raw):
		raw = nil
	}
	v, err := p.readValue(f, raw)
	if err != nil {
		return err
	}
	d.values[id] = v
	return nil
}

// operate does one update operation.
func (p *reader) operate(d *draft, is *Issue, id, op string, raw json.RawMessage, allowed screen) error {
	switch id {
	case "comment":
		return p.operateComment(d, op, raw)
	case "worklog":
		return p.operateWorklog(d, op, raw)
	case "issuelinks":
		return p.operateLink(d, op, raw)
	case "timetracking":
		return p.setField(d, is, id, raw, allowed)
	}
	if op == "set" {
		return p.setField(d, is, id, raw, allowed)
	}
	f := p.s.ix.fields[id]
	if f == nil || !allowed(id) {
		return offScreen(id)
	}
	if !f.kind().list || op != "add" && op != "remove" {
		return say("Field does not support operation '%s'", op)
	}
	return p.addRemove(d, is, f, op, raw)
}

func (p *reader) addRemove(d *draft, is *Issue, f *Field, op string, raw json.RawMessage) error {
	w, err := f.kind().read(p, f, raw)
	if err != nil {
		return err
	}
	v, touched := d.values[f.ID]
	if !touched && is != nil {
		v = is.Values[f.ID]
	}
	v = slices.Clone(v)
	v = slices.DeleteFunc(v, func(x string) bool { return x == w })
	if op == "add" {
		v = append(v, w)
	}
	slices.Sort(v)
	d.values[f.ID] = v
	return nil
}

// setTracking reads the timetracking field: {"originalEstimate","remainingEstimate"}.
func (p *reader) setTracking(d *draft, raw json.RawMessage) error {
	for name, field := range map[string]string{"originalEstimate": "timeoriginalestimate", "remainingEstimate": "timeestimate"} {
		said, given := member(raw, name)[name]
		if !given {
			continue
		}
		secs, err := parseDuration(said)
		if err != nil {
			return err
		}
		d.values[field] = Value{fmt.Sprint(secs)}
	}
	return nil
}

// apply puts the draft's values into the issue, in the order of the site's
// fields.
func (ch *change) apply(values map[string]Value) {
	for _, f := range ch.s.st.Fields {
		if v, given := values[f.ID]; given {
			ch.set(f, v)
		}
	}
}

// finish does the rest of a draft: worklogs, links, comments.
func (ch *change) finish(d *draft) {
	for _, l := range d.links {
		ch.s.addLink(l.bind(ch.is), ch.by)
	}
	for _, w := range d.worklogs {
		ch.s.addWorklog(ch.is, w, ch.by)
	}
	for _, cm := range d.comments {
		ch.s.addComment(ch.is, cm, ch.by, false)
	}
}

// requiredEmpty lists the required fields that a value would leave empty.
func (s *Site) requiredEmpty(p *Project, values map[string]Value, creating bool) error {
	errs := fieldErrors{}
	for _, id := range append([]string{"summary"}, p.Required...) {
		v, given := values[id]
		if len(v) > 0 || !given && !creating {
			continue
		}
		if id == "summary" {
			errs.add(id, "You must specify a summary of the issue.")
		} else if f := s.ix.fields[id]; f != nil {
			errs.add(id, "%s is required.", f.Name)
		}
	}
	return errs.err()
}

// checkProperty refuses a property that Jira would refuse.
func checkProperty(p property) error {
	switch {
	case p.Key == "" || len(p.Key) > 255:
		return refuse(400, "The property key has to be between 1 and 255 characters.")
	case len(p.Value) > 32768:
		return refuse(400, "The property value is too long. The maximum length is 32768 characters.")
	case !json.Valid(p.Value) || len(strings.TrimSpace(string(p.Value))) == 0:
		return refuse(400, "The property value is not valid JSON.")
	}
	return nil
}
