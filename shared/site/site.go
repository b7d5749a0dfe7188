package site

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
)

// Site is one Jira taking part. All flows of one half share it.
type Site struct {
	Name  string
	Role  bridge.Role
	Jira  *jira.Client
	Book  *pair.Book
	Queue queue.Queue
	// Content is where attachments wait for the other site.
	Content Content
	Log     *slog.Logger
	// Now is the hub's timeline in milliseconds: the hub's own clock, or the poller's corrected by what it learnt.
	Now func() int64
	// Scan sees the content of every attachment that comes in and returns it to be read; nil: nobody does (package scan).
	Scan func(ctx context.Context, r io.ReadCloser, m bridge.Member) (io.ReadCloser, error)
	// MaxAttachment is the largest attachment carried, in bytes; 0 means no limit but Jira's own.
	MaxAttachment int64
	// Visitor is a command beside the half: which Jira this is, it compares, and leaves to the half to remember.
	Visitor bool

	mu      sync.Mutex
	rules   map[string]*published
	renewed time.Time // when rules last made us ask the site what it has
	account *jira.User
	asked   time.Time
	issues  keyed
	bell    bell
	people  map[string]bridge.Person
	trusted *bool                      // see TrustsEvents
	failing map[string]map[string]bool // issues for which a line of the rules failed, by connection and line
	counted map[string]counted         // pairs, by connection
	tallies map[string]counted         // harms, by connection and kind
	heard   heard                      // of the webhook
}

// Account is who we are on this site. It is asked once an hour, so that a credential that expired is noticed.
func (s *Site) Account(ctx context.Context) (jira.User, error) { return s.whoami(ctx, time.Hour) }

// Check makes sure that Jira still knows us, and as whom, before a search or a job takes its answer for what there is. It is
// asked at most once a minute.
func (s *Site) Check(ctx context.Context) error {
	_, err := s.whoami(ctx, time.Minute)
	return err
}

// Answers asks Jira now whether it answers, and us.
func (s *Site) Answers(ctx context.Context) error {
	_, err := s.whoami(ctx, 0)
	return err
}

func (s *Site) whoami(ctx context.Context, fresh time.Duration) (jira.User, error) {
	s.mu.Lock()
	known, asked := s.account, s.asked
	s.mu.Unlock()
	if known != nil && time.Since(asked) < fresh {
		return *known, nil
	}
	u, err := s.Jira.Myself(ctx)
	if err != nil {
		return jira.User{}, err
	}
	if err := s.same(ctx); err != nil {
		return jira.User{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account, s.asked = &u, time.Now()
	return u, nil
}

// HubTime converts a time that this site's Jira wrote to the hub's timeline, in milliseconds.
func (s *Site) HubTime(t time.Time) int64 {
	drift := s.Now() - time.Now().UnixMilli()
	return t.Add(-s.Jira.ClockOffset()).UnixMilli() + drift
}

// Lock makes the caller the only one working on an issue in this process; call the returned function to let go. Work of
// several processes on one issue is kept apart by the conditional writes of package pair; this only saves retries.
func (s *Site) Lock(issue string) (unlock func()) { return s.issues.lock(issue) }

// Connections returns the connections under which this site observes (active and paused ones) in order of id.
func (s *Site) Connections(ctx context.Context) ([]bridge.Connection, error) {
	all, err := s.Book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	var out []bridge.Connection
	for _, c := range all {
		if c.State == bridge.Active || c.State == bridge.Paused || c.State == bridge.Broken {
			out = append(out, c)
		}
	}
	return out, nil
}

// keyed is a mutex per key.
type keyed struct {
	mu   sync.Mutex
	held map[string]*holder
}

type holder struct {
	mu    sync.Mutex
	users int
}

func (k *keyed) lock(key string) func() {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*holder{}
	}
	h := k.held[key]
	if h == nil {
		h = &holder{}
		k.held[key] = h
	}
	h.users++
	k.mu.Unlock()
	h.mu.Lock()
	return func() {
		h.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(k.held, key)
		}
	}
}
