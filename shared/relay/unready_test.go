package relay

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// counted counts reads, and does something during each.
type counted struct {
	store.Store
	reads  int
	during func()
}

func (c *counted) Get(ctx context.Context, keys ...store.Key) ([]*store.Doc, error) {
	c.reads++
	c.during()
	return c.Store.Get(ctx, keys...)
}

func TestAChangeThatIsNotDoneIsLookedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counted{Store: store.NewMemory(store.Faults{}), during: func() {}}
		r := Relay{Site: &site.Site{Book: &pair.Book{Store: s, Site: "private", Now: func() int64 { return 1 }}}, Unready: new(Unready)}
		ask := func(revision int64, why string, want int) {
			t.Helper()
			before := s.reads
			if a, err := r.Answer(t.Context(), "c", "10001", revision); a != nil || err != nil {
				t.Fatalf("%+v %v", a, err)
			}
			if s.reads-before != want {
				t.Errorf("%s: %d reads, want %d", why, s.reads-before, want)
			}
		}
		ask(2, "the first time", 1)
		ask(2, "the second time", 0)
		ask(3, "a later revision is not done either", 0)
		ask(1, "an earlier revision may be done", 1)
		r.Unready.Worked("c", "10001")
		ask(2, "it was worked on", 1)
		s.during = func() { r.Unready.Worked("c", "10001") }
		ask(1, "it is worked on just now", 1)
		s.during = func() {}
		ask(1, "it was worked on while it was looked at", 1)
		time.Sleep(unreadyTime)
		ask(1, "another process may have worked on it", 1)
	})
}
