package sim

import (
	"math/rand/v2"

	"drawbridge/shared/pair"
	"drawbridge/simulator"
)

// A sub-task and what it is part of stay in one project, so in a world with sub-tasks no issue is moved to another one, and the other
// way round.

// subtask makes an issue that is part of another one.
func (w *world) subtask(r *rand.Rand) {
	h := w.side(r)
	parent := h.pick(r)
	if parent == "" || w.elsewhere || len(h.jira.IssueIDs()) > 6 {
		return
	}
	all := map[string]any{"project": map[string]string{"key": h.demo.ProjectKey}, "issuetype": nameOf("Sub-task"), "summary": w.token("s"), "parent": map[string]string{"id": parent}}
	var out struct{ Key string }
	if h.call("alice", "POST", "/rest/api/2/issue", map[string]any{"fields": all}, &out) < 300 {
		w.parts = true
	}
	w.say("%s: alice creates %s under %s", h.role, out.Key, parent)
}

// reparent puts a sub-task under another issue, on a Cloud: a Data Center's API does not.
func (w *world) reparent(r *rand.Rand) {
	h := w.side(r)
	id, parent := h.pick(r), h.pick(r)
	if is := h.look(id); id == "" || is == nil || is.Fields.Parent == nil || h.jira.Flavour() != simulator.Cloud {
		return
	}
	if h.call("alice", "PUT", "/rest/api/2/issue/"+id, map[string]any{"fields": map[string]any{"parent": map[string]string{"id": parent}}}, nil) < 300 {
		w.moved[id] = true
	}
	w.say("%s: alice puts %s under %s", h.role, id, parent)
}

// orphan reports that an issue cannot have a twin: what it is part of was deleted over there.
func (w *world) orphan(h *half, is *issue, pairs map[string]*pair.Pair) bool {
	if is.Fields.Parent == nil {
		return false
	}
	p := pairs[is.Fields.Parent.ID]
	return p != nil && w.gone[h.role.Other()][p.Head.Remote.ID]
}

// checkParent: a sub-task is part of the twin of what its own twin is part of. Where it was moved, a Data Center says that it cannot
// follow.
func (w *world) checkParent(say sayer, name string, a, b *issue, pairs map[string]*pair.Pair) {
	pa, pb := a.Fields.Parent, b.Fields.Parent
	switch {
	case pa == nil && pb == nil || w.moved[a.ID] || w.moved[b.ID]:
	case pa == nil || pb == nil:
		say("%s: is part of %v on the public and of %v on the private site", name, pa, pb)
	case pairs[pa.ID] == nil || pairs[pa.ID].Head.Remote.ID != pb.ID:
		say("%s: is part of %s on the public and of %s on the private site, which are no pair", name, pa.ID, pb.ID)
	}
}
