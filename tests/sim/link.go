package sim

import (
	"math/rand/v2"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

// link is a link between two issues, by their ids.
type link struct{ kind, source, destination string }

// tie is what people of one site did to a link there: made it, and removed it, whoever had made it.
type tie struct{ made, parted bool }

var linkKinds = []string{"Blocks", "Relates"}

// link links two issues, unless they are.
func (w *world) link(r *rand.Rand) {
	h := w.side(r)
	l := link{linkKinds[r.IntN(2)], h.pick(r), h.pick(r)}
	if l.source == "" || l.source == l.destination {
		return
	}
	if is := h.look(l.source); is == nil || is.leads(l) != "" {
		return
	}
	body := map[string]any{"type": map[string]string{"name": l.kind}, "inwardIssue": map[string]string{"id": l.source}, "outwardIssue": map[string]string{"id": l.destination}}
	if h.call("alice", "POST", "/rest/api/2/issueLink", body, nil) < 300 {
		w.links[h.role][l] = tie{made: true}
	}
	w.say("%s: alice links: %s %s %s", h.role, l.source, l.kind, l.destination)
}

// leads is the id of a link that leads from the issue, "" if there is none.
func (is *issue) leads(l link) string {
	for _, k := range is.Fields.IssueLinks {
		if k.OutwardIssue != nil && k.Type.Name == l.kind && k.OutwardIssue.ID == l.destination {
			return k.ID
		}
	}
	return ""
}

func (w *world) unlink(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	is := h.look(id)
	if is == nil || len(is.Fields.IssueLinks) == 0 {
		return
	}
	k := is.Fields.IssueLinks[r.IntN(len(is.Fields.IssueLinks))]
	if k.OutwardIssue == nil {
		return
	}
	l := link{k.Type.Name, id, k.OutwardIssue.ID}
	if h.call("admin", "DELETE", "/rest/api/2/issueLink/"+k.ID, nil, nil) < 300 {
		w.links[h.role][l] = tie{made: w.links[h.role][l].made, parted: true}
	}
	w.say("%s: admin removes the link %s %s %s", h.role, l.source, l.kind, l.destination)
}

// checkLinks: a link between two issues stands between their twins as well, unless people removed the copy; and no copy
// outlives its original.
func (w *world) checkLinks(say sayer, pairs map[string]*pair.Pair) {
	twin := map[string]string{} // private id by public id
	for id, p := range pairs {
		if remote := p.Head.Remote.ID; remote != "" && !w.gone[bridge.Public][id] && !w.gone[bridge.Private][remote] {
			twin[id] = remote
		}
	}
	for id := range twin {
		for other := range twin {
			for _, kind := range linkKinds {
				w.checkLink(say, link{kind, id, other}, link{kind, twin[id], twin[other]})
			}
		}
	}
}

// mutual reports that a kind of link reads the same from both ends: one that stands the other way round is the same link.
func (l link) mutual() bool { return l.kind == "Relates" }

func (l link) back() link { return link{l.kind, l.destination, l.source} }

// linked reports whether a link stands.
func (h *half) linked(l link) bool {
	stands := func(l link) bool { is := h.look(l.source); return is != nil && is.leads(l) != "" }
	return stands(l) || l.mutual() && stands(l.back())
}

// tie is what people did to a link here.
func (h *half) tie(l link) tie {
	t := h.w.links[h.role][l]
	if l.mutual() {
		back := h.w.links[h.role][l.back()]
		t.made, t.parted = t.made || back.made, t.parted || back.parted
	}
	return t
}

func (w *world) checkLink(say sayer, pub, prv link) {
	a, b := w.public.look(pub.source), w.private.look(prv.source)
	if a == nil || b == nil {
		return // said elsewhere
	}
	x, y := w.public.tie(pub), w.private.tie(prv)
	switch here, there := w.public.linked(pub), w.private.linked(prv); {
	case here && !there && !(x.made && y.parted), there && !here && !(y.made && x.parted):
		say("%s %s %s: on the public site %t (%+v), on the private %t (%+v)", a.Key, pub.kind, pub.destination, here, x, there, y)
	}
}
