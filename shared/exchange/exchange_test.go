package exchange_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

func TestOneRoundTripCarriesBothWays(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	big := strings.Repeat("long text ", 500)
	w.backend.give = exchange.Response{
		Changes: []bridge.Change{{Issue: bridge.Ref{ID: "1"}, Members: []bridge.Member{{Body: big}}}},
		Acks:    []bridge.Ack{{Issue: "2", Revision: 7}}, NextPollMS: 500, Hub: exchange.Generation{State: "h", Number: 1},
	}
	in := from("i1", 1)
	in.Changes = []bridge.Change{{Issue: bridge.Ref{ID: "10"}, Revision: 3, Members: []bridge.Member{{Body: big}}}}
	in.Awaits = []exchange.Mark{{Issue: "10", Revision: 3}}
	out, err := exchangeOnce(c, in)
	if err != nil {
		t.Fatal(err)
	}
	got := w.backend.got[0]
	if got.Changes[0].Connection != "c1" || got.Changes[0].Members[0].Body != big || got.Awaits[0].Revision != 3 {
		t.Errorf("hub got %+v", got)
	}
	if out.Changes[0].Connection != "c1" || out.Changes[0].Members[0].Body != big || out.Acks[0].Revision != 7 || out.NextPollMS != 500 || out.Lease.Fence != 1 {
		t.Errorf("poller got %+v", out)
	}
	if sent, received := c.Traffic(); sent == 0 || received == 0 || sent > int64(len(big)) {
		t.Errorf("traffic %d, %d: messages are not compressed or not counted", sent, received)
	}
}

func TestAnExchangeCostsOneReadAndOneWrite(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	reads := 0
	w.store.SetFaults(store.Faults{Read: func(n int) bool { reads = n; return false }})
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Fatal(err)
	}
	if reads != 1 || w.store.Applies() != 1 {
		t.Errorf("%d reads, %d writes", reads, w.store.Applies())
	}
}

func TestHeartbeatIsKept(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	in := from("i1", 1)
	in.Status = exchange.Status{Version: "1.0", Parked: 4, Problem: "jira\x1b[31m is away"}
	if _, err := exchangeOnce(c, in); err != nil {
		t.Fatal(err)
	}
	p, err := w.handler.Book.Poller(context.Background(), "c1")
	if err != nil || p.ID != "poller-1" || !p.Seen.Equal(w.now) || p.Status.Parked != 4 || p.Status.Problem != "jira [31m is away" || p.Site.Name != "private" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := w.handler.Book.Poller(context.Background(), "c2"); p != nil || err != nil {
		t.Errorf("poller of another connection: %+v, %v", p, err)
	}
}

func TestLease(t *testing.T) {
	for _, step := range []struct {
		name string
		who  exchange.Identity
		wait time.Duration
		want string
	}{
		{"same instance", exchange.Identity{State: "state-1", Generation: 1, Instance: "i1"}, 0, ""},
		{"restarted: higher generation", exchange.Identity{State: "state-1", Generation: 2, Instance: "i2"}, 0, ""},
		{"copy of the state, same generation", exchange.Identity{State: "state-1", Generation: 1, Instance: "i2"}, 0, "hub-busy"},
		{"copy of the state, same generation, later", exchange.Identity{State: "state-1", Generation: 1, Instance: "i2"}, exchange.LeaseTime, ""},
		{"another state", exchange.Identity{State: "state-2", Generation: 9, Instance: "i2"}, 0, "hub-busy"},
		{"another state, just before the end", exchange.Identity{State: "state-2", Generation: 9, Instance: "i2"}, exchange.LeaseTime - time.Second, "hub-busy"},
		{"another state, later", exchange.Identity{State: "state-2", Generation: 1, Instance: "i2"}, exchange.LeaseTime, ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.joined()
			if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(step.wait)
			step.who.Poller = "poller-1"
			out, err := exchangeOnce(c, &exchange.Request{From: step.who})
			if step.want == "" && err != nil || step.want != "" && bridge.NameOf(err) != step.want {
				t.Fatalf("%v, want %q", err, step.want)
			}
			if calls := len(w.backend.got); (step.want != "") != (calls == 1) {
				t.Errorf("the backend was called %d times", calls)
			}
			if err == nil && (out.Lease.Fence == 2) != (step.who.Instance == "i2") {
				t.Errorf("fence %d", out.Lease.Fence)
			}
		})
	}
}

func TestTheOneThatLostTheLeaseWaits(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	exchangeOnce(c, from("i1", 1))
	exchangeOnce(c, from("i2", 2))
	_, err := exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-busy")
	var e *bridge.Error
	if !errors.As(err, &e) || e.After != exchange.LeaseTime {
		t.Errorf("come again after %v", e.After)
	}
}

func TestByeGivesTheLeaseBack(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	bye := from("i1", 1)
	bye.Bye = true
	if _, err := exchangeOnce(c, bye); err != nil {
		t.Fatal(err)
	}
	if out, err := exchangeOnce(c, &exchange.Request{From: exchange.Identity{Poller: "poller-1", State: "other", Generation: 1, Instance: "i9"}}); err != nil || out.Lease.Fence != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAcceptingAgain(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	ctx := context.Background()
	if a, err := c.Accept(ctx, w.inv, "poller-1", exchange.Site{}); err != nil || a.Connection.ID != "c1" || a.Site.Name != "public" {
		t.Errorf("same key: %+v, %v", a, err)
	}
	_, err := w.client(w.inv, seeded(3)).Accept(ctx, w.inv, "poller-1", exchange.Site{})
	w.wantError(err, "hub-invitation")
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Errorf("the first poller is out: %v", err)
	}
}

func TestANewInvitationReplacesThePoller(t *testing.T) {
	w := newWorld(t)
	old := w.joined()
	exchangeOnce(old, from("i1", 1))
	inv := w.invite("c1")
	next := w.client(inv, seeded(4))
	if _, err := next.Accept(context.Background(), inv, "poller-2", exchange.Site{}); err != nil {
		t.Fatal(err)
	}
	_, err := exchangeOnce(old, from("i1", 1))
	w.wantError(err, "hub-refused")
	in := from("i1", 1)
	in.From.Poller = "poller-2"
	if out, err := exchangeOnce(next, in); err != nil || out.Lease.Fence != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestExpiredAndRevokedInvitations(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if err := w.handler.Book.Revoke(ctx, w.inv.ID, w.now); err != nil {
		t.Fatal(err)
	}
	_, err := w.client(w.inv, seeded(1)).Accept(ctx, w.inv, "p", exchange.Site{})
	w.wantError(err, "hub-invitation")
	second := w.invite("c2")
	w.now = second.Expires
	_, err = w.client(second, seeded(1)).Accept(ctx, second, "p", exchange.Site{})
	w.wantError(err, "hub-invitation")
	if err := w.handler.Book.Revoke(ctx, "no-such", w.now); !errors.Is(err, exchange.ErrNone) {
		t.Error(err)
	}
	if all, err := w.handler.Book.Invitations(ctx); err != nil || len(all) != 2 {
		t.Errorf("%d invitations, %v", len(all), err)
	}
}

func TestDismissedPollerIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	if err := w.handler.Book.Dismiss(context.Background(), "c1"); err != nil {
		t.Fatal(err)
	}
	_, err := exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-refused")
}

func TestPollerKeyRotationSurvivesLostAnswers(t *testing.T) {
	w := newWorld(t)
	c, next := w.joined(), seeded(5)
	for range 2 { // the answer of the first was lost
		if err := c.Rotate(context.Background(), next); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.backend.rotated; len(got) != 2 || got[1] != next.ID() {
		t.Errorf("the flows were told of %v", got)
	}
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Errorf("the old key, before the new one was used: %v", err)
	}
	old := c.Key
	c.Key = next
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Fatal(err)
	}
	c.Key = old
	_, err := exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-refused")
}

func TestHubKeyRotation(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	w.handler.Keys = []sign.Key{seeded(6), seeded(2)}
	out, err := exchangeOnce(c, from("i1", 1))
	if err != nil || out.HubKey == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if c.HubKey = out.HubKey.New; c.HubKey != seeded(6).Public() {
		t.Fatal("another key was announced")
	}
	if out, err := exchangeOnce(c, from("i1", 1)); err != nil || out.HubKey != nil {
		t.Errorf("%+v, %v", out, err)
	}
	w.handler.Keys = []sign.Key{seeded(7)} // replaced without an announcement
	_, err = exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-unreachable")
}

func TestAWrongClockInsideLocksNobodyOut(t *testing.T) {
	for _, off := range []time.Duration{-13 * time.Hour, -6 * time.Minute, 6 * time.Minute, 400 * 24 * time.Hour} {
		w := newWorld(t)
		c := w.joined()
		c.Clock = new(sign.Clock)
		c.Now = func() time.Time { return w.now.Add(off) }
		if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
			t.Errorf("clock off by %s: %v", off, err)
		}
		if got, known := c.Clock.Offset(); !known || (got+off).Abs() > time.Second {
			t.Errorf("clock off by %s: learnt %s", off, got)
		}
	}
}

func TestAHeldAnswerDoesNotBendTheClock(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	c.Now = func() time.Time { return w.now.Add(-time.Hour) }
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Fatal(err)
	}
	w.backend.during = func() { w.now = w.now.Add(50 * time.Second) }
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Clock.Offset(); got != time.Hour {
		t.Errorf("learnt %s", got)
	}
}

func TestTheHubKnowsWhichOfItsKeysIsPinned(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
		t.Fatal(err)
	}
	if p, err := w.handler.Book.Poller(context.Background(), "c1"); err != nil || p.HubKey != seeded(2).ID() {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestFailingBackend(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	w.backend.err = bridge.Temporary("store-unavailable", "table secret-name throttled")
	_, err := exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-unavailable")
	w.backend.err = bridge.Permanent("state-damaged", "secret-path is broken")
	_, err2 := exchangeOnce(c, from("i1", 1))
	w.wantError(err2, "hub-request")
	for _, e := range []error{err, err2} {
		if strings.Contains(e.Error(), "secret") {
			t.Errorf("internals in %q", e)
		}
	}
	if !bridge.IsTemporary(err) || bridge.IsTemporary(err2) {
		t.Error("temporary and permanent are mixed up")
	}
}

func TestStoreFailuresChangeNothingTwice(t *testing.T) {
	for _, f := range []store.Fault{store.FaultLost, store.FaultAfter} {
		w := newWorld(t)
		c := w.joined()
		w.store.SetFaults(store.Faults{Apply: store.FailApply(1, f)})
		_, err := exchangeOnce(c, from("i1", 1))
		w.wantError(err, "hub-unavailable")
		if len(w.backend.got) != 0 {
			t.Error("the backend was called although the session was not stored")
		}
		if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
			t.Errorf("the next try: %v", err)
		}
	}
}

func TestAcceptSurvivesFailedWrites(t *testing.T) {
	for _, f := range []store.Fault{store.FaultLost, store.FaultAfter} {
		w := newWorld(t)
		w.store.SetFaults(store.Faults{Apply: store.FailApply(1, f)})
		c := w.client(w.inv, seeded(1))
		_, err := c.Accept(context.Background(), w.inv, "poller-1", exchange.Site{})
		w.wantError(err, "hub-unavailable")
		if _, err := c.Accept(context.Background(), w.inv, "poller-1", exchange.Site{}); err != nil {
			t.Errorf("fault %d, again: %v", f, err)
		}
		if _, err := exchangeOnce(c, from("i1", 1)); err != nil {
			t.Errorf("fault %d, exchange: %v", f, err)
		}
	}
}

func TestLargeAnswersAreCut(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	for i := range 300 {
		w.backend.give.Changes = append(w.backend.give.Changes, bridge.Change{Issue: bridge.Ref{ID: string(rune('a' + i%26))}})
	}
	out, err := exchangeOnce(c, from("i1", 1))
	if err != nil || len(out.Changes) != exchange.MaxChanges || !out.More {
		t.Errorf("%d changes, more %v, %v", len(out.Changes), out.More, err)
	}
	w.backend.give.Changes = []bridge.Change{noise("1", 3<<20), noise("2", 3<<20), noise("3", 3<<20)}
	out, err = exchangeOnce(c, from("i1", 1))
	if err != nil || len(out.Changes) != 1 || !out.More {
		t.Errorf("%d changes, more %v, %v", len(out.Changes), out.More, err)
	}
	w.backend.give.Changes = []bridge.Change{noise("too large", 9<<20)}
	out, err = exchangeOnce(c, from("i1", 1))
	if err != nil || len(out.Changes) != 0 || !strings.Contains(w.log.String(), "exchange-too-large") {
		t.Errorf("%d changes, %v", len(out.Changes), err)
	}
}

// noise is a change that gzip cannot make much smaller.
func noise(id string, n int) bridge.Change {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[x>>26]
	}
	return bridge.Change{Issue: bridge.Ref{ID: id}, Members: []bridge.Member{{Body: string(b)}}}
}

func TestAnswersThatAreNotTheHubs(t *testing.T) {
	for name, f := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"gateway 403": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { http.Error(rw, "Forbidden", 403) },
		"gateway 200": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { rw.Write([]byte(`{"protocol":1}`)) },
		"login page":  func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { rw.Write([]byte("<html>log in")) },
		"redirect":    func(rw http.ResponseWriter, r *http.Request, _ http.Handler) { http.Redirect(rw, r, "/elsewhere", 307) },
		"unsigned fault": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(rw, `{"error":"refused","now":"2020-01-01T00:00:00Z"}`, 401)
		},
		"rewritten body": func(rw http.ResponseWriter, r *http.Request, hub http.Handler) {
			hub.ServeHTTP(&rewriter{ResponseWriter: rw}, r)
		},
		"connection cut": func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
		"answer cut": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Length", "1000")
			rw.Write([]byte("{"))
		},
		"endless answer": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			for range 3 {
				rw.Write(make([]byte, 2<<20))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.joined()
			offset, _ := c.Clock.Offset()
			w.between(c, f)
			_, err := exchangeOnce(c, from("i1", 1))
			w.wantError(err, "hub-unreachable")
			if !bridge.IsTemporary(err) {
				t.Error("not temporary")
			}
			if now, _ := c.Clock.Offset(); now != offset {
				t.Error("the clock believed an unsigned answer")
			}
		})
	}
}

type rewriter struct{ http.ResponseWriter }

func (r *rewriter) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write([]byte(strings.Replace(string(b), `"fence":1`, `"fence":9`, 1)))
	return n, err
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	asked := 0
	w.between(c, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		asked++
		http.Redirect(rw, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := exchangeOnce(c, from("i1", 1))
	w.wantError(err, "hub-unreachable")
	if asked != 1 {
		t.Errorf("%d requests", asked)
	}
}

func TestAKeyIsGoodForItsPollerOnly(t *testing.T) {
	w := newWorld(t)
	in := from("i1", 1)
	in.From.Poller = "poller-2"
	_, err := exchangeOnce(w.joined(), in)
	w.wantError(err, "hub-refused")
}

func TestRetryAfterOfAGateway(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	w.between(c, func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Retry-After", "17")
		rw.WriteHeader(429)
	})
	_, err := exchangeOnce(c, from("i1", 1))
	var e *bridge.Error
	if !errors.As(err, &e) || e.After != 17*time.Second {
		t.Errorf("%v", err)
	}
}

func TestHubBehindAPath(t *testing.T) {
	w := newWorld(t)
	w.handler.Prefix = "/base/hub"
	c := w.client(w.inv, seeded(1))
	c.Base.Path = "/base/hub/"
	if _, err := c.Accept(context.Background(), w.inv, "poller-1", exchange.Site{}); err != nil {
		t.Error(err)
	}
}

func TestMessageThatIsNotUnderstood(t *testing.T) {
	w := newWorld(t)
	c := w.joined()
	bad := from("i1", 0)
	_, err := exchangeOnce(c, bad)
	w.wantError(err, "hub-request")
	many := from("i1", 1)
	many.Changes = make([]bridge.Change, exchange.MaxChanges+1)
	_, err = exchangeOnce(c, many)
	w.wantError(err, "hub-request")
	other := from("i1", 1)
	other.Changes = []bridge.Change{{Connection: "c2"}}
	_, err = exchangeOnce(c, other)
	w.wantError(err, "hub-request")
	huge := from("i1", 1)
	huge.Changes = []bridge.Change{noise("1", 9<<20)}
	_, err = exchangeOnce(c, huge)
	w.wantError(err, "hub-request")
	if len(w.backend.got) != 0 {
		t.Error("the backend saw one of them")
	}
}
