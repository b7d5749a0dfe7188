package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/rule"
)

// hereKey is the key of the local issue that a person means: KEY may be one of the other side's, and both sides may have
// an issue of that key. Where is "here", "there", a site's name, or "": here if there is one, else there. Also says that
// the other one might have been meant.
func (h *half) hereKey(ctx context.Context, key, where string) (local, also string, err error) {
	there := where == "there" || where != "" && where != "here" && !strings.EqualFold(where, h.settings().Name)
	if !there && where != "" {
		return key, "", nil
	}
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return key, "", err
	}
	if !there {
		if found, err := h.book.ByKey(ctx, connections, key); err != nil || len(found) > 0 {
			return key, "", err
		}
	}
	twins, err := h.byTwin(ctx, connections, key)
	switch {
	case err != nil:
		return key, "", err
	case there && len(twins) == 0:
		return key, "", bridge.Permanent("pair-unknown", "no issue here is in a pair with %s of the other side: what keeps it there only the other side's drawbridge sync explain can say", key)
	case len(twins) == 0:
		return key, "", nil
	}
	twin := twins[0].Head.Local.Key
	if there {
		return twin, "", nil
	}
	if err := h.withJira(); err != nil {
		return key, "", err
	}
	_, err = h.site.Jira.Issue(ctx, key, jira.IssueOptions{})
	switch {
	case jira.StatusOf(err) == http.StatusNotFound:
		return twin, "", nil
	case err != nil:
		return key, "", err
	}
	return key, fmt.Sprintf("the other side has an issue of that key too, the twin of %s: --site there", twin), nil
}

// whatOf is what happened, and to which field if it was one.
func whatOf(ev pair.Event) string { return strings.TrimSpace(ev.What + " " + label(ev.Field)) }

// lastSeen says when and by what something of a pair was last observed here.
func (h *half) lastSeen(ctx context.Context, e *explanation, p *pair.Pair) error {
	events, err := h.book.History(ctx, p.Head.Connection, p.Head.Local.ID, 50)
	if err != nil {
		return err
	}
	for i := len(events) - 1; i >= 0; i-- {
		ev := events[i]
		if ev.What == "observed" || ev.What == "under sync" || ev.What == "gone" {
			e.fact("last seen change: %s, %s, by %s", whatOf(ev), h.when(ev.At), ev.Cause)
			return nil
		}
	}
	e.fact("no change of it was seen since it is a pair")
	return nil
}

// holds says what each side has against carrying changes, and who has to lift it.
func (h *half) holds(e *explanation, c bridge.Connection) {
	if c.State == bridge.Pending {
		e.fact("the connection is pending: nobody has accepted its invitation")
		e.Next = "accept it inside: drawbridge poller accept CODE; another code: drawbridge connection invite " + c.Name
	}
	for _, side := range []bridge.Role{h.role, h.role.Other()} {
		hold := c.HoldOf(side)
		if hold == nil {
			continue
		}
		e.fact("the connection is %s by the %s side%s", hold.State, side, because(hold.Why))
		switch {
		case hold.State == bridge.Ended:
			e.Next = "nothing: an ended connection stays so"
		case side == h.role:
			e.Next = "resume it here: drawbridge connection resume " + c.Name
		default:
			*e = e.next("the " + string(side) + " side has to resume it")
		}
	}
}

// over says who took the pair out of sync.
func (e *explanation) over(p *pair.Pair) {
	switch {
	case p.Head.Left == bridge.Deleted:
		e.fact("it was in sync with %s, which was deleted over there", name(p.Head.Remote))
		*e = e.next("nothing; it stays here as it is, or as the rules say of deletions")
	case p.Head.Left != "" && p.Head.Gone == "":
		e.fact("it was in sync with %s, and the other side stopped it", name(p.Head.Remote))
		*e = e.next("the other side starts it again: drawbridge sync issue " + name(p.Head.Remote) + ", there")
	default:
		e.fact("it was in sync with %s and is stopped", name(p.Head.Remote))
		*e = e.next("start again: drawbridge sync issue " + e.Issue)
	}
}

// searched says whether the half can have seen the issue as it is now.
func (h *half) searched(ctx context.Context, e *explanation, is *jira.Issue) error {
	mark, err := reconcile.Watched(ctx, h.book.Store, h.book.Site)
	if err != nil {
		return err
	}
	changed := h.site.HubTime(is.Updated())
	switch {
	case mark == 0:
		e.fact("no event of it led to a pair, and this half has not searched yet")
	case mark < changed:
		e.fact("last changed in Jira %s; this half has searched up to %s only", h.when(changed), h.when(mark))
	default:
		e.fact("last changed in Jira %s; this half has searched up to %s", h.when(changed), h.when(mark))
	}
	return nil
}

// joining says how far a joining by hand is.
func (e *explanation) joining(p *pair.Pair) {
	j := p.State.Join
	switch {
	case j == nil:
	case p.Meeting():
		e.fact("it was joined from the other side and is being read")
	case p.Head.Status == pair.Stopped:
		e.fact("it was to be joined with %s, which was refused", j.Remote)
	default:
		e.fact("it is to be joined with %s; the other side has not answered", j.Remote)
	}
}

// needs are the permissions that syncing an issue takes, with what fails without each.
var needs = [][2]string{
	{"EDIT_ISSUES", "fields cannot be written"}, {"TRANSITION_ISSUES", "its status cannot follow"}, {"ADD_COMMENTS", "comments cannot be copied to it"},
	{"CREATE_ATTACHMENTS", "files cannot be copied to it"}, {"EDIT_ALL_COMMENTS", "changed comments cannot follow if another account wrote them"},
}

// permissions names what our account may not do in the issue's project.
func (h *half) permissions(ctx context.Context, e *explanation, project string) {
	keys := make([]string, len(needs))
	for i, n := range needs {
		keys[i] = n[0]
	}
	have, err := h.site.Jira.MyPermissions(ctx, project, keys...)
	if err != nil {
		e.fact("our permissions in %s could not be asked: %v", project, err)
		return
	}
	for _, n := range needs {
		if granted, told := have[n[0]]; told && !granted {
			e.fact("our account lacks %s in %s: %s", n[0], project, n[1])
		}
	}
}

// undecided asks Jira about a trigger that only it can decide.
func (h *half) undecided(ctx context.Context, e *explanation, t rule.Trigger, id string) (matches bool) {
	found, err := h.site.Jira.Match(ctx, []string{t.JQL}, id)
	switch {
	case err != nil:
		e.fact("Jira does not evaluate %s: %v (%s)", t.JQL, err, t.Where)
	case len(found) == 1 && found[0]:
		e.fact("%s %s matches, says Jira (%s)", triggerWord(t), t.JQL, t.Where)
		return true
	default:
		e.fact("%s %s does not match, says Jira (%s)", triggerWord(t), t.JQL, t.Where)
	}
	return false
}

func triggerWord(t rule.Trigger) string {
	if t.Stop {
		return "stop trigger"
	}
	return "trigger"
}

// byTriggers goes through all triggers and says what follows.
func (h *half) byTriggers(ctx context.Context, e explanation, rules *rule.Rules, is *rule.Issue) explanation {
	starts, stops := "", ""
	for _, t := range rules.Triggers() {
		match, decided, _ := t.Explain(is)
		if t.Active && !decided {
			match = h.undecided(ctx, &e, t, is.ID)
		} else {
			e.trigger(t, is)
		}
		switch {
		case !t.Active || !match:
		case t.Stop:
			stops = t.JQL
		default:
			starts = t.JQL
		}
	}
	switch {
	case stops != "":
		return e.next("a stop trigger keeps it out: change the issue so that it does not match " + stops)
	case starts != "" && rules.Method() == "automatic":
		return e.next("it should start at its next change; at once: drawbridge sync issue " + e.Issue)
	case len(rules.Triggers()) == 0:
		e.fact("the rules have no trigger")
	}
	return e.next("put it under sync: drawbridge sync issue " + e.Issue + "; or change it, or the rules, so that a trigger matches")
}

// projectOf is the project of an issue as Jira shows it, else as the pair knows it.
func projectOf(is *jira.Issue, p *pair.Pair) string {
	if is != nil {
		return is.Project()
	}
	return p.State.Project
}
