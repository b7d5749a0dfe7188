package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/simulator"
)

// linking is Everything with links both ways.
func linking(project string) string { return Everything(project) + "links: {direction: both}\n" }

func linkingOptions() Options {
	return Options{PublicRules: linking(PublicProject), PrivateRules: linking(PrivateProject), Configure: unmetered}
}

type issueLink struct {
	ID                        string
	Type                      struct{ Name string }
	OutwardIssue, InwardIssue *struct{ Key string }
}

func (h *Half) issueLinks(key string) (list []issueLink) {
	h.T.Helper()
	h.must(json.Unmarshal([]byte(h.Field(key, "issuelinks")), &list))
	return list
}

// leads are the links from an issue, as "Blocks PRV-2", in order.
func (h *Half) leads(key string) []string {
	h.T.Helper()
	out := []string{}
	for _, l := range h.issueLinks(key) {
		if l.OutwardIssue != nil {
			out = append(out, l.Type.Name+" "+l.OutwardIssue.Key)
		}
	}
	slices.Sort(out)
	return out
}

func (h *Half) wantLeads(key string, want ...string) {
	h.T.Helper()
	if got := h.leads(key); !slices.Equal(got, append([]string{}, want...)) {
		h.T.Errorf("%s: links from %s: %q, want %q", h.Site.Name, key, got, want)
	}
}

// relate links two issues as alice: source "blocks" destination.
func (h *Half) relate(linkType, source, destination string) {
	h.T.Helper()
	h.OK("alice", "POST", "/rest/api/2/issueLink", map[string]any{"type": map[string]string{"name": linkType},
		"inwardIssue": map[string]string{"key": source}, "outwardIssue": map[string]string{"key": destination}}, nil)
}

// part removes every link from an issue.
func (h *Half) part(key string) {
	h.T.Helper()
	for _, l := range h.issueLinks(key) {
		if l.OutwardIssue != nil {
			h.OK("alice", "DELETE", "/rest/api/2/issueLink/"+l.ID, nil, nil)
		}
	}
}

func TestLinksAreMadeBetweenTheTwins(t *testing.T) {
	sides(t, linkingOptions(), func(t *testing.T, w *World, here, there *Half) {
		a, twinA := pairUp(t, w, here, nil)
		b, twinB := pairUp(t, w, here, nil)
		here.relate("Blocks", a, b)
		w.Settle()
		there.wantLeads(twinA, "Blocks "+twinB)
		here.wantLeads(a, "Blocks "+b)
		there.relate("Relates", twinB, twinA) // a link of theirs travels the other way
		w.Settle()
		here.wantLeads(b, "Relates "+a)

		here.Edit(a, map[string]any{"summary": "two"}) // and nothing comes twice
		there.Edit(twinB, map[string]any{"summary": "three"})
		w.Settle()
		here.wantLeads(a, "Blocks "+b)
		here.wantLeads(b, "Relates "+a)
		there.wantLeads(twinA, "Blocks "+twinB)
		there.wantLeads(twinB, "Relates "+twinA)

		there.part(twinA) // a copy never acts on its original
		w.Settle()
		here.Edit(a, map[string]any{"summary": "four"})
		w.Settle()
		here.wantLeads(a, "Blocks "+b)
		there.wantLeads(twinA)

		there.relate("Blocks", twinA, twinB) // made again here, it is theirs
		w.Settle()
		here.wantLeads(a, "Blocks "+b)
		there.part(twinA)
		w.Settle()
		here.wantLeads(a, "Blocks "+b)

		there.part(twinB) // the original goes, and its copy with it
		w.Settle()
		here.wantLeads(b)
		here.part(a)
		here.relate("Blocks", a, b) // a link made again is a new one
		w.Settle()
		there.wantLeads(twinA, "Blocks "+twinB)
		here.part(a)
		here.relate("Blocks", a, b)
		w.Settle()
		there.wantLeads(twinA, "Blocks "+twinB)
		here.part(a)
		w.Settle()
		there.wantLeads(twinA)
	})
}

func TestNoLinkLeavesByDefault(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		a, twinA := pairUp(t, w, here, nil)
		b, _ := pairUp(t, w, here, nil)
		here.relate("Blocks", a, b)
		here.Edit(a, map[string]any{"summary": "two"})
		w.Settle()
		there.wantLeads(twinA)
	})
}

// TestALinkWaitsForItsOtherEnd: nothing is said of an issue that is not under sync; once it is, the link follows.
func TestALinkWaitsForItsOtherEnd(t *testing.T) {
	o := linkingOptions()
	o.PublicRules = triggers(PublicProject, "  - jql: project = PUB AND labels = sync\n") + "links: {direction: both}\n"
	o.PrivateRules = triggers(PrivateProject, "  - jql: project = PRV AND labels = sync\n") + "links: {direction: both}\n"
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		under := map[string]any{"labels": []string{"sync"}}
		a, twinA := pairUp(t, w, here, under)
		outside := here.Create("outside", nil)
		w.crossed.Reset()
		here.relate("Blocks", a, outside)
		here.Edit(a, map[string]any{"summary": "two"})
		w.Settle()
		there.wantLeads(twinA)
		if bytes.Contains(w.crossed.Bytes(), []byte(`"kind":"link"`)) {
			t.Errorf("the other side was told of a link to an issue that is not under sync: %s", w.crossed.Bytes())
		}
		here.Edit(outside, under)
		w.Settle()
		there.wantLeads(twinA, "Blocks "+here.Twin(outside))

		b := here.Create("b", under) // both come under sync with the link between them
		c := here.Create("c", under)
		here.must(here.Jira.Flush(t.Context())) // a link's event that comes before those of its issues is left to reconciliation
		here.relate("Blocks", b, c)
		w.Settle()
		there.wantLeads(here.Twin(b), "Blocks "+here.Twin(c))
	})
}

// TestALinkThatStandsAlreadyIsNobodysCopy: it is not made twice, and stays when the other side's is removed.
func TestALinkThatStandsAlreadyIsNobodysCopy(t *testing.T) {
	sides(t, linkingOptions(), func(t *testing.T, w *World, here, there *Half) {
		a, twinA := pairUp(t, w, here, nil)
		b, twinB := pairUp(t, w, here, nil)
		here.relate("Blocks", a, b)
		there.relate("Blocks", twinA, twinB)
		w.Settle()
		here.wantLeads(a, "Blocks "+b)
		there.wantLeads(twinA, "Blocks "+twinB)
		here.part(a)
		w.Settle()
		there.wantLeads(twinA, "Blocks "+twinB)
	})
}

func TestLinkTypesGoThroughTheTable(t *testing.T) {
	sides(t, linkingOptions(), func(t *testing.T, w *World, here, there *Half) {
		here.publish(Everything(here.Demo.ProjectKey) + "links: {direction: out, values: {Blocks: needs}, otherwise: leave}\n")
		there.publish(Everything(there.Demo.ProjectKey) + "links: {direction: in, values: {Relates: needs}}\n")
		a, twinA := pairUp(t, w, here, nil)
		b, twinB := pairUp(t, w, here, nil)
		here.relate("Blocks", a, b)
		here.relate("Relates", a, b)
		w.Settle()
		there.wantLeads(twinA, "Relates "+twinB)
		here.publish(Everything(here.Demo.ProjectKey)) // switched off again: what left is withdrawn
		w.Settle()
		there.wantLeads(twinA)
		here.wantLeads(a, "Blocks "+b, "Relates "+b)
	})
}

// TestALostAnswerMakesNoSecondLink: whether it was made is looked for, also where it is to be gone by then.
func TestALostAnswerMakesNoSecondLink(t *testing.T) {
	for _, meanwhile := range []string{"nothing", "deleted"} {
		for _, heard := range []bool{true, false} { // does the copy's own event come?
			t.Run(fmt.Sprint(meanwhile, " ", heard), func(t *testing.T) {
				sides(t, linkingOptions(), func(t *testing.T, w *World, here, there *Half) { loseLink(t, w, here, there, meanwhile, heard) })
			})
		}
	}
}

func loseLink(t *testing.T, w *World, here, there *Half, meanwhile string, heard bool) {
	a, twinA := pairUp(t, w, here, nil)
	b, twinB := pairUp(t, w, here, nil)
	if !heard {
		there.Jira.Configure(func(s *simulator.Settings) { s.Webhooks.Drop = 1 })
	}
	there.Jira.Inject(simulator.Fault{Route: "POST /issueLink", LoseAnswer: true, Count: 1})
	here.relate("Blocks", a, b)
	for range 50 {
		if w.Step(); len(there.Jira.Faults()) == 0 {
			break
		}
	}
	there.wantLeads(twinA, "Blocks "+twinB)
	there.giveUp()
	if meanwhile == "deleted" {
		here.part(a)
		w.Settle()
		here.wantLeads(a)
		there.wantLeads(twinA)
		return
	}
	w.Settle()
	here.Edit(a, map[string]any{"summary": "two"})
	w.Settle()
	there.wantLeads(twinA, "Blocks "+twinB)
	here.wantLeads(a, "Blocks "+b)
	here.part(a)
	w.Settle()
	there.wantLeads(twinA)
}

// TestLinksOfJoinedIssues: what stands on both sides stays as it is, what stands on one follows.
func TestLinksOfJoinedIssues(t *testing.T) {
	o := linkingOptions()
	o.PublicRules, o.PrivateRules = byHand(PublicProject)+"links: {direction: both}\n", byHand(PrivateProject)+"links: {direction: both}\n"
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		a, b, c := here.Create("a", nil), here.Create("b", nil), here.Create("c", nil)
		x, y, z := there.Create("a", nil), there.Create("b", nil), there.Create("c", nil)
		here.relate("Blocks", a, b)
		there.relate("Blocks", x, y)
		here.relate("Relates", c, a)
		there.relate("Relates", y, z)
		for i, key := range []string{a, b, c} {
			join(w, here, key, []string{x, y, z}[i], bridge.ByPublic)
			w.Settle()
		}
		here.wantLeads(a, "Blocks "+b)
		here.wantLeads(b, "Relates "+c)
		here.wantLeads(c, "Relates "+a)
		there.wantLeads(x, "Blocks "+y)
		there.wantLeads(y, "Relates "+z)
		there.wantLeads(z, "Relates "+x)
	})
}
