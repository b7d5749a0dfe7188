package publish

import (
	"context"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

// Stop takes a pair out of sync because a person said so, and tells the remote site; both issues stay. It reports whether
// there was anything to stop.
func (f *Flow) Stop(ctx context.Context, connection, issue, by string) (stopped bool, err error) {
	p, err := f.Site.Book.Update(ctx, connection, issue, func(p *pair.Pair) error {
		stopped = p.Head.Status != pair.Stopped && p.Head.Gone == ""
		if !stopped {
			return nil
		}
		p.Head.Gone = bridge.Stopped
		p.Mark(f.Site.Now(), bridge.Live)
		p.Note(pair.Event{What: "gone", Note: string(bridge.Stopped), Cause: "asked by " + by})
		return nil
	})
	if errors.Is(err, pair.ErrNone) {
		return false, nil
	}
	if err == nil && p.Head.Waits() {
		f.Site.Ring()
	}
	return stopped, err
}
