package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// standIn puts the rules' fallback into a request in the place of users whom Jira refuses (deactivated since, or not to be
// assigned there), and says so in notes. It reports whether it changed anything; a fallback that is refused too is not tried
// again.
func (f *Flow) standIn(v *observe.View, writes map[string]pair.IntendedWrite, fields map[string]any, notes map[string]string, err error) bool {
	changed := false
	for id, why := range jira.FieldErrors(err) {
		for key, w := range writes {
			row, ok := v.Rules.Row(key)
			if !ok || w.Field != id || row.TargetKind != bridge.User || notes[key] != "" || w.Value.Empty() {
				continue
			}
			value, who := instead(v.Rules)
			field, known := v.Schema.ByID(id)
			if !known || who == "" || value == w.Value {
				continue
			}
			wire, err := field.Wire(value, f.Site.Jira.Flavour())
			if err != nil {
				continue
			}
			fields[id], w.Value = wire, value
			writes[key], notes[key] = w, fmt.Sprintf("%s stands in: %s", who, strings.TrimSuffix(why, "."))
			changed = true
		}
	}
	return changed
}

// instead is who stands in for people who cannot be put into a field, and what to call that; "" if the rules name nobody.
func instead(rules *rule.Rules) (value bridge.Value, who string) {
	switch c := rules.User(bridge.Person{}); {
	case c.Nobody:
		return bridge.Cleared, "nobody"
	case c.Fallback != "":
		return bridge.ValueOf(map[string]string{"id": c.Fallback}), c.Fallback
	}
	return "", ""
}

// unknownUser notes that the fallback is given for a person who is nobody active on this site.
func (f *Flow) unknownUser(rules *rule.Rules, in rule.In, given bridge.Value, key string, notes map[string]string) {
	if in.User == nil || in.Value.Empty() || in.User.Local != "" {
		return
	}
	if value, who := instead(rules); who != "" && given == value && f.userID(rule.UserChoice{ByEmail: in.User.ByEmail}) == "" {
		notes[key] = fmt.Sprintf("%s stands in: %s is not known here, or not active", who, personOf(in.Value).Name)
	}
}

// noteStandIns writes into the history who stands in for whom.
func noteStandIns(p *pair.Pair, notes map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(notes)) {
		p.Note(pair.Event{What: "fallback", Field: key, Note: notes[key]})
	}
}
