package poll

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
)

// asking adds our questions, and our answers to the hub's.
func (l *Loop) asking(ctx context.Context, in *exchange.Request) (err error) {
	connection := l.Client.Connection
	if in.Asks, err = l.Relay.Site.Asks(ctx, connection, exchange.MaxAsks); err != nil {
		return err
	}
	for id := range l.asked {
		a, err := l.Relay.Site.Answered(ctx, connection, id)
		if err != nil {
			return err
		}
		if a != nil && len(in.Told) < exchange.MaxAsks {
			in.Told = append(in.Told, *a)
		} else {
			in.Asked = append(in.Asked, id)
		}
	}
	return nil
}

// takeAsking takes the hub's questions and answers.
func (l *Loop) takeAsking(ctx context.Context, in *exchange.Request, out *exchange.Response) error {
	connection := l.Client.Connection
	for i := range out.Asks {
		out.Asks[i].Connection, out.Asks[i].Change.Connection = connection, connection
	}
	for i := range out.Told {
		out.Told[i].Connection = connection
	}
	if out.Rules != nil {
		if err := l.Relay.Site.LearnTheirNumber(ctx, connection, out.Rules.Revision); err != nil {
			return err
		}
	}
	if out.Version != "" && out.Version != l.theirs {
		if err := l.Relay.Site.LearnTheirVersion(ctx, connection, out.Version); err != nil {
			return err
		}
		l.theirs = out.Version
	}
	if err := l.Relay.TakeTold(ctx, out.Told); err != nil {
		return err
	}
	if err := l.Relay.TakeAsks(ctx, out.Asks); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known(in.Told, out.Asks)
	return nil
}

func (l *Loop) known(told []bridge.Preview, asks []bridge.Question) {
	if l.asked == nil {
		l.asked = map[string]bool{}
	}
	for _, a := range told {
		delete(l.asked, a.ID) // the hub has it
	}
	for _, q := range asks {
		l.asked[q.ID] = true
	}
}
