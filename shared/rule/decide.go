package rule

import (
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
)

// verdict is what can be said of a clause from the event alone.
type verdict int

const (
	unknown verdict = iota
	no
	yes
)

func not(v verdict) verdict {
	switch v {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func truth(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// decide evaluates a clause with three values; failed is the first comparison that says no.
func (c *clause) decide(i *Issue) (v verdict, failed string) {
	switch c.op {
	case "not":
		v, _ = c.parts[0].decide(i)
		return not(v), "NOT " + c.parts[0].text
	case "and", "or":
		return c.several(i)
	}
	return c.compare(i), c.text
}

// several joins the parts: of AND one "no" decides, of OR one "yes"; an unknown part leaves the whole unknown otherwise.
func (c *clause) several(i *Issue) (verdict, string) {
	decisive := no
	if c.op == "or" {
		decisive = yes
	}
	all, failed := not(decisive), ""
	for _, part := range c.parts {
		v, why := part.decide(i)
		if v == decisive {
			return v, why
		}
		if v == unknown {
			all = unknown
		}
		if v == no {
			failed = why
		}
	}
	return all, failed
}

// held is what an issue holds in a field, as a query sees it.
type held struct {
	values []string
	same   func(held, asked string) verdict
}

func (c *clause) compare(i *Issue) verdict {
	h, ok := c.held(i)
	if !ok {
		return unknown
	}
	switch c.cmp {
	case "=", "in":
		return h.any(c.asked())
	case "!=", "not in":
		if len(h.values) == 0 { // as in Jira: an empty field matches no comparison but IS EMPTY
			return no
		}
		return not(h.any(c.asked()))
	case "is":
		return truth(len(h.values) == 0)
	case "is not":
		return truth(len(h.values) > 0)
	}
	return unknown
}

// asked are the values of the comparison; Jira calls an empty resolution Unresolved.
func (c *clause) asked() []operand {
	if !strings.EqualFold(c.field, "resolution") {
		return c.values
	}
	out := append([]operand(nil), c.values...)
	for n, v := range out {
		if strings.EqualFold(v.text, "unresolved") && !v.quoted && !v.function {
			out[n] = operand{empty: true}
		}
	}
	return out
}

// any reports whether one of the held values is one of those asked for.
func (h held) any(asked []operand) verdict {
	out := no
	for _, a := range asked {
		switch v := h.one(a); v {
		case yes:
			return yes
		case unknown:
			out = unknown
		}
	}
	return out
}

func (h held) one(a operand) verdict {
	if a.function {
		if len(h.values) == 0 {
			return no
		}
		return unknown
	}
	if a.empty {
		return truth(len(h.values) == 0)
	}
	out := no
	for _, v := range h.values {
		switch h.same(v, a.text) {
		case yes:
			return yes
		case unknown:
			out = unknown
		}
	}
	return out
}

// held finds what the issue holds; ok is false where the event does not tell, or the field is not one of the decidable.
func (c *clause) held(i *Issue) (held, bool) {
	switch strings.ToLower(c.field) {
	case "project":
		return held{filled(i.Project), sameKey}, i.Project != ""
	case "key", "issuekey", "id", "issue":
		return held{[]string{i.Key, i.ID}, sameIssue}, i.Key != "" && i.ID != ""
	case "issuetype", "type":
		return held{filled(i.Type), sameName}, i.Type != ""
	case "status":
		return held{filled(i.Status), sameName}, i.Status != ""
	case "priority":
		return i.held("priority", sameName)
	case "resolution":
		return i.held("resolution", sameName)
	case "labels":
		return i.held("labels", sameLabel)
	case "component":
		return i.held("components", sameName)
	case "fixversion":
		return i.held("fixVersions", sameName)
	case "affectedversion":
		return i.held("versions", sameName)
	case "assignee", "reporter":
		return i.held(strings.ToLower(c.field), samePerson)
	}
	return held{}, false
}

func filled(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// held reads one field; a field the event does not carry is not known.
func (i *Issue) held(id string, same func(string, string) verdict) (held, bool) {
	v, ok := i.Fields[id]
	if !ok {
		return held{}, false
	}
	h := held{same: same}
	switch v := v.(type) {
	case nil:
	case string:
		h.values = filled(v)
	case bridge.Person:
		if v != (bridge.Person{}) {
			h.values = []string{v.ID}
		}
	default:
		h.values = listOf(v)
	}
	return h, true
}

var numeric = regexp.MustCompile(`^[0-9]+$`)

// sameName compares names as Jira does, without case. A number may be an id, which only Jira knows.
func sameName(held, asked string) verdict {
	if strings.EqualFold(held, asked) {
		return yes
	}
	if numeric.MatchString(asked) {
		return unknown
	}
	return no
}

// sameLabel leaves labels that differ in case to Jira.
func sameLabel(held, asked string) verdict {
	if held == asked {
		return yes
	}
	if strings.EqualFold(held, asked) {
		return unknown
	}
	return no
}

var projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// sameKey compares project keys; what does not look like a key may be the project's name or id.
func sameKey(held, asked string) verdict {
	if strings.EqualFold(held, asked) {
		return yes
	}
	if projectKey.MatchString(asked) {
		return no
	}
	return unknown
}

// sameIssue knows the current key and id; another key may be an old one of an issue that moved.
func sameIssue(held, asked string) verdict {
	if strings.EqualFold(held, asked) {
		return yes
	}
	return unknown
}

var accountID = regexp.MustCompile(`^([0-9a-f]{24}|[0-9]+:[0-9a-fA-F-]{36})$`)

// samePerson compares by id. Anything else may be a name, a key or an address of the same person.
func samePerson(held, asked string) verdict {
	if held == asked {
		return yes
	}
	if accountID.MatchString(held) && accountID.MatchString(asked) {
		return no
	}
	return unknown
}
