// Package relay hands changes and acks between the pairs of a site and the wire. Both halves use it: the hub behind the
// exchange's handler, the poller around its client.
//
// Start reading at [Relay.TakeChanges] and [Relay.Outgoing]; hub.go is the hub's answer to an exchange.
package relay

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/several"
	"drawbridge/shared/site"
)

// Relay is one site's.
type Relay struct {
	Site *site.Site
	// Unready spares looking at changes that are not done; nil: each is looked at in every exchange.
	Unready *Unready
	// Together is how many pairs an exchange writes at the same time; one after the other if 0. All else in it waits for them, and
	// writes that wait together share a commit.
	Together int
}

// TakeChanges puts the remote site's changes into the queue, each in the group of its issue. A change that comes again
// changes nothing when it is applied again.
func (r *Relay) TakeChanges(ctx context.Context, changes []bridge.Change) error {
	ts := make([]site.Task, len(changes))
	for i := range changes {
		c := &changes[i]
		c.Issue = c.Issue.Shown()
		issue := c.Twin
		if issue == "" {
			issue = "remote-" + c.Issue.ID
		}
		ts[i] = site.Task{Kind: site.ChangeTask, Connection: c.Connection, Issue: issue, Change: c}
	}
	return r.Site.SendAll(ctx, ts, func(t site.Task) bridge.Lane { return t.Change.Lane })
}

// MaxAgain bounds how many issues are asked for anew in one exchange; the others follow when these have come.
const MaxAgain = 200

// TakeAgain offers issues anew that the remote site may be able to make twins of now.
func (r *Relay) TakeAgain(ctx context.Context, connection string, issues []string) error {
	return each(r, issues, func(issue string) error { return r.Site.Book.OfferAgain(ctx, connection, issue) })
}

// TakeAcks takes the remote site's acks into the pairs.
func (r *Relay) TakeAcks(ctx context.Context, acks []bridge.Ack) error {
	return each(r, acks, func(a bridge.Ack) error { return r.takeAck(ctx, a) })
}

// Together is a good number of pairs to write at the same time to a state file, where they share a commit.
const Together = 32

// each does something for each of some, several at the same time.
func each[T any](r *Relay, all []T, do func(T) error) error {
	crew := several.Hands(r.Together)
	var err error
	for _, one := range all {
		if err = crew.Do(func() error { return do(one) }); err != nil {
			break
		}
	}
	return errors.Join(err, crew.Wait())
}

func (r *Relay) takeAck(ctx context.Context, a bridge.Ack) error {
	a.Twin = a.Twin.Shown()
	var joined bool
	var acked, since int64
	p, err := r.Site.Book.Update(ctx, a.Connection, a.Issue, func(p *pair.Pair) error {
		acked, since = p.Head.Acked, p.Head.Since
		joined = p.Head.Status == pair.Waiting && a.Twin.ID != ""
		p.Acknowledge(a)
		if joined {
			p.Note(pair.Event{What: "paired", Note: p.Head.Local.Key + " with " + a.Twin.Key})
		}
		for key, why := range a.Refused {
			p.Note(pair.Event{What: "refused there", Field: key, Note: why})
		}
		if a.Outcome != bridge.Applied {
			p.Note(pair.Event{What: "acknowledged", Outcome: string(a.Outcome), Note: a.Reason})
		}
		joinAnswered(p, a)
		if p.Head.Gone != "" && a.Revision >= p.Head.Revision {
			p.Head.Status = pair.Stopped
		}
		return nil
	})
	if errors.Is(err, pair.ErrNone) {
		return nil
	}
	if err == nil && a.Revision > acked && p.Head.Acked == a.Revision {
		r.done("out", a, p.Head.Local.Key, since)
	}
	if err == nil && joined {
		err = r.paired(ctx, p)
	}
	return err
}

// paired has a pair looked at whose twin is known now, if anything here waited for that: a link or a field that shows the twin, or
// another issue.
func (r *Relay) paired(ctx context.Context, p *pair.Pair) error {
	connection, remote := p.Head.Connection, p.Head.Remote.ID
	rules, _, err := r.Site.Rules(ctx, connection)
	if err != nil {
		return err
	}
	wanted := rules.RemoteLinks() == "both" || rules.Shows() != (rule.Shows{})
	if !wanted && (rules.Takes("links") || rules.Takes("parent")) {
		waiting, err := r.Site.Book.Awaiting(ctx, connection, remote)
		if err != nil {
			return err
		}
		wanted = len(waiting) > 0
	}
	if !wanted {
		return nil
	}
	t := site.Task{Kind: site.RetryTask, Connection: connection, Issue: p.Head.Local.ID, By: "paired"}
	return r.Site.Send(ctx, t, bridge.Live, fmt.Sprintf("paired/%s/%s", connection, remote))
}

// done logs a change that is over, once: on AWS the line makes metrics. Since is when it began to wait (hub ms), if that is
// known.
func (r *Relay) done(direction string, a bridge.Ack, key string, since int64) {
	args := []any{"direction", direction, "connection", a.Connection, "issue", key, "revision", a.Revision, "outcome", string(a.Outcome)}
	if since > 0 {
		args = append(args, "delay_ms", max(0, r.Site.Now()-since))
	}
	r.Site.Log.Info(ChangeLine, args...)
}

// ChangeLine is the message of the line that is logged for every change.
const ChangeLine = "change"

// liveRoom is how much of all that a receiver may have in hand is kept for live changes: bulk ones do not take the last places.
const liveRoom = 1000

// Next returns what to send to a receiver that has so many changes in hand already: no more than an exchange can name, for each
// names all of them.
func (r *Relay) Next(ctx context.Context, connection string, inHand int, skip func(issue string, revision int64) bool) (changes []bridge.Change, more bool, err error) {
	room := exchange.MaxMarks - inHand
	switch {
	case room <= 0:
		return nil, true, nil
	case room <= liveRoom:
		return r.Outgoing(ctx, connection, min(exchange.MaxChanges, room), skip, bridge.Live)
	}
	return r.Outgoing(ctx, connection, min(exchange.MaxChanges, room-liveRoom), skip)
}

// Outgoing returns what waits for the remote site, live before bulk or of the lanes given, at most limit changes; more says that
// others wait.
func (r *Relay) Outgoing(ctx context.Context, connection string, limit int, skip func(issue string, revision int64) bool, lanes ...bridge.Lane) (changes []bridge.Change, more bool, err error) {
	changes, more, err = r.Site.Book.Outgoing(ctx, connection, limit, skip, lanes...)
	if err != nil || len(changes) == 0 {
		return nil, more, err
	}
	rules, _, err := r.Site.Rules(ctx, connection)
	if err != nil {
		return nil, false, err // what may leave is not known
	}
	for i := range changes {
		changes[i].Issue, changes[i].Shadow = rules.Ref(changes[i].Issue), rules.Method() == "shadow"
	}
	return changes, more, nil
}

// Answer is what this site says of the remote site's change; see pair.Book.
func (r *Relay) Answer(ctx context.Context, connection, remoteIssue string, revision int64) (*bridge.Ack, error) {
	if r.Unready.known(connection, remoteIssue, revision) {
		return nil, nil
	}
	notDone := r.Unready.look(connection, remoteIssue, revision)
	a, err := r.Site.Book.Answer(ctx, connection, remoteIssue, revision)
	if err == nil && a == nil {
		notDone()
	}
	if err != nil || a == nil || a.Twin.ID == "" {
		return a, err
	}
	rules, _, err := r.Site.Rules(ctx, connection)
	if err != nil {
		return nil, err
	}
	told := *a
	told.Twin = rules.Ref(a.Twin)
	return &told, nil
}
