package publish

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/site"
)

// Of another issue nothing is said that is in no pair of the connection: neither that a link leads there, nor that it is the parent.
// Once it is in one, what waits for it is looked at again.

// ownIssue tells an issue of ours from one of the remote site among those that something waits for.
func ownIssue(id string) string { return "own-" + id }

// await has the issues read again that wait for this one, and notes where this one's links lead that stay in, and which parent is not
// told. Fresh says that the issue may have come under sync since it was last looked at.
func (f *Flow) await(ctx context.Context, v *observe.View, is *jira.Issue, ms []sight, fresh bool) error {
	if v.Rules.SendsLinks() || fresh && v.Rules.SendsParents() {
		if err := f.wake(ctx, v.Connection.ID, is); err != nil {
			return err
		}
	}
	others := map[string]string{} // why, by issue
	for _, s := range ms {
		if s.awaits != "" {
			others[s.awaits] = "a link"
		}
	}
	if v.Issue.Apart {
		others[is.Parent()] = "its parent"
	}
	book, c := f.Site.Book, v.Connection.ID
	for other, cause := range others {
		if err := book.Await(ctx, c, ownIssue(other), is.ID); err != nil {
			return err
		}
		inside, err := book.InSync(ctx, c, other) // since a moment ago
		if err == nil && inside {
			err = f.look(ctx, c, is.ID, cause)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wake has the issues read again that wait for this one to be under sync.
func (f *Flow) wake(ctx context.Context, connection string, is *jira.Issue) error {
	book := f.Site.Book
	waiting, err := book.Awaiting(ctx, connection, ownIssue(is.ID))
	if err != nil {
		return err
	}
	for _, other := range waiting {
		if err := f.look(ctx, connection, other, is.Key+" is under sync"); err != nil {
			return err
		}
		if err := book.Awaited(ctx, connection, ownIssue(is.ID), other); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) look(ctx context.Context, connection, issue, cause string) error {
	return f.Site.Send(ctx, site.Task{Kind: site.ReadTask, Connection: connection, Issue: issue, By: cause}, bridge.Live, "")
}
