package apply

import (
	"context"

	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// display shows people on the issue itself how it stands, in the fields that the rules name for it. It writes only when that
// changed, silently where the account may; what cannot be written now is written the next time something happens.
func (f *Flow) display(ctx context.Context, v *observe.View, issue string) {
	shows := v.Rules.Shows()
	if shows.Twin == "" && shows.State == "" {
		return
	}
	p, err := f.Site.Book.Load(ctx, v.Connection.ID, issue)
	if err != nil || p == nil {
		return
	}
	want := pair.Display{}
	fields := map[string]any{}
	if shows.Twin != "" {
		want.Twin = p.Head.Remote.Key
		fields[shows.Twin] = want.Twin
	}
	if shows.State != "" {
		want.State = stateOf(p)
		fields[shows.State] = want.State
	}
	if want == p.State.Display {
		return
	}
	if _, err := f.Site.Jira.Edit(ctx, issue, jira.EditRequest{Fields: fields, Silent: true}); err != nil {
		f.Site.Log.Warn("state not shown", "issue", issue, "error", err)
		return
	}
	err = f.update(ctx, v, issue, func(p *pair.Pair) error { p.State.Display = want; return nil })
	if err != nil {
		f.Site.Log.Warn("state not kept", "issue", issue, "error", err)
	}
}

// stateOf is how a pair stands, in a word that JQL can ask for.
func stateOf(p *pair.Pair) string {
	switch {
	case p.Head.Over():
		return "stopped"
	case p.Head.Parked != nil:
		return "parked"
	case p.Head.Outcome != nil && len(p.Head.Outcome.Refused) > 0:
		return "problem"
	}
	return "in sync"
}
