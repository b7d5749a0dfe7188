package simulator

import "slices"

// IssueIDs lists all issues by id, oldest first, whatever the search index
// shows: for tests that look at everything.
func (s *Site) IssueIDs() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]int64, 0, len(s.st.Issues))
	for id := range s.st.Issues {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
