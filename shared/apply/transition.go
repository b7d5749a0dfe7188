package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
)

// step is where a workflow is left from. Issues of one project and type share their workflow, so what is possible from a
// status is asked once and forgotten when Jira refuses it.
type step struct {
	workflow
	from string
}

// workflow is what issues of one project and type share.
type workflow struct{ project, kind string }

// initialStatus is the status in which a new issue of that project and type begins, learnt from the first one.
func (f *Flow) initialStatus(ctx context.Context, w workflow, issue string) string {
	f.mu.Lock()
	known, ok := f.initial[w]
	f.mu.Unlock()
	if ok {
		return known
	}
	is, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Fields: []string{"status", "created"}, Histories: true})
	if err != nil || slices.ContainsFunc(is.Histories, func(h jira.History) bool { return h.Created.After(is.Created()) || moved(h) }) {
		return "" // not known, or somebody may have moved it already: the projection asks for the transitions
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.initial == nil {
		f.initial = map[workflow]string{}
	}
	f.initial[w] = is.Status()
	return is.Status()
}

// moved reports whether a history changes a status. The history of a creation, where there is one, has it come from nowhere.
func moved(h jira.History) bool {
	return slices.ContainsFunc(h.Items, func(it jira.Item) bool { return strings.EqualFold(it.Field, "status") && it.FromString != "" })
}

// transition brings the issue to the wanted status: by one direct transition, or over the steps the rules list.
func (f *Flow) transition(ctx context.Context, v *observe.View, pl *plan) error {
	if pl.to == "" || len(pl.transition.Writes) == 0 {
		return nil
	}
	steps := v.Rules.Status().Path(pl.from, pl.to)
	if len(steps) == 0 {
		steps = []string{pl.to}
	}
	from := pl.from
	for i, to := range steps {
		problem, err := f.step(ctx, v, pl, from, to, i == len(steps)-1)
		if problem != "" {
			for key := range pl.transition.Writes {
				pl.problems[key] = problem
				delete(pl.transition.Writes, key)
			}
			return nil
		}
		if err != nil {
			return f.wholeRefused(pl, &pl.transition, err)
		}
		from = to
	}
	pl.transition.Until = f.Site.Now()
	return nil
}

// step makes one transition. Known workflows are used without asking; a refusal makes us ask once more. Data Center answers
// 500 to a transition that it does not know.
func (f *Flow) step(ctx context.Context, v *observe.View, pl *plan, from, to string, last bool) (problem string, err error) {
	where := step{workflow{pl.project, pl.kind}, from}
	for try := 0; ; try++ {
		ts, cached, err := f.transitions(ctx, where, pl.issue)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(ts, func(t jira.Transition) bool { return strings.EqualFold(t.To.Name, to) })
		if i < 0 && !cached {
			return noWay(from, to, ts), nil
		}
		if i >= 0 {
			fields, problem := f.transitionFields(v, pl, ts[i], last)
			if problem == "" {
				err = f.Site.Jira.Transition(ctx, pl.issue, jira.TransitionRequest{
					ID: ts[i].ID, Fields: fields, Metadata: observe.Metadata(v.Connection.ID, pl.remote.ID, pl.transition, !last),
				})
			}
			if problem == "" && err == nil {
				return "", nil
			}
			if !cached {
				return problem, err
			}
		}
		f.forget(where)
		if jira.Uncertain(err) {
			return "", err // it may have been walked: the changelog says so before anything is tried again
		}
		if try > 0 {
			return noWay(from, to, ts), err
		}
	}
}

func noWay(from, to string, ts []jira.Transition) string {
	var names []string
	for _, t := range ts {
		names = append(names, t.To.Name)
	}
	possible := "none"
	if len(names) > 0 {
		possible = strings.Join(names, ", ")
	}
	return fmt.Sprintf("status: no transition from %q to %q for the sync account (possible now: %s); list a path in the status rules, or allow the transition", from, to, possible)
}

func (f *Flow) transitions(ctx context.Context, where step, issue string) (ts []jira.Transition, cached bool, err error) {
	f.mu.Lock()
	ts, cached = f.workflows[where]
	f.mu.Unlock()
	if cached && where.project != "" && where.from != "" {
		return ts, true, nil
	}
	if ts, err = f.Site.Jira.Transitions(ctx, issue); err != nil {
		return nil, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.workflows == nil {
		f.workflows = map[step][]jira.Transition{}
	}
	f.workflows[where] = ts
	return ts, false, nil
}

func (f *Flow) forget(where step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.workflows, where)
}

// transitionFields are the screen fields of a transition: what the rules supply, and the resolution of the change.
func (f *Flow) transitionFields(v *observe.View, pl *plan, t jira.Transition, last bool) (map[string]any, string) {
	out := map[string]any{}
	supply := func(id string, value bridge.Value) {
		field, ok := v.Schema.ByID(id)
		if _, onScreen := t.Fields[id]; !ok || !onScreen {
			return
		}
		if wire, err := field.Wire(value, f.Site.Jira.Flavour()); err == nil {
			out[id] = wire
		}
	}
	for id, value := range v.Rules.Status().Fields(t.To.Name) {
		supply(id, value)
	}
	if last && pl.resolution != nil && !pl.resolution.Value.Empty() {
		supply("resolution", pl.resolution.Value)
	}
	if missing := missingFields(t, out); len(missing) > 0 {
		return nil, fmt.Sprintf("status: the transition to %q requires %s; give it a value under the status rules' transition fields", t.To.Name, strings.Join(missing, ", "))
	}
	return out, ""
}

// missingFields names what a transition's screen requires and nobody supplies.
func missingFields(t jira.Transition, given map[string]any) []string {
	var out []string
	for id, m := range t.Fields {
		if _, ok := given[id]; m.Required && !m.HasDefault && !ok {
			out = append(out, fmt.Sprintf("%q", m.Name))
		}
	}
	slices.Sort(out)
	return out
}
