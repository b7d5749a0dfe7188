package world

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/pair"
	"drawbridge/shared/relay"
)

// TestHandsThatAreFull: a poller that works slower than changes come is never given more than an exchange can name, a live
// change finds room beside any number of bulk ones, and the rest follows as soon as something is done.
func TestHandsThatAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(t, Options{})
		book, hub := w.Public.Site.Book, relay.Hub{Relay: w.Public.Relay}
		wait := func(id int, lane bridge.Lane) string {
			p := book.New(Connection, bridge.Ref{ID: fmt.Sprint(id), Key: fmt.Sprint("PUB-", id)}, bridge.Public)
			p.Mark(time.Now().UnixMilli(), lane)
			if err := book.Create(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			return p.Head.Local.ID
		}
		const bulk = exchange.MaxMarks + 100
		for i := range bulk {
			wait(100000+i, bridge.Bulk)
		}
		in := &exchange.Request{}
		take := func() {
			for {
				out, err := hub.Exchange(t.Context(), exchange.Session{Connection: Connection}, in)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range out.Changes {
					in.Holds = append(in.Holds, exchange.Mark{Issue: c.Issue.ID, Revision: c.Revision})
				}
				if len(out.Changes) == 0 {
					return
				}
			}
		}
		holds := func(issue string) bool {
			for _, m := range in.Holds {
				if m.Issue == issue {
					return true
				}
			}
			return false
		}
		take()
		full := len(in.Holds)
		if full >= exchange.MaxMarks || full < exchange.MaxMarks/2 {
			t.Errorf("%d bulk changes in hand of %d, an exchange names %d", full, bulk, exchange.MaxMarks)
		}
		live := wait(1, bridge.Live)
		if take(); !holds(live) {
			t.Errorf("a live change waits behind %d bulk ones", full)
		}
		for i := range exchange.MaxMarks {
			wait(10+i, bridge.Live)
		}
		if take(); len(in.Holds) != exchange.MaxMarks {
			t.Errorf("%d changes in hand, an exchange names %d", len(in.Holds), exchange.MaxMarks)
		}
		for _, m := range in.Holds[:3000] { // applied, and answered
			_, err := book.Update(t.Context(), Connection, m.Issue, func(p *pair.Pair) error {
				p.Acknowledge(bridge.Ack{Connection: Connection, Issue: m.Issue, Revision: m.Revision, Outcome: bridge.Applied, Twin: bridge.Ref{ID: "t" + m.Issue}})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		in.Holds = in.Holds[3000:]
		if take(); len(in.Holds) != exchange.MaxMarks {
			t.Errorf("%d changes in hand after 3,000 were done and others taken", len(in.Holds))
		}
	})
}
