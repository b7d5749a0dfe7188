package rule

import (
	"sort"

	"drawbridge/shared/bridge"
)

// Status holds what the rules say about the way to a status of this site. The value itself is mapped by the row "status".
type Status struct {
	paths   [][]string
	through map[string]bool
	fields  map[string]map[string]bridge.Value
}

// Status returns the status rules.
func (r *Rules) Status() Status { return r.status }

// Path returns the statuses to walk from one to another, the last included, where a path of the rules leads there; nil
// means that only one direct transition may be tried. The shortest listed way counts.
func (s Status) Path(from, to string) []string {
	var best []string
	for _, p := range s.paths {
		i, j := indexFold(p, from), indexFold(p, to)
		if i >= 0 && j > i && (best == nil || j-i < len(best)) {
			best = p[i+1 : j+1]
		}
	}
	return append([]string(nil), best...)
}

func indexFold(list []string, name string) int {
	for i, l := range list {
		if fold(l) == fold(name) {
			return i
		}
	}
	return -1
}

// Allowed reports whether a status may be passed through on the way to another: it stands inside a path, or "through"
// names it. A status of the Done category that is not allowed is never passed through.
func (s Status) Allowed(step string) bool { return s.through[fold(step)] }

// Fields are the values for the screen of a transition to a status, by local field id.
func (s Status) Fields(to string) map[string]bridge.Value {
	out := map[string]bridge.Value{}
	for id, v := range s.fields[fold(to)] {
		out[id] = v
	}
	return out
}

// Steps lists the statuses that may be passed through, for display.
func (s Status) Steps() []string {
	out := sortedKeys(s.through)
	sort.Strings(out)
	return out
}
