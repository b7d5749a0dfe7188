package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// granted are the permanent errors whose cause may go without anybody telling us: somebody grants a permission. The pair is
// tried now and then, and when one of those pairs works, the others that the same error parked are tried too.
var granted = map[string]bool{"forbidden": true}

// outage are the temporary errors that are hardly ever one issue's alone: when one of the pairs that they parked works again, the
// others do not wait for their time either.
var outage = map[string]bool{"jira-failed": true, "site-unreachable": true, "html-answer": true}

const (
	probeFirst = 10 * time.Minute
	probeLast  = 6 * time.Hour
)

// probe is when a pair parked by such an error is tried again; 0: not by itself.
func probe(name string, tries int) time.Duration {
	if !granted[name] {
		return 0
	}
	return min(probeFirst<<min(tries, 10), probeLast)
}

// forgive lets what was refused be tried again: a person asked, a permission may have been granted, or it is time to see
// whether what was missing is there.
func (f *Flow) forgive(ctx context.Context, t site.Task) error {
	if t.Insist || t.All {
		f.forgetNobody()
	}
	_, err := f.Site.Book.Update(ctx, t.Connection, t.Issue, func(p *pair.Pair) error {
		k := p.Head.Parked
		if !t.Insist && !t.All && (k == nil || !granted[k.Name]) {
			return nil
		}
		p.State.Forgive(t.Insist)
		if t.Insist && p.Head.Unmade() != nil {
			p.Mark(f.Site.Now(), bridge.Live)
		}
		if t.Insist {
			if err := undo(ctx, p); err != nil {
				return err
			}
		}
		if t.Insist && fighting(p) != nil {
			p.Calm()
			p.Unpark()
			p.Note(pair.Event{What: "retried", Cause: t.By, Note: "asked to go on after a fight"})
		}
		return nil
	})
	if errors.Is(err, pair.ErrNone) {
		return nil
	}
	return err
}

// undo lists the members again that were refused.
func undo(ctx context.Context, p *pair.Pair) error {
	copies, err := p.Copies(ctx)
	for _, c := range copies {
		if c.Why != "" {
			p.State.Undo(pair.MemberKey(c.Want.Kind, c.Want.ID))
		}
	}
	return err
}

// freed sends for the pairs that were parked for the same reason as one that works now.
func (f *Flow) freed(ctx context.Context, v *observe.View, was string) error {
	if !granted[was] && !outage[was] {
		return nil
	}
	t := site.Task{Kind: site.ParkedTask, Connection: v.Connection.ID, Issue: "parked-" + v.Connection.ID, Name: was, By: "the cause of " + was + " has gone"}
	return f.Site.Send(ctx, t, bridge.Bulk, fmt.Sprintf("freed/%s/%s/%d", v.Connection.ID, was, v.Now/time.Minute.Milliseconds()))
}
