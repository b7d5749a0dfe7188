// Package apply brings the local Jira to what the remote site's changes ask for: join entries -> winner -> incoming rule
// -> intent -> write to Jira -> record -> ack. It is level-triggered: a change is taken into the pair first, and what to
// write is decided from the pair alone, so that a retry needs nothing but the pair.
//
// Start reading at [Flow.Change]. create.go makes the twin of a new issue, plan.go decides what to write and stores the
// intents, write.go, transition.go and member.go do it, record.go keeps the outcome, answer.go tells the remote site.
package apply

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Flow applies for one site.
type Flow struct {
	Site *site.Site
	// IndexLag is by how much the search of a Jira that does not say so may be behind; 0: 8 minutes. An empty search for a
	// creation whose answer was lost counts only when it is over.
	IndexLag time.Duration
	// Worked is told of every change of the remote site that was worked on: its ack may be ready. nil: nobody waits for it.
	Worked func(connection, remoteIssue string)

	mu        sync.Mutex
	workflows map[step][]jira.Transition
	initial   map[workflow]string
	users     map[string]found     // by e-mail
	requests  map[[2]string]string // ids of request types, by project and name
}

// Change takes one change of the remote site.
func (f *Flow) Change(ctx context.Context, t site.Task) error {
	c := t.Change
	if c == nil {
		return nil
	}
	defer f.worked(c.Connection, c.Issue.ID)
	connection, err := f.Site.Book.Connection(ctx, c.Connection)
	if err != nil || connection == nil || connection.State != bridge.Active {
		return err // not acknowledged: it is sent again when the connection is active
	}
	defer f.Site.Lock("remote/" + c.Issue.ID)()
	p, err := f.Site.Book.Find(ctx, c.Connection, c.Issue.ID)
	if err != nil {
		return err
	}
	if p != nil && p.Moving() {
		return f.moving(ctx, p, c)
	}
	v, err := observe.Load(ctx, f.Site, connection, nil, c.Lane)
	if err != nil {
		return err
	}
	if c.Shadow || v.Rules.Method() == "shadow" {
		return f.shadow(ctx, v, c)
	}
	if p != nil && clashes(p, c) {
		if err := f.Site.Book.Displace(ctx, p); err != nil {
			return err
		}
		p = nil
	}
	if p == nil {
		p, err = f.create(ctx, v, c)
		if held(err) {
			return nil
		}
		if err != nil || p == nil {
			return err
		}
		if p, err = f.Site.Book.Load(ctx, c.Connection, p.Head.Local.ID); err != nil || p == nil {
			return err // as it is stored: nothing is decided on what was only made
		}
	}
	if p.Head.Applied == 0 {
		if err := f.wake(ctx, v, p); err != nil {
			return err
		}
	}
	if p.Meeting() {
		return f.meet(ctx, p, c)
	}
	return f.apply(ctx, v, p, c)
}

func (f *Flow) worked(connection, remoteIssue string) {
	if f.Worked != nil {
		f.Worked(connection, remoteIssue)
	}
}

// clashes reports that the remote issue has the id of another one, from before its Jira was rebuilt: it says so, or the pair is out of
// sync, so that nobody told us of its issue's new id, and the change is of an issue with another key that claims no twin here.
func clashes(p *pair.Pair, c *bridge.Change) bool {
	if c.Twin == p.Head.Local.ID {
		return false
	}
	return c.Join != nil && c.Join.Was != "" || p.Head.Status == pair.Stopped && p.Head.Remote.Key != "" && c.Twin == "" && c.Issue.Key != p.Head.Remote.Key
}

// moving takes a change for an issue of ours whose new id the remote site was asked to take. What still names the old one
// comes again; what names the new one came before the ack and waits for it.
func (f *Flow) moving(ctx context.Context, p *pair.Pair, c *bridge.Change) error {
	switch {
	case p.Unread(): // out of sync here, and the remote site wants it in
		join := &site.Wanted{Remote: p.State.Join.Remote, Values: p.State.Join.Values}
		t := site.Task{Kind: site.PairTask, Connection: c.Connection, Issue: p.Head.Local.ID, By: p.State.Join.By, Join: join}
		return f.Site.Send(ctx, t, bridge.Bulk, "rebase/"+c.Connection+"/"+p.Head.Local.ID)
	case c.Twin == p.State.Join.Was:
		return nil
	}
	return bridge.Temporary("rebase-under-way", "%s: the other side has not acknowledged its new id yet", p.Head.Local.Key)
}

// Retry projects a pair again: its time has come, the cause of its trouble has gone, or a person asked.
func (f *Flow) Retry(ctx context.Context, t site.Task) error {
	connection, err := f.Site.Book.Connection(ctx, t.Connection)
	if err != nil || connection == nil || connection.State != bridge.Active {
		return err
	}
	if err := f.forgive(ctx, t); err != nil {
		return err
	}
	p, err := f.Site.Book.Load(ctx, t.Connection, t.Issue)
	if err != nil || p == nil {
		return err
	}
	defer f.worked(t.Connection, p.Head.Remote.ID)
	defer f.Site.Lock("remote/" + p.Head.Remote.ID)()
	f.Site.Notice(t.Connection) // rules that were published a moment ago may be why
	v, err := observe.Load(ctx, f.Site, connection, nil, bridge.Live)
	if err != nil || v.Rules.Method() == "shadow" {
		return err
	}
	if p.Head.Status == pair.Stopped {
		f.display(ctx, v, p.Head.Local.ID)
		return nil
	}
	if err := f.wake(ctx, v, p); err != nil {
		return err
	}
	return f.apply(ctx, v, p, nil)
}

// apply takes the change (nil: none) into the pair and does what the pair then asks for.
func (f *Flow) apply(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change) error {
	defer f.Site.Lock(p.Head.Local.ID)()
	err := f.project(ctx, v, p, c)
	if held(err) {
		return nil // not acknowledged: it is sent again when the connection is active
	}
	if jira.StatusOf(err) == http.StatusNotFound {
		err = f.leave(ctx, v, p.Head.Local.ID, c, err)
	}
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		err = f.park(ctx, v, p.Head.Local.ID, c, err)
	}
	if err == nil {
		f.display(ctx, v, p.Head.Local.ID)
	}
	return err
}

// leave tells the remote site that our issue was deleted, if that is why something of it was not found.
func (f *Flow) leave(ctx context.Context, v *observe.View, issue string, c *bridge.Change, cause error) error {
	_, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Fields: []string{"summary"}})
	if jira.StatusOf(err) != http.StatusNotFound {
		return cause
	}
	err = f.update(ctx, v, issue, func(p *pair.Pair) error {
		p.Leave(bridge.Deleted, v.Now, "not found when it was to be written")
		return nil
	})
	if err != nil {
		return err
	}
	p, err := f.Site.Book.Load(ctx, v.Connection.ID, issue)
	if err != nil || p == nil {
		return err
	}
	return f.project(ctx, v, p, c)
}

func (f *Flow) project(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change) error {
	issue := p.Head.Local.ID
	if err := f.resolve(ctx, v, p, c, false); err != nil {
		return err
	}
	if len(p.State.Intents) > 0 || p.State.Look != 0 {
		if err := f.catchUp(ctx, v, issue); err != nil {
			return err
		}
		p = nil // it has changed
	}
	pl, err := f.plan(ctx, v, issue, p, c, false)
	if err == nil && pl.forgotten {
		if err = f.catchUp(ctx, v, issue); err == nil {
			pl, err = f.plan(ctx, v, issue, nil, c, true)
		}
	}
	if err == nil && pl.doubts {
		t := site.Task{Kind: site.ReadTask, Connection: v.Connection.ID, Issue: issue, By: "the other side said which copies it has"}
		err = f.Site.Send(ctx, t, bridge.Live, "")
	}
	if err == nil {
		err = pl.fight
	}
	if err != nil || pl.over {
		return err
	}
	f.write(ctx, v, pl)
	if err := f.drop(ctx, c); err != nil {
		return err
	}
	return f.record(ctx, v, pl)
}

// catchUp reads the issue with its whole changelog once: the places of our writes, and edits that were forgotten.
func (f *Flow) catchUp(ctx context.Context, v *observe.View, issue string) error {
	seen := observe.Seen{All: true, ReadAt: f.Site.Now(), Now: true, Cause: "changelog read"}
	is, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Histories: true})
	if err != nil {
		return err
	}
	seen.Issue, seen.Histories = is, is.Histories
	if !is.AllHistories {
		seen.Histories = nil
		if err := f.Site.Jira.Histories(ctx, issue, func(h jira.History) error {
			seen.Histories = append(seen.Histories, h)
			return nil
		}); err != nil {
			return err
		}
	}
	with := *v
	if with.Issue, err = f.Site.View(ctx, is); err != nil {
		return err
	}
	return f.update(ctx, v, issue, func(p *pair.Pair) error {
		observe.Fold(p, &with, seen)
		return nil
	})
}

func (f *Flow) update(ctx context.Context, v *observe.View, issue string, change func(*pair.Pair) error) error {
	return f.ring(f.Site.Book.Update(ctx, v.Connection.ID, issue, change))
}

func (f *Flow) ring(p *pair.Pair, err error) error {
	if err == nil && p.Head.Waits() {
		f.Site.Ring()
	}
	return err
}

// park keeps a pair that cannot be applied now, with the reason. A temporary error is tried again by itself, later and
// later; a permanent one when its cause goes or a person asks. An error that concerns the whole site or connection is
// handed on as well, and one that came before the change was taken in: the pair's next try knows nothing of it.
func (f *Flow) park(ctx context.Context, v *observe.View, issue string, c *bridge.Change, cause error) error {
	outside := false
	err := f.update(ctx, v, issue, func(p *pair.Pair) error {
		outside = c != nil && p.Head.Received < c.Revision && bridge.IsTemporary(cause)
		now, retry, tries := f.Site.Now(), int64(0), 0
		if p.Head.Parked != nil {
			tries = p.Head.Parked.Tries
		}
		if after := probe(bridge.NameOf(cause), tries); after > 0 {
			retry = now + after.Milliseconds()
		}
		if bridge.IsTemporary(cause) {
			retry = now + backOff(tries, cause).Milliseconds()
		} else if c != nil {
			p.Head.Applied = max(p.Head.Applied, c.Revision)
			p.Head.Outcome = &bridge.Ack{Outcome: bridge.Parked, Reason: cause.Error()}
		}
		p.Note(pair.Event{What: "parked", Note: cause.Error(), Outcome: bridge.NameOf(cause)})
		p.Park(bridge.NameOf(cause), cause.Error(), now, retry)
		return nil
	})
	if err != nil {
		return errors.Join(cause, err)
	}
	if bridge.LevelOf(cause) != bridge.LevelPair || outside {
		return cause
	}
	f.Site.Log.Warn("parked", "connection", v.Connection.ID, "issue", issue, "error", cause)
	return nil
}

// backOff is 2 s, doubled with every try up to 10 minutes, and not less than Jira asked for.
func backOff(tries int, cause error) time.Duration {
	d := 2 * time.Second << min(tries, 9)
	var e *bridge.Error
	if errors.As(cause, &e) {
		d = max(d, e.After)
	}
	return min(d, 10*time.Minute)
}

// receive takes the remote site's entries and members into the pair. It reports whether the remote site knows an edit
// of ours that we do not.
func receive(ctx context.Context, p *pair.Pair, v *observe.View, c *bridge.Change, insist bool) (forgotten bool, err error) {
	changed := map[string]bool{}
	for key, in := range c.Fields {
		s, field := way(v, key), p.State.Field(key)
		if in.Theirs != nil && field.Mine != nil && in.Theirs.Seq == field.Mine.Seq {
			t := *in.Theirs
			t.Value, t.Rules = field.Mine.Value, field.Mine.Rules // travels without its value
			in.Theirs = &t
		}
		next, forgot := merge.Receive(field.Field, s, in)
		if was := field.Theirs; next.Theirs != nil && (was == nil || was.Value != next.Theirs.Value) {
			base, _, _ := merge.SplitKey(key)
			changed[base] = true
			field.Problem, field.Failed = "", "" // of another value: an edit, or the same edit under mended rules over there
		}
		field.Field = next
		forgotten = forgotten || forgot && !insist
	}
	follow(p, v, changed)
	settle(p, v, c)
	for _, m := range c.Members {
		if err := receiveMember(ctx, p, m, c.Rules); err != nil {
			return false, err
		}
	}
	if err := p.Account(ctx, c.Taken); err != nil {
		return false, err
	}
	if c.Issue.Key != "" {
		p.Head.Remote = c.Issue
	}
	if c.Revision > p.Head.Received {
		p.Head.Left = c.Gone
		if p.Head.Status == pair.Stopped && c.Gone == "" && p.Head.Gone == "" {
			p.Head.Status = pair.Synced // put under sync again over there
		}
	}
	p.Head.Received = max(p.Head.Received, c.Revision)
	return forgotten, nil
}

// follow lets the rows be made again whose expression reads another key than their own that has changed.
func follow(p *pair.Pair, v *observe.View, changed map[string]bool) {
	for _, row := range v.Rules.Rows() {
		if f := p.State.Fields[row.Key]; f != nil && slices.ContainsFunc(row.Follows, func(k string) bool { return changed[k] }) {
			f.Field, f.Problem, f.Failed = merge.Again(f.Field), "", ""
		}
	}
}

// way is how what arrives under a replica key is merged. What no row names is kept, for expressions and for rules to come.
func way(v *observe.View, key string) merge.Site {
	base, _, _ := merge.SplitKey(key)
	if row, ok := v.Rules.Row(base); ok {
		return v.Merge(row)
	}
	return merge.Site{Role: v.Role, Policies: v.Connection.Policies, Way: merge.In}
}

func receiveMember(ctx context.Context, p *pair.Pair, m bridge.Member, rules int64) error {
	m.Name = fileName(m.Name)
	cp, err := p.Copy(ctx, m.Kind, m.ID)
	if err != nil {
		return err
	}
	if cp == nil {
		if cp, err = p.Claimed(ctx, m); err != nil {
			return err
		}
	}
	if cp == nil {
		cp = &pair.Copy{}
	}
	cp.Receive(m, rules)
	p.SetCopy(cp)
	p.State.Undo(pair.MemberKey(m.Kind, m.ID))
	return nil
}
