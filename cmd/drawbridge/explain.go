package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

func newSyncExplain(s *screen) *cobra.Command {
	var where string
	c := s.operate(&cobra.Command{
		Use:   "explain KEY",
		Short: "Say why an issue is, or is not, in sync, and what to do next",
		Long: `Looks at any issue of this site, under sync or not, and says for each connection what stands in the way: a
pause, the scope, a security level, each trigger with the clause that fails, a missing permission, a parked
pair, a change that waits. The last line is the next step. KEY may be the twin's; where both sites have an issue
of that key, --site here or --site there says which is meant.`,
		Example: "  drawbridge sync explain SUP-12 --config hub.yaml",
		Args:    words("KEY"),
	}, func(ctx context.Context, h *half, args []string) error {
		key, also, err := h.hereKey(ctx, strings.ToUpper(args[0]), where)
		if err != nil {
			return err
		}
		found, err := h.explain(ctx, key)
		if err != nil {
			return err
		}
		if also != "" {
			found[0].fact("%s", also)
		}
		return h.screen.show(map[string]any{"explanations": found}, func(w io.Writer) {
			for _, e := range found {
				h.printExplanation(w, e)
			}
		})
	})
	c.Flags().StringVar(&where, "site", "", "whose key it is: here, there, or a site's name (default: here, else there)")
	return c
}

// An explanation is what one connection has to say about one issue.
type explanation struct {
	Issue      string   `json:"issue"`
	Connection string   `json:"connection"`
	InSync     bool     `json:"in_sync"`
	Facts      []string `json:"facts"`
	Next       string   `json:"next"`
}

func (h *half) explain(ctx context.Context, key string) ([]explanation, error) {
	if err := h.withJira(); err != nil {
		return nil, err
	}
	is, err := h.site.Jira.Issue(ctx, key, jira.IssueOptions{})
	if err != nil && jira.StatusOf(err) != 404 {
		return nil, err
	}
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if len(connections) == 0 {
		return []explanation{{Issue: key, Facts: []string{"this half has no connection"}, Next: "make one: drawbridge connection create, on the hub"}}, nil
	}
	var out []explanation
	for _, c := range connections {
		e, err := h.explainIn(ctx, c, is, key)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// explainIn goes through what could stand in the way, in the order in which it would.
func (h *half) explainIn(ctx context.Context, c bridge.Connection, is *jira.Issue, key string) (explanation, error) {
	e := explanation{Issue: key, Connection: c.Name}
	h.holds(&e, c)
	p, err := h.pairIn(ctx, c.ID, is, key)
	switch {
	case err != nil:
		return e, err
	case p != nil && !p.Head.Over():
		e = h.inPair(e, p)
		if h.site.Jira != nil {
			h.permissions(ctx, &e, projectOf(is, p))
		}
		return e, h.lastSeen(ctx, &e, p)
	case p != nil && p.Head.Gone == bridge.Deleted:
		e.fact("it was in sync with %s and was deleted here", name(p.Head.Remote))
		return e.next("nothing; what happened is in drawbridge sync show " + key), h.lastSeen(ctx, &e, p)
	case is == nil:
		e.fact("Jira shows no issue %s to our account: it does not exist, is deleted, or the account may not browse it", key)
		return e.next("check the key; then drawbridge doctor, for the permissions"), nil
	case p != nil:
		e.joining(p)
		if p.Head.Answer != nil {
			e.fact("the other side says: %s", answer(p.Head.Answer))
		}
		if p.State.Join != nil {
			return e.next("ask for the right pair: drawbridge sync pair " + key + " REMOTE-KEY"), nil
		}
		e.over(p)
		return e, h.lastSeen(ctx, &e, p)
	}
	if err := h.searched(ctx, &e, is); err != nil {
		return e, err
	}
	v, err := observe.Load(ctx, h.site, &c, is, bridge.Live)
	if err != nil {
		return e, err
	}
	fresh := h.book.New(c.ID, bridge.Ref{ID: is.ID, Key: is.Key}, h.role)
	kept, err := h.site.Kept(ctx, v.Rules, observe.Env(fresh, v, v.Issue), is.ID)
	if err != nil {
		return e, err
	}
	e = h.unpaired(ctx, e, v.Rules, v.Issue, kept)
	h.permissions(ctx, &e, is.Project())
	return e, nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// pairIn is the issue's pair in a connection; a deleted issue is found by its key.
func (h *half) pairIn(ctx context.Context, connection string, is *jira.Issue, key string) (*pair.Pair, error) {
	if is != nil {
		return h.book.Load(ctx, connection, is.ID)
	}
	found, err := h.book.ByKey(ctx, []bridge.Connection{{ID: connection}}, key)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// inPair tells where a pair stands.
func (h *half) inPair(e explanation, p *pair.Pair) explanation {
	e.InSync = true
	e.joining(p)
	if p.Head.Remote.ID == "" {
		e.fact("it is under sync and has no twin yet")
	} else {
		e.fact("it is in sync with %s", name(p.Head.Remote))
	}
	if p.State.Kept != "" {
		e.fact("nothing of it leaves: %s", p.State.Kept)
	}
	if p.Head.Waits() {
		e.fact("a change waits for the other side since %s", h.when(p.Head.Since))
	}
	for _, t := range troublesOf(p, "") {
		switch {
		case t.Field != "":
			e.fact("field %s was refused: %s", t.Field, t.Reason)
		case t.Member == "twin": // what the other side says, below
		case t.Member != "":
			e.fact("%s is missing: %s", t.Member, t.Reason)
		default:
			e.fact("it is parked since %s: %s", h.when(t.Since), t.Reason)
		}
		e.Next = "mend the cause, then: drawbridge sync retry " + e.Issue
	}
	if p.Head.Answer != nil {
		e.fact("the other side says: %s", answer(p.Head.Answer))
	}
	return e.next("nothing; what happened is in drawbridge sync show " + e.Issue)
}

// unpaired goes through scope, security and triggers.
func (h *half) unpaired(ctx context.Context, e explanation, rules *rule.Rules, is *rule.Issue, kept string) explanation {
	e.fact("it is in no pair")
	if kept != "" {
		e.fact("%s", kept)
		e = e.next("let it out by a rule, or leave it inside") // the triggers are told all the same
	}
	if m := rules.Method(); m != "automatic" {
		e.fact("the rules say method: %s, so triggers start nothing", m)
	}
	return h.byTriggers(ctx, e, rules, is)
}

// trigger says whether a trigger matches, and otherwise the clause that fails.
func (e *explanation) trigger(t rule.Trigger, is *rule.Issue) (matches bool) {
	what := triggerWord(t)
	match, decided, failed := t.Explain(is)
	switch {
	case !t.Active:
		e.fact("%s %s is off (%s)", what, t.JQL, t.Where)
	case match:
		e.fact("%s %s matches (%s)", what, t.JQL, t.Where)
		return !t.Stop
	case !decided:
		e.fact("%s %s: only Jira can tell, because of %s (%s)", what, t.JQL, failed, t.Where)
	default:
		e.fact("%s %s does not match, because of %s (%s)", what, t.JQL, failed, t.Where)
	}
	return false
}

func (e *explanation) fact(format string, args ...any) {
	e.Facts = append(e.Facts, fmt.Sprintf(format, args...))
}

// next sets the next step, unless something before it has to be done first.
func (e explanation) next(step string) explanation {
	if e.Next == "" {
		e.Next = step
	}
	return e
}

func (h *half) printExplanation(w io.Writer, e explanation) {
	fmt.Fprintf(w, "%s in connection %s\n", h.screen.bold(e.Issue), bridge.OneLine(e.Connection))
	for _, f := range e.Facts {
		fmt.Fprintf(w, "  - %s\n", bridge.OneLine(f))
	}
	fmt.Fprintf(w, "  %s %s\n", h.screen.bold("next:"), bridge.OneLine(e.Next))
}
