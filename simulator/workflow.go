package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"drawbridge/simulator/jql"
)

// Workflow is the statuses of a project and the ways between them.
type Workflow struct {
	ID, Name    string
	Initial     string
	Transitions []*Transition
}

// Transition is one way to a status. From empty: from everywhere.
type Transition struct {
	ID, Name   string
	From       []string
	To         string
	Event      string // issue_event_type_name; default issue_generic
	Screen     []ScreenField
	Conditions []Condition
	Validators []Validator
	Post       []PostFunction
}

// ScreenField is a field on a transition's screen.
type ScreenField struct {
	Field    string
	Required bool
}

// Condition hides a transition from those who do not meet it. Only what is set
// counts.
type Condition struct {
	Role, Group  string
	OnlyAssignee bool
	JQL          string
}

// Validator refuses a transition after it was asked for: a field must be
// filled, match a pattern, or the issue match a query.
type Validator struct {
	Field, Pattern, JQL string
	Message             string
}

// PostFunction changes a field as part of the transition. Words are names or
// ids; "{user}" stands for the caller, none clears the field. The field
// "comment" adds a comment.
type PostFunction struct {
	Field string
	Words []string
}

// available reports whether the user can use the transition now.
func (s *Site) available(t *Transition, is *Issue, u *User) bool {
	if !u.may("TRANSITION_ISSUES") || is.Archived {
		return false
	}
	if len(t.From) > 0 && !slices.Contains(t.From, is.word("status")) {
		return false
	}
	for _, c := range t.Conditions {
		switch {
		case c.Role != "" && !slices.Contains(u.Roles, c.Role),
			c.Group != "" && !slices.Contains(u.Groups, c.Group),
			c.OnlyAssignee && is.word("assignee") != u.ID,
			c.JQL != "" && !s.matches(c.JQL, is, u):
			return false
		}
	}
	return true
}

// getTransitions is GET /issue/{key}/transitions.
func (c *call) getTransitions() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	withFields := strings.Contains(c.query("expand"), "transitions.fields")
	return ok(obj{"expand": "transitions", "transitions": c.transitions(is, withFields)})
}

func (c *call) transitions(is *Issue, withFields bool) []any {
	list := []any{}
	v, only := c.view(), c.query("transitionId")
	for _, t := range c.s.workflow(is).Transitions {
		if only != "" && t.ID != only || !c.s.available(t, is, c.user) {
			continue
		}
		out := obj{"id": t.ID, "name": t.Name, "to": v.status(t.To)}
		if c.s.cloud() {
			out["hasScreen"], out["isGlobal"], out["isInitial"] = len(t.Screen) > 0, len(t.From) == 0, false
			out["isAvailable"], out["isConditional"], out["isLooped"] = true, len(t.Conditions) > 0, t.To == is.word("status")
		}
		if withFields {
			out["fields"] = c.screenFields(t, is)
		}
		list = append(list, out)
	}
	return list
}

func (c *call) screenFields(t *Transition, is *Issue) obj {
	fields := obj{}
	for _, sf := range t.Screen {
		if f := c.s.ix.fields[sf.Field]; f != nil {
			fields[sf.Field] = c.fieldMeta(f, c.s.projectOf(is), sf.Required)
		}
	}
	return fields
}

// doTransition is POST /issue/{key}/transitions.
func (c *call) doTransition() (answer, error) {
	is, err := c.issueFor("TRANSITION_ISSUES")
	if err != nil {
		return answer{}, err
	}
	var b editBody
	if err := c.decode(&b); err != nil {
		return answer{}, err
	}
	if isNull(b.HistoryMetadata) {
		b.HistoryMetadata = nil
	}
	t, err := c.transitionNamed(&b, is)
	if err != nil {
		return answer{}, err
	}
	if err := c.busy(); err != nil {
		return answer{}, err
	}
	d, err := c.readTransition(&b, t, is)
	if err != nil {
		return answer{}, err
	}
	c.s.transition(is, t, d, c.user, &b)
	return noContent()
}

func (c *call) transitionNamed(b *editBody, is *Issue) (*Transition, error) {
	id, isString := plainString(b.Transition["id"])
	if !isString {
		id = string(b.Transition["id"])
	}
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "Missing 'transition' identifier")
	}
	for _, t := range c.s.workflow(is).Transitions {
		if t.ID == id && c.s.available(t, is, c.user) {
			return t, nil
		}
	}
	return nil, refuse(http.StatusBadRequest, "It seems that you have tried to perform a workflow operation (%s) that is not valid for the current state of this issue (%s). "+
		"The likely cause is that somebody has changed the issue recently, please look at the issue history for details.", id, is.Key)
}

// readTransition reads the body against the transition's screen and
// validators.
func (c *call) readTransition(b *editBody, t *Transition, is *Issue) (*draft, error) {
	var fields []string
	for _, sf := range t.Screen {
		fields = append(fields, sf.Field)
	}
	d, err := c.reader(c.s.projectOf(is)).readDraft(b, is, onScreen(fields))
	if err != nil {
		return nil, err
	}
	errs := fieldErrors{}
	for _, sf := range t.Screen {
		v, given := d.values[sf.Field]
		if !given {
			v = is.Values[sf.Field]
		}
		if sf.Required && len(v) == 0 {
			errs.add(sf.Field, "%s is required.", c.s.ix.fields[sf.Field].Name)
		}
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return d, c.validate(t, is, d)
}

func (c *call) validate(t *Transition, is *Issue, d *draft) error {
	after := &Issue{ID: is.ID, Key: is.Key, Project: is.Project, Number: is.Number, Created: is.Created, Updated: is.Updated, Values: maps.Clone(is.Values)}
	maps.Copy(after.Values, d.values)
	for _, val := range t.Validators {
		w := after.word(val.Field)
		bad := val.Field != "" && w == "" || val.JQL != "" && !c.s.matches(val.JQL, after, c.user)
		if val.Pattern != "" && w != "" {
			re, err := regexp.Compile(val.Pattern)
			bad = bad || err != nil || !re.MatchString(w)
		}
		if !bad {
			continue
		}
		text := val.Message
		if text == "" {
			text = fmt.Sprintf("The transition '%s' is not allowed now.", t.Name)
		}
		if val.Field != "" {
			return refuseField(val.Field, "%s", text)
		}
		return refuse(http.StatusBadRequest, "%s", text)
	}
	return nil
}

// transition moves an issue: status, screen fields and post-functions in one
// history.
func (s *Site) transition(is *Issue, t *Transition, d *draft, by *User, b *editBody) {
	ch := s.change(is, by)
	if b != nil {
		ch.meta = b.HistoryMetadata
	}
	if is.word("status") != t.To {
		ch.set(s.ix.fields["status"], Value{t.To})
	}
	if d != nil {
		ch.apply(d.values)
	}
	for _, p := range t.Post {
		s.postFunction(ch, p)
	}
	event := t.Event
	if event == "" || s.cloud() {
		event = "issue_generic"
	}
	ch.commit(event, nil)
	if d != nil {
		ch.finish(d)
	}
}

func (s *Site) postFunction(ch *change, p PostFunction) {
	if p.Field == "comment" {
		if len(p.Words) > 0 {
			s.later(func() { s.addComment(ch.is, &Comment{Body: p.Words[0]}, ch.by, false) })
		}
		return
	}
	f := s.ix.fields[p.Field]
	if f == nil {
		return
	}
	var v Value
	for _, w := range p.Words {
		if w == "{user}" {
			w = ch.by.ID
		}
		v = append(v, s.wordFor(f, ch.is, w))
	}
	ch.set(f, v)
}

// wordFor turns what an administrator wrote, a name or an id, into the word
// stored for it.
func (s *Site) wordFor(f *Field, is *Issue, said string) string {
	if u := s.userNamed(said); u != nil && (f.Kind == "user" || f.Kind == "users") {
		return u.ID
	}
	p := &reader{s: s, project: s.projectOf(is)}
	for _, form := range []string{"name", "value"} {
		raw, _ := json.Marshal(map[string]string{form: said}) // strings always encode
		if f.kind().choice == nil {
			break
		}
		if w, err := f.kind().read(p, f, raw); err == nil && w != "" {
			return w
		}
	}
	return said
}

// matches evaluates a query for one issue as it is now; a broken query matches
// nothing.
func (s *Site) matches(src string, is *Issue, u *User) bool {
	if strings.TrimSpace(src) == "" {
		return true
	}
	q, err := s.parse(src)
	if err != nil {
		return false
	}
	hit, err := q.Match(s.env(u), s.operands(is))
	return err == nil && hit
}

// parse parses a query, remembering the last few.
func (s *Site) parse(src string) (*jql.Query, error) {
	if q, known := s.ix.queries[src]; known {
		return q, nil
	}
	q, err := jql.Parse(src)
	if err != nil {
		return nil, err
	}
	if s.ix.queries == nil || len(s.ix.queries) > 200 {
		s.ix.queries = map[string]*jql.Query{}
	}
	s.ix.queries[src] = q
	return q, nil
}
