package apply

import (
	"context"
	"errors"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// write makes the calls of a plan. What fails is noted in the plan; only an error that concerns the whole site stops the
// rest.
func (f *Flow) write(ctx context.Context, v *observe.View, pl *plan) {
	steps := []func(context.Context, *observe.View, *plan) error{f.edit, f.transition, f.deeds, f.remoteLink, f.follow}
	for _, step := range steps {
		err := step(ctx, v, pl)
		if err == nil {
			continue
		}
		if pl.failed == nil {
			pl.failed = err
		}
		if bridge.LevelOf(err) != bridge.LevelPair || ctx.Err() != nil {
			return
		}
	}
}

// edit writes all plain fields in one call. Fields that Jira refuses by name are left out and the rest is written.
func (f *Flow) edit(ctx context.Context, v *observe.View, pl *plan) error {
	for len(pl.edit.Writes) > 0 {
		pl.request.Metadata = observe.Metadata(v.Connection.ID, pl.remote.ID, pl.edit, false)
		is, err := f.Site.Jira.Edit(ctx, pl.issue, pl.request)
		if err == nil {
			pl.edited = is
			pl.edit.Until = f.Site.Now()
			return nil
		}
		if f.standIn(v, pl.edit.Writes, pl.request.Fields, pl.notes, err) {
			continue
		}
		if !dropRefused(pl.edit.Writes, pl.problems, pl.request.Fields, pl.request.Update, err) {
			return f.wholeRefused(pl, &pl.edit, err)
		}
	}
	return nil
}

// wholeRefused decides about a call that failed as a whole: a permanent error that is about the content becomes a
// problem of every field in it; anything else is handed on.
func (f *Flow) wholeRefused(pl *plan, in *pair.Intent, err error) error {
	if bridge.IsTemporary(err) || bridge.LevelOf(err) != bridge.LevelPair {
		return err
	}
	for key := range in.Writes {
		pl.problems[key] = err.Error()
		delete(in.Writes, key)
	}
	if status := jira.StatusOf(err); status == 404 || status == 403 {
		return err
	}
	return nil
}

// certain reports that a failed call was not executed.
func certain(err error) bool {
	s := jira.StatusOf(err)
	return s >= 400 && s < 500 && !jira.Uncertain(err)
}

// remoteLink shows the twin on the local issue. The link has a global id, so that setting it twice is setting it once.
func (f *Flow) remoteLink(ctx context.Context, v *observe.View, pl *plan) error {
	if !pl.link || pl.remote.Key == "" || pl.remote.URL == "" {
		return nil
	}
	err := f.Site.Jira.SetRemoteLink(ctx, pl.issue, jira.RemoteLink{
		GlobalID: site.LinkID(v.Connection.ID, pl.remote.ID), URL: pl.remote.URL, Title: pl.remote.Key,
		Relationship: "in sync with", Application: jira.Application{Type: "drawbridge", Name: "Drawbridge"},
	})
	if err != nil && !bridge.IsTemporary(err) && bridge.LevelOf(err) == bridge.LevelPair {
		pl.problems["remote link"] = err.Error()
		pl.linked = true // asking again would not change it
		return nil
	}
	pl.linked = err == nil
	return err
}

// follow does what the rule says when the twin was deleted or left sync. Nothing is deleted unless the rule says so.
func (f *Flow) follow(ctx context.Context, v *observe.View, pl *plan) error {
	if pl.gone != bridge.Deleted {
		return nil
	}
	var err error
	switch rules := v.Rules.Deletion(); rules.Policy {
	case "delete":
		if err = f.Site.Jira.DeleteIssue(ctx, pl.issue); jira.StatusOf(err) == 404 {
			err = nil
		}
	case "close":
		err = f.close(ctx, pl.issue, rules.Status)
	default:
		err = f.mark(ctx, v, pl)
	}
	if err != nil && !bridge.IsTemporary(err) {
		pl.problems["deletion"] = err.Error()
		err = nil
	}
	return err
}

// mark says on the remote link that the twin is no more.
func (f *Flow) mark(ctx context.Context, v *observe.View, pl *plan) error {
	if v.Rules.RemoteLinks() == "off" || pl.remote.URL == "" {
		return nil
	}
	return f.Site.Jira.SetRemoteLink(ctx, pl.issue, jira.RemoteLink{
		GlobalID: site.LinkID(v.Connection.ID, pl.remote.ID), URL: pl.remote.URL, Title: pl.remote.Key + " (deleted on the other site)",
		Relationship: "was in sync with", Application: jira.Application{Type: "drawbridge", Name: "Drawbridge"},
	})
}

// close moves the issue by one direct transition to the status the rules name, or to any Done status.
func (f *Flow) close(ctx context.Context, issue, status string) error {
	ts, err := f.Site.Jira.Transitions(ctx, issue)
	if err != nil {
		return err
	}
	for _, t := range ts {
		if status == "" && t.To.Category != "done" || status != "" && !strings.EqualFold(t.To.Name, status) {
			continue
		}
		if missing := missingFields(t, nil); len(missing) > 0 {
			continue
		}
		return f.Site.Jira.Transition(ctx, issue, jira.TransitionRequest{ID: t.ID})
	}
	return errors.New("no transition that closes it is possible; close the issue by hand")
}
