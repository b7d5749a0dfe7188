package apply

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
)

// dropRefused takes what the error names out of a request and notes why: a field, or the elements of a set that Jira's
// message names. It reports whether it took any.
func dropRefused(writes map[string]pair.IntendedWrite, problems map[string]string, fields map[string]any, update map[string][]map[string]any, err error) bool {
	dropped := false
	for id, why := range jira.FieldErrors(err) {
		keys, names := blamed(writes, id, why)
		for _, key := range keys {
			problems[key] = fmt.Sprintf("%s refused by Jira: %s", id, strings.TrimSuffix(why, "."))
			delete(writes, key)
			dropped = true
		}
		if len(names) == 0 {
			delete(fields, id)
			delete(update, id)
			continue
		}
		if list, ok := update[id]; ok {
			update[id] = slices.DeleteFunc(list, func(verb map[string]any) bool { return named(verb, names) })
		}
		if list, ok := fields[id].([]any); ok {
			fields[id] = slices.DeleteFunc(list, func(wire any) bool { return named(wire, names) })
		}
	}
	return dropped
}

// blamed are the writes to a field that a message is about: all of them, or, with their names, the elements of a set that
// it names where it does not name all.
func blamed(writes map[string]pair.IntendedWrite, id, why string) (keys, names []string) {
	var all []string
	for key, w := range writes {
		if w.Field != id {
			continue
		}
		all = append(all, key)
		if w.Local != "" && strings.Contains(why, w.Local) {
			keys, names = append(keys, key), append(names, w.Local)
		}
	}
	if len(keys) == 0 || len(keys) == len(all) {
		return all, nil
	}
	return keys, names
}

// named reports whether an element as sent ({"add": {"name": "Docs"}}, {"name": "Docs"} or "Docs") has one of the names.
func named(wire any, names []string) bool {
	switch wire := wire.(type) {
	case string:
		return slices.Contains(names, wire)
	case map[string]any:
		for _, v := range wire {
			if named(v, names) {
				return true
			}
		}
	case map[string]string:
		for _, v := range wire {
			if slices.Contains(names, v) {
				return true
			}
		}
	}
	return false
}
