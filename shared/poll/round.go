package poll

import (
	"context"
	"encoding/json"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/store"
)

// progress is how far the exchange of a connection has come. It is stored before a message in which something flows is
// sent, and before what an answer brings is taken in: so a state that was restored from a backup knows less than the hub
// has seen of it, and a restored hub less than we have seen of that.
type progress struct {
	Count int64               `json:"count"` // of messages sent in which something flowed
	Hub   exchange.Generation `json:"hub,omitzero"`

	known   bool
	resumes int64 // Count, when this process began
	flows   bool  // the hub has answered this process, and did not ask for everything again
}

const roundPart = "round"

// count adds to the request how far the exchange has come, with this message.
func (l *Loop) count(ctx context.Context, in *exchange.Request) error {
	connection := l.Client.Connection
	if !l.came.known {
		came, err := l.Book.progress(ctx, connection)
		if err != nil {
			return err
		}
		l.came = came
	}
	if len(in.Changes)+len(in.Acks) > 0 {
		next := l.came
		next.Count++
		if err := l.Book.saveProgress(ctx, connection, next); err != nil {
			return err
		}
		l.came = next
	}
	request, done, err := l.Relay.Site.Book.Rejoining(ctx, connection)
	if err != nil {
		return err
	}
	if done && l.Rejoin != nil {
		in.Knows.Rejoined = request
	}
	in.Count, in.From.Resumes = l.came.Count, l.came.resumes
	in.Knows.Hub = l.came.Hub
	return nil
}

// follow notes the state in which the hub is, and offers everything again where the hub asks for it. It reports whether
// things flow: not while one of the two sides has not marked all its pairs, and not before the hub has answered this
// process once, for our own state may be an old one.
func (l *Loop) follow(ctx context.Context, out *exchange.Response) (flows bool, err error) {
	next := l.came
	next.Hub, next.flows = out.Hub, out.Rejoin == 0 || l.Rejoin == nil
	if !next.flows {
		l.forget()
		if err := l.Rejoin(ctx, l.Client.Connection, out.Rejoin, out.YourRules); err != nil {
			return false, err
		}
	}
	if len(out.Changes)+len(out.Acks) > 0 || next.Hub.State != l.came.Hub.State {
		if err := l.Book.saveProgress(ctx, l.Client.Connection, next); err != nil {
			return false, err
		}
	}
	l.came = next
	return next.flows, nil
}

// forget lets go what is under way: the hub may have lost it.
func (l *Loop) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.awaits)
	clear(l.holds)
}

func (b Book) progress(ctx context.Context, connection string) (progress, error) {
	p := progress{known: true}
	docs, err := b.Store.Get(ctx, store.Key{Part: roundPart, Sort: connection})
	if err != nil || docs[0] == nil {
		return p, err
	}
	if err := json.Unmarshal(docs[0].Body, &p); err != nil {
		return p, bridge.Permanent("state-damaged", "how far the exchange of connection %s has come cannot be read: %w", connection, err)
	}
	p.resumes = p.Count
	return p, nil
}

func (b Book) saveProgress(ctx context.Context, connection string, p progress) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: store.Key{Part: roundPart, Sort: connection}, Body: body}))
}
