package simulator

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// shift is how far the ids of a migrated site are from those it had.
const shift = 3

var customField = regexp.MustCompile(`customfield_(\d+)`)

// Migrate takes in a snapshot of a site of either flavour as a migration would: issues, comments, worklogs, files, changelogs
// and people are there under the same keys, names, texts and times, and under other ids (which may be those that something
// else had before); so are custom fields. What apps noted in changelogs is gone, and so are webhooks and rules.
func (s *Site) Migrate(data []byte) error {
	data = customField.ReplaceAllFunc(data, func(id []byte) []byte {
		var n int
		_, _ = fmt.Sscanf(string(id), "customfield_%d", &n) // the pattern says that it is one
		return fmt.Appendf(nil, "customfield_%d", n+100)
	})
	st := emptyState(s.opt.Flavour)
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	st.Flavour, st.Webhooks, st.Rules = s.opt.Flavour, nil, nil
	for kind := range st.Counters {
		st.Counters[kind] += 2 * shift
	}
	issues, links := st.Issues, st.Links
	st.Issues, st.Links = map[int64]*Issue{}, map[int64]*Link{}
	for _, is := range issues {
		is.shift()
		st.Issues[is.ID] = is
	}
	for key, id := range st.OldKeys {
		st.OldKeys[key] = id + shift
	}
	for _, l := range links {
		l.ID, l.Source, l.Target = l.ID+shift, l.Source+shift, l.Target+shift
		st.Links[l.ID] = l
	}
	repair(&st)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st = st
	s.reindex()
	return nil
}

func (is *Issue) shift() {
	is.ID += shift
	for _, c := range is.Comments {
		c.ID += shift
		if c.Parent != 0 {
			c.Parent += shift
		}
	}
	for _, w := range is.Worklogs {
		w.ID += shift
	}
	for _, a := range is.Attachments {
		a.ID += shift
	}
	for _, h := range is.Histories {
		h.ID, h.Metadata = h.ID+shift, nil
	}
}
