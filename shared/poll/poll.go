// Package poll is the private side's half of the exchange: it alone opens connections. One [Loop] per connection sends
// what waits, takes what came, and sleeps as long as the hub says, or until something of its own waits.
//
// Stored keys (partition, then sort key; C is a connection id):
//
//	hubs     C       how to reach the hub of a connection: URL, pinned key, our own key
//	poller   state   who we are: poller id, random id of this state, how often it was started
//	round    C       how far the exchange has come: messages sent, the hub's state last seen
//	clock    C       how far the hub is ahead of our clock, ms
//	trouble  C       why the exchange does not work, and since when; absent while it does
//
// Start reading at [Loop.Run]; link.go keeps the keys, content.go moves attachments.
package poll

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/relay"
	"drawbridge/shared/site"
)

// Loop keeps one connection's exchange going.
type Loop struct {
	Relay  relay.Relay
	Client *exchange.Client
	Book   Book
	Self   exchange.Identity
	// Status is how this poller is, for the hub to show.
	Status func(ctx context.Context, connection string) exchange.Status
	// Rejoin is called when the hub asks for the entries of all pairs again; rules is the highest revision of our rules that it
	// knows of.
	Rejoin func(ctx context.Context, connection string, request, rules int64) error
	// Wait is for how long the hub may hold its answer; 0: it answers at once (for a single round).
	Wait time.Duration
	Log  *slog.Logger

	mu       sync.Mutex
	theirs   string          // version of the hub, as last kept
	contract sent            // ours, as last sent: the time of publishing, and when that was
	awaits   map[string]sent // by issue: sent to the hub, no ack yet
	asked    map[string]bool // ids of questions of the hub that it has no answer to
	holds    map[string]sent // by remote issue: taken from the hub, no ack sent yet
	came     progress
	ahead    *time.Duration // how far the hub is ahead of our clock, as stored
	last     time.Time      // something flowed
	failed   error
	since    time.Time              // of the first failure in a row
	noted    string                 // what is stored of how the exchange goes: the name of an error, "nothing", or not known
	told     bridge.ConnectionState // what the last exchange said the connection is
	active   bool                   // the connection carried changes in the last round
}

// carries forgets what is under way when a connection carries changes again: meanwhile they were let go, so they are sent
// and asked for anew.
func (l *Loop) carries(active bool) {
	if active && !l.active {
		clear(l.awaits)
		clear(l.holds)
	}
	l.active = active
}

type sent struct {
	revision int64
	at       time.Time
}

// resendAfter is when a change without an ack is sent, or asked for, again: the receiver may have lost it with its queue,
// or given it up after a few tries.
const resendAfter = 5 * time.Minute

// DefaultWait is how long a poller lets the hub hold an answer.
const DefaultWait = 20 * time.Second

// Run exchanges until ctx is done, then gives the lease back.
func (l *Loop) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pause, err := l.round(ctx, l.Wait)
		if l.over(ctx, err) {
			return
		}
		if err != nil && ctx.Err() == nil {
			pause = l.trouble(ctx, err)
		}
		l.sleep(ctx, pause, err == nil)
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	in, err := l.request(bye)
	if err == nil {
		err = l.count(bye, in)
	}
	if err == nil {
		in.Bye = true
		_, _ = l.Client.Exchange(bye, in) // a lease that is not given back runs out
	}
}

// Once exchanges until nothing is left to send or take, for a scheduler.
func (l *Loop) Once(ctx context.Context) error {
	for range 1000 {
		before := l.flowed()
		if _, err := l.round(ctx, 0); err != nil {
			l.trouble(ctx, err) // for whoever asks drawbridge status afterwards
			return err
		}
		if before == l.flowed() {
			return nil
		}
	}
	return nil
}

// Trouble is the error of the last round, nil if it went well.
func (l *Loop) Trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// Silent says since when the hub has not been reached, and why; nil: it is.
func (l *Loop) Silent() (since time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since, l.failed
}

// Busy counts what was taken or sent and is not settled.
func (l *Loop) Busy() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.awaits) + len(l.holds)
}

func (l *Loop) flowed() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// round does one exchange. An answer that the hub holds is given up when something of our own waits.
func (l *Loop) round(ctx context.Context, wait time.Duration) (pause time.Duration, err error) {
	rung := l.Relay.Site.Rung()
	in, err := l.request(ctx)
	if err == nil {
		err = l.count(ctx, in)
	}
	if err != nil {
		return 0, err
	}
	flowed := l.came.flows
	if flowed && len(in.Changes)+len(in.Acks)+len(in.Told) == 0 {
		in.WaitMS = wait.Milliseconds()
	}
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	if in.WaitMS > 0 {
		go func() {
			select {
			case <-rung:
				cancel()
			case <-done:
			}
		}()
	}
	out, err := l.Client.Exchange(call, in)
	if err != nil {
		if call.Err() != nil && ctx.Err() == nil {
			return 0, nil // given up for something of our own
		}
		return 0, err
	}
	l.well(ctx)
	err = errors.Join(l.keepClock(ctx), l.take(ctx, in, out))
	if !flowed && l.came.flows {
		return 0, err // now send what waits
	}
	return time.Duration(out.NextPollMS) * time.Millisecond, err
}

// clockMoves is by how much the hub's clock must have moved against ours to be kept anew.
const clockMoves = time.Second

// keepClock keeps how far the hub is ahead: a poller that is started anew stamps by the hub's time from the first moment.
func (l *Loop) keepClock(ctx context.Context) error {
	ahead, known := l.Client.Clock.Offset()
	if !known || l.ahead != nil && (*l.ahead-ahead).Abs() < clockMoves {
		return nil
	}
	err := l.Book.keepClock(ctx, l.Client.Connection, ahead)
	if err == nil {
		l.ahead = &ahead
	}
	return err
}

// request gathers acks that are ready and changes that wait.
func (l *Loop) request(ctx context.Context) (*exchange.Request, error) {
	book, connection := l.Relay.Site.Book, l.Client.Connection
	c, err := book.Connection(ctx, connection)
	if err != nil || c == nil {
		return nil, errors.Join(err, bridgeMissing(c, connection))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	in := &exchange.Request{From: l.Self, Knows: exchange.Knows{
		Policy: c.Revision(), State: c.State, HubKey: l.Client.HubKey.ID(), Hold: c.HoldOf(bridge.Public), Name: c.Theirs,
	}, Hold: c.HoldOf(bridge.Private), Name: c.Name}
	if len(c.Policies) > 1 {
		in.Knows.Policies = c.Policies
	}
	l.told = c.State
	l.carries(c.State == bridge.Active)
	if l.Status != nil {
		in.Status = l.Status(ctx, connection)
	}
	if !l.last.IsZero() {
		in.IdleMS = time.Since(l.last).Milliseconds()
	}
	if in.Knows.Rules, err = l.Relay.Site.TheirNumber(ctx, connection); err != nil || !l.came.flows {
		return in, err
	}
	if err := l.contracts(ctx, in); err != nil {
		return nil, err
	}
	for _, issue := range slices.Sorted(maps.Keys(l.holds)) {
		s := l.holds[issue]
		a, err := l.Relay.Answer(ctx, connection, issue, s.revision)
		if err != nil {
			return nil, err
		}
		switch {
		case a != nil:
			in.Acks = append(in.Acks, *a)
		case time.Since(s.at) < resendAfter:
			in.Holds = append(in.Holds, exchange.Mark{Issue: issue, Revision: s.revision})
		default:
			delete(l.holds, issue) // not held any more: the hub sends it again
		}
	}
	if c.State == bridge.Active {
		if in.Again, err = book.Again(ctx, connection, relay.MaxAgain); err != nil {
			return nil, err
		}
		in.Changes, _, err = l.Relay.Next(ctx, connection, len(l.awaits), l.underWay)
	}
	err = errors.Join(err, l.asking(ctx, in))
	for _, issue := range slices.Sorted(maps.Keys(l.awaits)) {
		s := l.awaits[issue]
		if time.Since(s.at) >= resendAfter {
			delete(l.awaits, issue) // sent again with this request, or its pair has ended and nobody answers
			continue
		}
		in.Awaits = append(in.Awaits, exchange.Mark{Issue: issue, Revision: s.revision})
	}
	return in, err
}

// underWay reports that the hub holds that revision and need not be sent it again.
func (l *Loop) underWay(issue string, revision int64) bool {
	s, ok := l.awaits[issue]
	return ok && s.revision >= revision && time.Since(s.at) < resendAfter
}

// take takes in what the hub answered.
func (l *Loop) take(ctx context.Context, in *exchange.Request, out *exchange.Response) error {
	if flows, err := l.follow(ctx, out); err != nil || !flows {
		return err
	}
	if err := l.configure(ctx, out); err != nil {
		return err
	}
	if err := l.takeContracts(ctx, in, out); err != nil {
		return err
	}
	if err := l.Relay.TakeAgain(ctx, l.Client.Connection, out.Again); err != nil {
		return err
	}
	if err := l.Relay.TakeAcks(ctx, out.Acks); err != nil {
		return err
	}
	if err := l.takeAsking(ctx, in, out); err != nil {
		return err
	}
	fresh := l.fresh(out.Changes)
	if err := l.Relay.TakeChanges(ctx, fresh); err != nil {
		return err
	}
	l.settle(in, out, fresh)
	return nil
}

// fresh are the changes that are not in hand already.
func (l *Loop) fresh(changes []bridge.Change) []bridge.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []bridge.Change
	for _, c := range changes {
		if l.holds[c.Issue.ID].revision < c.Revision {
			out = append(out, c)
		}
	}
	return out
}

// settle updates what is under way.
func (l *Loop) settle(in *exchange.Request, out *exchange.Response, fresh []bridge.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.awaits == nil {
		l.awaits, l.holds = map[string]sent{}, map[string]sent{}
	}
	for _, a := range in.Acks {
		if l.holds[a.Issue].revision <= a.Revision {
			delete(l.holds, a.Issue)
		}
	}
	for _, c := range in.Changes {
		l.awaits[c.Issue.ID] = sent{c.Revision, time.Now()}
	}
	for _, a := range out.Acks {
		if l.awaits[a.Issue].revision <= a.Revision {
			delete(l.awaits, a.Issue)
		}
	}
	for _, c := range fresh {
		l.holds[c.Issue.ID] = sent{c.Revision, time.Now()}
	}
	if len(in.Acks)+len(in.Changes)+len(out.Acks)+len(fresh) > 0 || l.last.IsZero() {
		l.last = time.Now()
	}
	l.failed = nil
}

// configure takes over what the hub says of the connection, and its next key.
func (l *Loop) configure(ctx context.Context, out *exchange.Response) error {
	connection := l.Client.Connection
	if told := out.Connection; told != nil {
		told.ID = connection
		if err := l.Relay.Configure(ctx, told); err != nil {
			return err
		}
	}
	if out.HubKey == nil {
		return nil
	}
	if err := l.Book.PinHub(ctx, connection, out.HubKey.New); err != nil {
		return err
	}
	old := l.Client.HubKey.ID()
	l.Client.HubKey = out.HubKey.New
	return l.Relay.Site.Record(ctx, site.Act{
		Who: "the public side", What: "hub's key rotated", Connection: connection,
		Before: map[string]string{"hub's key": old}, After: map[string]string{"hub's key": out.HubKey.New.ID()},
	})
}

// trouble notes why a round failed and says when to try again: 1 s, doubled up to a minute, not before the hub asked.
func (l *Loop) trouble(ctx context.Context, err error) time.Duration {
	l.mu.Lock()
	if l.failed == nil {
		l.since = time.Now()
	}
	another := l.failed == nil || bridge.NameOf(l.failed) != bridge.NameOf(err)
	l.failed = err
	since := l.since
	l.mu.Unlock()
	l.fails(ctx, err, since)
	if another {
		l.Log.Warn("exchange failed", "connection", l.Client.Connection, "name", bridge.NameOf(err), "error", err)
	}
	var e *bridge.Error
	if errors.As(err, &e) && e.After > 0 {
		return min(e.After, 10*time.Minute)
	}
	if !bridge.IsTemporary(err) {
		return time.Minute
	}
	return time.Second
}

// sleep pauses, but not when something of our own comes up meanwhile and the hub was reached last time.
func (l *Loop) sleep(ctx context.Context, d time.Duration, wake bool) {
	if d <= 0 {
		return
	}
	rung := l.Relay.Site.Rung()
	if !wake {
		rung = nil
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	case <-rung:
	}
}

func bridgeMissing(c *bridge.Connection, id string) error {
	if c != nil {
		return nil
	}
	return bridge.Permanent("connection-unknown", "connection %s is not in this poller's state", id).At(bridge.LevelConnection)
}
