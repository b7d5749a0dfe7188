package simulator

import (
	"encoding/json"
	"maps"
	"slices"

	"drawbridge/simulator/jql"
)

// An issue of a sub-task type is part of another one of its project, always. On Cloud it can be put under another one, and any other
// issue under an epic or none; Data Center's API knows the parent of a new sub-task and moves none.

// level is where a type stands in the hierarchy: an issue's parent is one level above it.
func (t *IssueType) level() int {
	switch {
	case t.Subtask:
		return -1
	case t.Epic:
		return 1
	}
	return 0
}

// parentScreen leaves the parent out where Jira does not let it be set: a Data Center knows parents of new sub-tasks only.
func (s *Site) parentScreen(fields []string, newSubtask bool) []string {
	if s.cloud() || newSubtask {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(id string) bool { return id == "parent" })
}

// checkParent notes why an issue of the project, with what it holds and is to hold, cannot be.
func (s *Site) checkParent(errs fieldErrors, p *Project, before, given map[string]Value) {
	values := maps.Clone(before)
	if values == nil {
		values = map[string]Value{}
	}
	maps.Copy(values, given)
	t := s.issueType(word(values["issuetype"]))
	if t == nil {
		return
	}
	parent := s.find(word(values["parent"])) // nil for the id of nothing
	if was := s.issueType(word(before["issuetype"])); was != nil && was.Subtask != t.Subtask {
		errs.add("issuetype", "The issue type selected is invalid.") // a conversion, which no API does
		return
	}
	switch {
	case parent == nil && t.Subtask:
		errs.add("parent", "Issue type is a sub-task but parent issue key or id not specified.")
	case parent == nil:
	case t.Subtask && parent.Project != p.ID:
		errs.add("pid", "Sub-tasks must be created in the same project as the parent.")
	case s.issueType(parent.word("issuetype")).level() != t.level()+1:
		errs.add("parentId", "Given parent issue does not belong to appropriate hierarchy.")
	}
}

func (s *Site) isSubtask(is *Issue) bool {
	t := s.issueType(is.word("issuetype"))
	return t != nil && t.Subtask
}

// saysNoParent reports an object that names nothing, as clients send it that do not mean to change it; removesParent one that takes the
// parent away.
func saysNoParent(raw json.RawMessage) bool {
	m := member(raw, "id", "key", "set", "none")
	return m != nil && len(m) == 0
}

func removesParent(raw json.RawMessage) bool {
	m := member(raw, "set", "none")
	return m["set"] == "none" || m["none"] == "true"
}

func readParent(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	m := member(raw, "id", "key")
	said := m["id"]
	if said == "" {
		said = m["key"]
	}
	is := p.s.find(said)
	if is == nil || !p.s.sees(p.caller, is) {
		return "", say("Could not find issue by id or key.")
	}
	return is.idString(), nil
}

func showParent(v *view, _ *Field, word string) any {
	if is := v.s.find(word); is != nil {
		return v.issueShort(is)
	}
	return nil
}

func nameParent(s *Site, _ *Field, word string) string {
	if is := s.find(word); is != nil {
		return is.Key
	}
	return word
}

func seekParent(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameParent(s, f, word), word}}
}
