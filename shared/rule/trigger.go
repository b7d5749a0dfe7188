package rule

// A Trigger is a query that puts matching issues under sync, or, as a stop, takes them out.
type Trigger struct {
	JQL    string
	Entity string // "issue"
	Note   string
	Active bool
	Stop   bool
	Where  string // file:line

	parsed *query
}

// Triggers returns the triggers in the order of the file, inactive ones included.
func (r *Rules) Triggers() []Trigger { return append([]Trigger(nil), r.triggers...) }

// NewTrigger makes a trigger of a query that is not in a rule file (a bulk start, a stop by hand).
func NewTrigger(jql string) (Trigger, error) {
	q, err := parseJQL(jql)
	if err != nil {
		return Trigger{}, Problems{{File: "query", Line: err.line, Column: err.col, Source: jql, Message: "JQL: " + err.message, Hint: err.hint}}
	}
	return Trigger{JQL: jql, Entity: "issue", Active: true, parsed: q}, nil
}

// Decide says whether an issue matches, from the event alone. Where decided is false only Jira can tell: a clause is
// beyond this reader, or the event does not carry the field.
func (t Trigger) Decide(i *Issue) (match, decided bool) {
	match, decided, _ = t.Explain(i)
	return match, decided
}

// Explain is Decide with the clause that failed, for a person.
func (t Trigger) Explain(i *Issue) (match, decided bool, failed string) {
	switch {
	case t.parsed == nil || i == nil:
		return false, false, ""
	case t.parsed.where == nil:
		return true, true, ""
	}
	v, why := t.parsed.where.decide(i)
	if v == yes {
		why = ""
	}
	return v == yes, v != unknown, why
}

// LooksBounded reports whether the query limits anything: Jira Cloud refuses a search that does not.
func (t Trigger) LooksBounded() bool {
	return t.parsed != nil && t.parsed.where != nil && bounded(t.parsed.where)
}

// bounded asks every way through the query for a clause that names something.
func bounded(c *clause) bool {
	switch c.op {
	case "not":
		return false
	case "or":
		for _, p := range c.parts {
			if !bounded(p) {
				return false
			}
		}
		return true
	case "and":
		for _, p := range c.parts {
			if bounded(p) {
				return true
			}
		}
		return false
	}
	return c.cmp != "!=" && c.cmp != "not in" && c.cmp != "!~" && c.cmp != "is not"
}

// Fields are the ids of the fields Decide may look at, for the events and searches that feed it.
func (t Trigger) Fields() []string {
	ids := map[string]bool{}
	if t.parsed != nil && t.parsed.where != nil {
		t.parsed.where.walk(func(c *clause) {
			if id, ok := queryFields[fold(c.field)]; ok {
				ids[id] = true
			}
		})
	}
	return sortedKeys(ids)
}

var queryFields = map[string]string{
	"priority": "priority", "resolution": "resolution", "labels": "labels", "component": "components", "fixversion": "fixVersions",
	"affectedversion": "versions", "assignee": "assignee", "reporter": "reporter", "status": "status", "issuetype": "issuetype",
	"type": "issuetype", "project": "project",
}

func (c *clause) walk(visit func(*clause)) {
	if c.op == "" {
		visit(c)
	}
	for _, p := range c.parts {
		p.walk(visit)
	}
}

// A Scope limits a connection whatever the triggers say.
type Scope struct {
	Projects []string // keys; empty: all
	JQL      string   // empty: none
}

// Scope returns the scope.
func (r *Rules) Scope() Scope {
	s := Scope{JQL: r.set.scope.jql.text}
	for _, w := range r.set.scope.projects {
		s.Projects = append(s.Projects, w.text)
	}
	return s
}

// Limit is the query of the scope, which decides from an issue or asks Jira like a trigger; ok is false where there is none.
func (r *Rules) Limit() (t Trigger, ok bool) {
	if r.limit == nil {
		return Trigger{}, false
	}
	return *r.limit, true
}

// Method says how issues come under sync: automatic, manual (only what is already paired, or sent by hand), off, or
// shadow (everything is worked out and nothing is written).
func (r *Rules) Method() string { return r.set.method.or("automatic") }

// A Deletion is what follows here when the twin was deleted.
type Deletion struct {
	Policy string // keep, close, delete
	Status string // of close
}

// Deletion returns the deletion policy.
func (r *Rules) Deletion() Deletion {
	return Deletion{Policy: r.set.deletion.policy.or("keep"), Status: r.set.deletion.status.text}
}

// RemoteLinks says which twin gets a link to the other: both, receiver (the one that was made by us), off.
func (r *Rules) RemoteLinks() string { return r.set.remoteLinks.or("both") }
