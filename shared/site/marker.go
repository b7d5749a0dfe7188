package site

import "sync"

// MarkerKey is the entity property by which our creations are recognised, on issues and comments.
const MarkerKey = "drawbridge"

// Marker is its value.
type Marker struct {
	Connection string `json:"connection"`
	Remote     string `json:"remote"` // id of the original on the remote site
	Intent     string `json:"intent"`
	// Edits are what the creation gave an issue, by replica key ("public:10234"): a changelog begins after it. Left away
	// where they are too many for a property.
	Edits map[string]string `json:"edits,omitempty"`
}

// LinkID is the global id of the remote link to a twin: setting it twice is setting it once.
func LinkID(connection, remote string) string { return "drawbridge:" + connection + ":" + remote }

// bell wakes everybody who waits, once.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// Ring tells whoever waits in this process that a change waits for the remote site.
func (s *Site) Ring() {
	s.bell.mu.Lock()
	defer s.bell.mu.Unlock()
	if s.bell.ch != nil {
		close(s.bell.ch)
		s.bell.ch = nil
	}
}

// Rung returns a channel that is closed at the next [Site.Ring].
func (s *Site) Rung() <-chan struct{} {
	s.bell.mu.Lock()
	defer s.bell.mu.Unlock()
	if s.bell.ch == nil {
		s.bell.ch = make(chan struct{})
	}
	return s.bell.ch
}
