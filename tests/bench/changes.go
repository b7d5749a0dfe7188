package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Changes are what a thousand changes of one kind cost, made on both sites at once (scene C).
type Changes struct {
	Kind      string
	Changes   int // on both sites together
	Took      time.Duration
	Busier    time.Duration // what the calls to the busier of the two Jiras take, its writers busy all the time; searches are none of theirs
	Both      time.Duration // the same of both Jiras' calls, as if they had those writers in common
	Processor time.Duration
	Jiras     time.Duration // processor time of the simulated Jiras, which share the machine
	Writes    int           // calls that write, on both receiving sides
	Reads     int           // all others: searches, proofs
	Lost      int           // webhooks that never came
}

// kind of change: what a person does to an issue.
type kind struct {
	name string
	do   func(j *Jira, issue string, n int)
	gone func(s Show, n int) string // what is wrong with the twin, "" if nothing
}

func kinds(ways map[*Jira]string) []kind {
	return []kind{
		{"edit", func(j *Jira, issue string, n int) { j.Edit(issue, fmt.Sprint("edited ", n)) },
			func(s Show, n int) string { return differ(s.Fields.Summary, fmt.Sprint("edited ", n)) }},
		{"status", func(j *Jira, issue string, _ int) { j.Transition(issue, ways[j]) },
			func(s Show, _ int) string { return differ(s.Fields.Status.Name, "In Progress") }},
		{"comment", func(j *Jira, issue string, n int) { j.Comment(issue, n) },
			func(s Show, _ int) string { return differ(s.Fields.Comment.Total, 1) }},
	}
}

func differ(got, want any) string {
	if got != want {
		return fmt.Sprintf("%v, want %v", got, want)
	}
	return ""
}

// RunChanges makes n issues under sync, half of them on either site, then n edits, status changes and comments, all on
// the site where the issue was made; each kind is measured apart, the creations first.
func RunChanges(t testing.TB, n int, o Options) []Changes {
	w, ids, created := creations(t, n, o)
	out, sides := []Changes{created}, []*Half{w.Public, w.Private}
	ways := map[*Jira]string{}
	for _, h := range sides {
		ways[h.Jira] = h.Jira.Way(ids[h][0], "In Progress")
	}
	for _, k := range kinds(ways) {
		out = append(out, w.measure(k.name, n, func(i int) { k.do(sides[i%2].Jira, ids[sides[i%2]][i/2], i/2) }))
		w.check(ids, k.gone)
	}
	return out
}

// RunLinked makes n issues under sync, half of them on either site, each of which gets a link to its twin.
func RunLinked(t testing.TB, n int, o Options) Changes {
	o.Links = true
	_, _, c := creations(t, n, o)
	c.Kind = linked
	return c
}

// creations makes a world and n issues, half of them on either site, and waits for their twins.
func creations(t testing.TB, n int, o Options) (*World, map[*Half][]string, Changes) {
	o.Deliver.Twice = true
	w := New(t, o)
	ids := map[*Half][]string{w.Public: make([]string, n/2), w.Private: make([]string, n/2)}
	sides := []*Half{w.Public, w.Private}
	warm(w)
	c := w.measure("create", n, func(i int) {
		h := sides[i%2]
		ids[h][i/2] = h.Jira.Create(i)
	})
	w.check(ids, func(Show, int) string { return "" })
	return w, ids, c
}

// warm runs one issue of either site through everything, so that fields, names and workflows are known.
func warm(w *World) {
	w.T.Helper()
	w.Run()
	for _, h := range []*Half{w.Public, w.Private} {
		id := h.Jira.Create(0)
		w.Settle(time.Minute)
		h.Jira.Transition(id, h.Jira.Way(id, "In Progress"))
		w.Settle(time.Minute)
	}
}

// measure makes n changes while both halves work, and waits until all have arrived.
func (w *World) measure(name string, n int, do func(i int)) Changes {
	w.T.Helper()
	lost := w.Post.Lost.Load()
	w.Public.Calls.Reset()
	w.Private.Calls.Reset()
	began, used, theirs := time.Now(), processorTime(), w.jiraTime()
	each(n, do)
	w.lookForLost()
	w.Settle(settleTime)
	c := Changes{
		Kind: name, Changes: n, Processor: processorTime() - used, Lost: int(w.Post.Lost.Load() - lost),
		Jiras: w.jiraTime() - theirs,
	}
	for _, h := range []*Half{w.Public, w.Private} {
		c.Took = max(c.Took, h.Jira.LastWrite().Sub(began))
		writes, reads, searches := h.Calls.split()
		c.Writes, c.Reads = c.Writes+writes, c.Reads+reads+searches
		least := time.Duration(writes+reads) * w.o.Latency / time.Duration(w.o.Writers)
		c.Busier, c.Both = max(c.Busier, least), c.Both+least
	}
	return c
}

// lookForLost waits until the webhooks have come and searches the public site once for those that never will.
func (w *World) lookForLost() {
	w.T.Helper()
	for w.Post.Waiting() > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	_, err := w.Public.Watch.Once(context.Background())
	must(w.T, err)
	time.Sleep(2 * w.o.Look) // the private half looks by itself
}

// check makes sure that every issue has one twin, and that it shows what it should.
func (w *World) check(ids map[*Half][]string, wrong func(s Show, n int) string) {
	w.T.Helper()
	for h, there := range map[*Half]*Half{w.Public: w.Private, w.Private: w.Public} {
		for i, id := range ids[h] {
			p, err := h.Site.Book.Load(context.Background(), Connection, id)
			must(w.T, err)
			if p == nil || p.Head.Remote.ID == "" {
				w.T.Errorf("issue %s has no twin", id)
				continue
			}
			if why := wrong(there.Jira.Show(p.Head.Remote.ID), i); why != "" {
				w.T.Errorf("twin of %s: %s", id, why)
			}
		}
	}
}

func (c *Calls) split() (writes, reads, searches int) {
	for route, n := range c.All() {
		switch {
		case isSearch(route):
			searches += n
		case strings.HasPrefix(route, "GET "):
			reads += n
		default:
			writes += n
		}
	}
	return writes, reads, searches
}

func (c Changes) report(r *Report, scene string) {
	n := float64(c.Changes)
	if c.Kind == linked {
		r.Add(scene, c.Kind+": writes per change, both sides", "calls", "2.05 + 1.05", float64(c.Writes)/n)
	} else {
		r.Add(scene, c.Kind+": writes per change, receiving", "calls", "1.05", float64(c.Writes)/n)
	}
	r.Add(scene, c.Kind+": reads per change, both sides", "calls", readTargets[c.Kind], float64(c.Reads)/n)
	r.Add(scene, c.Kind+": time until all have arrived", "s", "", c.Took.Seconds())
	if c.Both > 0 {
		r.Add(scene, c.Kind+": time / limit of all calls, 8 at a time", "x", limitTarget, c.Took.Seconds()/c.Both.Seconds())
		r.Add(scene, c.Kind+": time / limit of the busier Jira's calls", "x", limitTarget, c.Took.Seconds()/c.Busier.Seconds())
	}
	r.Add(scene, c.Kind+": processor time per change, both halves", "ms", "", float64(c.Processor.Microseconds())/1000/n)
	r.Add(scene, c.Kind+": processor time per change, both Jiras", "ms", "", float64(c.Jiras.Microseconds())/1000/n)
}

// linked is the kind of a creation whose two issues get links to each other: one more write on either side.
const linked = "create, with remote links"

var readTargets = map[string]string{"create": "0.10", linked: "0.10", "edit": "0.10", "status": "0.10", "comment": "0.6 (one proving read on Cloud)"}
