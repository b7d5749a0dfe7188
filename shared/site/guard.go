package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/store"
)

// Harm is what a step is about to do to one pair that a wrong rule, an emptied project or a half-restored Jira would do to
// many.
type Harm struct {
	Created, Cleared, Deleted, Gone, Rewritten bool
}

func (h Harm) kinds() (out []string) {
	for kind, is := range map[string]bool{"created": h.Created, "cleared": h.Cleared, "deleted": h.Deleted, "gone": h.Gone, "rewritten": h.Rewritten} {
		if is {
			out = append(out, kind)
		}
	}
	return out
}

const (
	guardWindow  = time.Hour        // harms of one connection are counted over this time
	guardBucket  = 10 * time.Minute // and kept in buckets of this length
	guardAllowed = 2 * time.Hour    // how long a person's word that it is meant holds
	pairsCounted = 5 * time.Minute  // how long the number of pairs is believed
	tallyKept    = 5 * time.Second  // how long a count of harms is added to, instead of counting anew
)

// ErrHeld is what a flow gets where it must not go on: the connection was stopped for safety and a person is asked.
var ErrHeld = bridge.Permanent("safety-stop", "the connection was stopped for safety; look at drawbridge connection show, then drawbridge connection resume").At(bridge.LevelConnection)

// Guard counts what one pair is about to undergo. Where too many of the connection's pairs have undergone the same within
// the hour, it breaks the connection on this side and returns [ErrHeld]: nothing of it is to be done until a person
// resumes it. Each harm is a document of its own, so that nothing is counted twice and nobody waits for anybody.
func (s *Site) Guard(ctx context.Context, connection, issue string, h Harm) error {
	kinds := h.kinds()
	if len(kinds) == 0 {
		return nil
	}
	if allowed, err := s.allowed(ctx, connection); err != nil || allowed {
		return err // what a person allowed is not counted
	}
	now := s.Now()
	for _, kind := range kinds {
		key := store.Key{Part: guardPart(connection), Sort: guardSort(kind, now) + issue}
		d := store.Doc{Key: key, Body: []byte("{}"), Expires: time.UnixMilli(now).Add(guardWindow + guardBucket)}
		if err := s.Book.Store.Apply(ctx, store.Put(d)); err != nil {
			return err
		}
	}
	// Counting is dear where much was done: as long as the count of a moment ago, and one more for every harm since, is not
	// unusual, nothing is counted anew.
	why, err := s.unusual(ctx, connection, kinds, s.tallied)
	if err != nil || why == "" {
		return err
	}
	if why, err = s.unusual(ctx, connection, kinds, s.harmed); err != nil || why == "" {
		return err
	}
	err = s.Watched(ctx, "Drawbridge", "stopped for safety", connection, func() error {
		return s.Hold(ctx, connection, &bridge.Hold{State: bridge.Broken, Name: "safety-stop", Why: why + "; if that is meant, resume the connection"})
	})
	return errors.Join(err, ErrHeld)
}

// Creation lets another issue be made for the remote site, or says when there is room again: the rules' guard allows so many
// within an hour (0: any number). Each remote issue counts once.
func (s *Site) Creation(ctx context.Context, connection, remote string, allowed int) error {
	if allowed == 0 {
		return nil
	}
	made, err := s.harmed(ctx, connection, "made")
	if err != nil {
		return err
	}
	if made >= allowed {
		full := bridge.Temporary("guard-creations", "the guard of this site has %d issues made in an hour, and so many were; this one follows", allowed)
		full.After = guardBucket
		return full
	}
	d := store.Doc{Key: store.Key{Part: guardPart(connection), Sort: guardSort("made", s.Now()) + remote}, Body: []byte("{}"), Expires: time.UnixMilli(s.Now()).Add(guardWindow + guardBucket)}
	return s.Book.Store.Apply(ctx, store.Put(d))
}

func guardPart(connection string) string { return "guard/" + connection }

func guardSort(kind string, now int64) string {
	return fmt.Sprintf("%s/%010d/", kind, now/guardBucket.Milliseconds())
}

// unusual asks the pure decision, with what is counted of these kinds.
func (s *Site) unusual(ctx context.Context, connection string, kinds []string, count func(ctx context.Context, connection, kind string) (int, error)) (why string, err error) {
	var c merge.Counts
	to := map[string]*int{"created": &c.Created, "cleared": &c.Cleared, "deleted": &c.Deleted, "gone": &c.Gone, "rewritten": &c.Rewritten}
	for _, kind := range kinds {
		if *to[kind], err = count(ctx, connection, kind); err != nil {
			return "", err
		}
	}
	if merge.Unusual(c) == "" {
		return "", nil // not even for a connection without pairs
	}
	if c.Pairs, err = s.pairs(ctx, connection); err != nil {
		return "", err
	}
	return merge.Unusual(c), nil
}

// tallied is harmed as it was at most tallyKept ago, and one more for every call since.
func (s *Site) tallied(ctx context.Context, connection, kind string) (int, error) {
	key := connection + "/" + kind
	s.mu.Lock()
	t, ok := s.tallies[key]
	if ok && time.Since(t.at) < tallyKept {
		t.n++
		s.tallies[key] = t
		s.mu.Unlock()
		return t.n, nil
	}
	s.mu.Unlock()
	n, err := s.harmed(ctx, connection, kind)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tallies == nil {
		s.tallies = map[string]counted{}
	}
	s.tallies[key] = counted{n, time.Now()}
	return n, nil
}

// harmed counts the pairs that underwent one kind of harm within the window.
func (s *Site) harmed(ctx context.Context, connection, kind string) (int, error) {
	since := guardSort(kind, s.Now()-guardWindow.Milliseconds())
	docs, err := s.Book.Store.List(ctx, guardPart(connection), store.Range{Prefix: kind + "/", After: since})
	issues := map[string]bool{}
	for _, d := range docs {
		issues[d.Key.Sort[strings.LastIndexByte(d.Key.Sort, '/')+1:]] = true
	}
	return len(issues), err
}

// pairs counts the pairs of a connection, now and then.
func (s *Site) pairs(ctx context.Context, connection string) (int, error) {
	s.mu.Lock()
	known, ok := s.counted[connection]
	s.mu.Unlock()
	if ok && time.Since(known.at) < pairsCounted {
		return known.n, nil
	}
	n := 0
	err := s.Book.Each(ctx, connection, func(pair.Line) error { n++; return nil })
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted == nil {
		s.counted = map[string]counted{}
	}
	s.counted[connection] = counted{n, time.Now()}
	return n, nil
}

type counted struct {
	n  int
	at time.Time
}

func allowedKey(connection string) store.Key {
	return store.Key{Part: guardPart(connection), Sort: "allowed"}
}

func (s *Site) allowed(ctx context.Context, connection string) (bool, error) {
	docs, err := s.Book.Store.Get(ctx, allowedKey(connection))
	if err != nil || docs[0] == nil {
		return false, err
	}
	var a struct{ Until int64 }
	err = json.Unmarshal(docs[0].Body, &a)
	return s.Now() < a.Until, err
}

// Allow keeps a person's word that what the guard stopped is meant.
func (s *Site) Allow(ctx context.Context, connection, by string) error {
	until := time.UnixMilli(s.Now()).Add(guardAllowed)
	body, err := json.Marshal(map[string]any{"until": until.UnixMilli(), "by": by})
	if err != nil {
		return err
	}
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: allowedKey(connection), Body: body, Expires: until}))
}

// Hold sets this side's hold on a connection, or lifts it (nil). A hold that is there is not replaced by a lighter one.
func (s *Site) Hold(ctx context.Context, connection string, h *bridge.Hold) error {
	if h != nil && h.At == 0 {
		h.At = s.Now()
	}
	fresh := false
	err := s.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
		was := c.HoldOf(s.Role)
		if fresh = h == nil || was == nil || was.State == bridge.Paused && h.State != bridge.Paused; fresh {
			c.Hold(s.Role, h)
		}
		return nil
	})
	if err == nil && fresh && h != nil {
		s.Log.Error("connection held", "connection", connection, "state", string(h.State), "error_name", h.Name, "why", h.Why)
	}
	s.Ring()
	return err
}
