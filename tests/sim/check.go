package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

// check is what has to hold when edits and faults have stopped and the world has settled; it says what does not.
func (w *world) check() string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	wrong = append(wrong, w.leaked...)
	pub, prv := w.public.pairs(), w.private.pairs()
	w.checkCreations(say, w.public, pub)
	w.checkCreations(say, w.private, prv)
	for id, p := range pub {
		w.checkPair(say, id, p, prv[p.Head.Remote.ID], pub)
	}
	w.checkLinks(say, pub)
	w.checkSecrets(say)
	w.checkCalls(say)
	for _, h := range w.halves() {
		if dead, _ := h.line.Dead(context.Background(), 0); len(dead) > 0 {
			say("%s: %d dead letters", h.role, len(dead))
		}
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "\n")
}

// pairs are the pairs of a half by local issue id.
func (h *half) pairs() map[string]*pair.Pair {
	ctx := context.Background()
	lines, err := h.site.Book.List(ctx, connection, "", 0)
	must(err)
	out := map[string]*pair.Pair{}
	for _, l := range lines {
		p, err := h.site.Book.Load(ctx, connection, l.Issue)
		must(err)
		out[l.Issue] = p
	}
	return out
}

type sayer func(format string, args ...any)

// checkCreations: every issue that people made has a twin, and every issue that we made is the twin of one.
func (w *world) checkCreations(say sayer, h *half, pairs map[string]*pair.Pair) {
	made := map[string][]string{}
	for _, n := range h.jira.IssueIDs() {
		id := strconv.FormatInt(n, 10)
		is := h.look(id)
		p := pairs[id]
		switch {
		case p == nil && is.Fields.Project.Key == h.demo.ServiceKey:
			// it was moved away before it came under sync
		case p == nil:
			say("%s: %s (%s) is in no pair", h.role, is.Key, is.Fields.Summary)
		case p.Head.Remote.ID == "" && w.orphan(h, is, pairs):
		case p.Head.Remote.ID == "":
			say("%s: %s (%s) has no twin: %s", h.role, is.Key, is.Fields.Summary, state(p))
		case is.Fields.Creator.ours():
			made[p.Head.Remote.ID] = append(made[p.Head.Remote.ID], is.Key)
		}
	}
	for remote, keys := range made {
		if len(keys) > 1 {
			say("%s: %v are all twins of %s", h.role, keys, remote)
		}
	}
}

func state(p *pair.Pair) string {
	raw, err := json.Marshal(p.Head)
	must(err)
	return string(raw)
}

// checkPair compares the two issues of a pair.
func (w *world) checkPair(say sayer, id string, p, q *pair.Pair, pub map[string]*pair.Pair) {
	remote := p.Head.Remote.ID
	if w.gone[bridge.Public][id] || w.gone[bridge.Private][remote] || remote == "" {
		return // one of them was deleted; the other stays as it is
	}
	a, b := w.public.look(id), w.private.look(remote)
	if a == nil || b == nil || q == nil {
		say("pair %s: %s there is %v, its pair %v", p.Head.Local.Key, remote, b != nil, q != nil)
		return
	}
	name := a.Key + "/" + b.Key
	if q.Head.Remote.ID != id {
		say("%s: the twin of the twin is %s", name, q.Head.Remote.ID)
	}
	for _, x := range []*pair.Pair{p, q} {
		w.checkQuiet(say, name, x)
	}
	for _, c := range compared {
		x, y := w.public.called(c.name, c.of(a.Fields)), w.private.called(c.name, c.of(b.Fields))
		if x != y && !w.apart(c.name) && !w.excused(c.name, p, q) {
			say("%s: %s is %q on the public and %q on the private site%s", name, c.name, x, y, problems(p, q))
		}
	}
	w.checkParent(say, name, a, b, pub)
	w.checkTexts(say, name, "comment", w.public, a.Fields.Comment.Comments, b.Fields.Comment.Comments)
	w.checkTexts(say, name, "comment", w.private, b.Fields.Comment.Comments, a.Fields.Comment.Comments)
	w.checkTexts(say, name, "worklog", w.public, a.Fields.logs(), b.Fields.logs())
	w.checkTexts(say, name, "worklog", w.private, b.Fields.logs(), a.Fields.logs())
	w.checkFiles(say, name, w.public, a, b)
	w.checkFiles(say, name, w.private, b, a)
	w.checkConflicts(say, name, w.public, p)
	w.checkConflicts(say, name, w.private, q)
	w.checkOverwritten(say, name, w.public, p, q)
	w.checkOverwritten(say, name, w.private, q, p)
}

// checkQuiet: nothing waits, nothing is parked, nothing is open.
func (w *world) checkQuiet(say sayer, name string, p *pair.Pair) {
	h := p.Head
	if h.Waits() || h.Parked != nil || len(h.Dirty) > 0 || h.Status != pair.Synced {
		say("%s: not quiet: %s", name, state(p))
	}
	// A write that left no trace may stay open until the next change, as long as no edit waits for it.
	open := slices.ContainsFunc(p.State.Intents, func(i pair.Intent) bool { return i.Until == 0 })
	// The other end of a link may be a sub-task whose twin cannot be made: its parent's twin was deleted.
	undone := slices.DeleteFunc(slices.Clone(p.State.Undone), func(key string) bool { return w.parts && strings.HasPrefix(key, "link/") })
	if len(undone) > 0 || open || p.State.Holding() {
		raw, _ := json.Marshal(p.State.Intents)
		say("%s: undone %v, open intents %s", name, undone, raw)
	}
	for key, f := range p.State.Fields {
		if f.Problem != "" && !w.excused(key, p, p) {
			say("%s: %s: %s", name, key, f.Problem)
		}
	}
}

// excused: two different resolutions in one status, where no Jira lets a resolution be set without a transition; a sub-task that was
// moved.
func (w *world) excused(field string, ps ...*pair.Pair) bool {
	if field == "parent" {
		return slices.ContainsFunc(ps, func(p *pair.Pair) bool { return w.moved[p.Head.Local.ID] || w.moved[p.Head.Remote.ID] })
	}
	return field == "resolution" && !w.o.resolvable && slices.ContainsFunc(ps, func(p *pair.Pair) bool {
		f := p.State.Fields[field]
		return f != nil && strings.Contains(f.Problem, "cannot be set")
	})
}

func problems(ps ...*pair.Pair) string {
	var out []string
	for _, p := range ps {
		for key, f := range p.State.Fields {
			if f.Problem != "" {
				out = append(out, key+": "+f.Problem)
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, "; ") + ")"
}

var compared = []struct {
	name string
	of   func(fields) string
}{
	{"summary", func(f fields) string { return f.Summary }},
	{"description", func(f fields) string { return words(text(f.Description)) }},
	{"duedate", func(f fields) string { return text(f.Duedate) }},
	{"labels", func(f fields) string { slices.Sort(f.Labels); return strings.Join(f.Labels, " ") }},
	{"status", func(f fields) string { return f.Status.Name }},
	{"type", func(f fields) string { return f.IssueType.Name }},
	{"priority", func(f fields) string { return namedText(f.Priority) }},
	{"resolution", func(f fields) string { return namedText(f.Resolution) }},
	{"components", func(f fields) string { return namesText(f.Components) }},
	{"fix versions", func(f fields) string { return namesText(f.FixVersions) }},
	{"assignee", func(f fields) string {
		if f.Assignee == nil {
			return ""
		}
		return f.Assignee.DisplayName
	}},
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// words leaves white space away: either Jira may normalise it.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

func namedText(n *named) string {
	if n == nil {
		return ""
	}
	return n.Name
}

func namesText(list []named) string {
	out := []string{}
	for _, n := range list {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// checkTexts: every comment or worklog written here that everybody may see has one copy over there, as it is now, unless
// somebody deleted that; every other has none.
func (w *world) checkTexts(say sayer, name, what string, h *half, here, there []comment) {
	for _, c := range here {
		if c.Author.ours() {
			continue
		}
		var copies []comment
		for _, d := range there {
			if d.Author.ours() && firstWord(d.Body) == firstWord(c.Body) {
				copies = append(copies, d)
			}
		}
		lost := w.lost[what+" "+firstWord(c.Body)]
		switch {
		case c.restricted() && len(copies) > 0:
			say("%s: restricted %s %q of the %s site is on the other", name, what, c.Body, h.role)
		case c.restricted():
		case len(copies) > 1 || len(copies) == 0 && !lost:
			say("%s: %s %q of the %s site has %d copies", name, what, c.Body, h.role, len(copies))
		case len(copies) == 1 && !strings.Contains(words(copies[0].Body), words(c.Body)) && !lost:
			say("%s: %s %q of the %s site reads %q on the other", name, what, c.Body, h.role, copies[0].Body)
		}
	}
	for _, d := range there {
		if d.Author.ours() && !slices.ContainsFunc(here, func(c comment) bool { return !c.Author.ours() && firstWord(c.Body) == firstWord(d.Body) }) {
			say("%s: the copy %q of a %s of the %s site outlives it", name, d.Body, what, h.role)
		}
	}
}

// checkFiles: likewise for attachments, by content.
func (w *world) checkFiles(say sayer, name string, h *half, here, there *issue) {
	count := func(list []attachment, side *half, ours bool) map[string]int {
		out := map[string]int{}
		for _, a := range list {
			if a.Author.ours() == ours {
				out[a.Filename+": "+side.download(a)]++
			}
		}
		return out
	}
	originals, copies := count(here.Fields.Attachment, h, false), count(there.Fields.Attachment, h.other(), true)
	for k, n := range originals {
		_, content, _ := strings.Cut(k, ": ")
		if got := copies[k]; got != n && !(got < n && w.lost["file "+content]) {
			say("%s: attachment %q of the %s site has %d copies", name, k, h.role, got)
		}
	}
	for k := range copies {
		if originals[k] == 0 {
			say("%s: the copy of attachment %q of the %s site outlives it", name, k, h.role)
		}
	}
}

// checkConflicts: two edits made without knowledge of each other are in the history, with both values.
func (w *world) checkConflicts(say sayer, name string, h *half, p *pair.Pair) {
	if w.restored {
		return
	}
	ctx := context.Background()
	c, err := h.site.Book.Connection(ctx, connection)
	must(err)
	events, err := h.site.Book.History(ctx, connection, p.Head.Local.ID, 0)
	must(err)
	for key, f := range p.State.Fields {
		base, _, _ := merge.SplitKey(key)
		a, b := f.Mine, f.Theirs
		if w.twisted[base] || a == nil || b == nil || a.Saw >= b.Seq || b.Saw >= a.Seq || a.Value == b.Value {
			continue
		}
		row := merge.Site{Role: h.role, Policies: c.Policies}
		if _, v := merge.Winner(f.Field, row); v != merge.Decided {
			continue
		}
		id := a.ID().String() + " " + b.ID().String()
		if !slices.ContainsFunc(events, func(e pair.Event) bool {
			return e.What == "conflict" && e.Field == key && e.Edit == id && e.Old != "" && e.New != ""
		}) {
			say("%s: %s: the conflict of %s is not in the history of the %s site", name, key, id, h.role)
		}
	}
}

// checkSecrets: what was restricted from the beginning is nowhere on the other site.
func (w *world) checkSecrets(say sayer) {
	for _, h := range w.halves() {
		raw, err := h.jira.Snapshot()
		must(err)
		for _, s := range w.secrets {
			if s.home != h.role && strings.Contains(string(raw), s.text) {
				say("restricted text %s of the %s site is in the other Jira", s.text, s.home)
			}
		}
	}
}

// checkCalls: the number of Jira calls is bounded by what happened; what goes round in circles would show here.
func (w *world) checkCalls(say sayer) {
	for _, h := range w.halves() {
		limit := 30 + 5*w.steps
		if w.restored {
			limit *= 3 // everything is read again
		}
		if h.wire.calls > limit {
			say("%s: %d calls of Jira in a run of %d steps: %v", h.role, h.wire.calls, w.steps, h.wire.routes)
		}
	}
}
