package poll

import (
	"context"
	"time"

	"drawbridge/shared/exchange"
	"drawbridge/shared/relay"
)

// contracts adds our contract where the hub has another, and what we have of the hub's. What was just sent is not sent again
// at once: a hub that knows no contracts never says that it has it.
func (l *Loop) contracts(ctx context.Context, in *exchange.Request) error {
	known, err := l.Relay.Site.Contracts(ctx, l.Client.Connection)
	if err != nil {
		return err
	}
	in.Contracts = relay.Contracts(known, known.Ours.Has)
	in.Contracts.Knows = exchange.Heard{Has: known.Ours.Has, Approved: known.Ours.Approved}
	if c := in.Contracts.Contract; c != nil && l.contract.revision == c.At && time.Since(l.contract.at) < resendAfter {
		in.Contracts.Contract = nil
	}
	return nil
}

// takeContracts takes in what the hub says of contracts.
func (l *Loop) takeContracts(ctx context.Context, in *exchange.Request, out *exchange.Response) error {
	if in.Contracts != nil && in.Contracts.Contract != nil {
		l.contract = sent{in.Contracts.Contract.At, time.Now()}
	}
	if out.Contracts == nil {
		return nil
	}
	known, err := l.Relay.Site.Contracts(ctx, l.Client.Connection)
	if err == nil {
		_, err = l.Relay.TakeContracts(ctx, l.Client.Connection, known, out.Contracts)
	}
	return err
}
