package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// bound are rules on what the half's Jira has.
func (h *Half) bound(source string) *rule.Rules {
	h.T.Helper()
	r, err := h.Site.Bind(context.Background(), site.Revision{File: "rules.yaml", Source: source})
	h.must(err)
	return r
}

// publishContract publishes what rules come to, and lets it cross.
func (w *World) publishContract(h *Half, source string, waits bool) bridge.Contract {
	w.T.Helper()
	c := bridge.Contract{Waits: waits}
	c.Sends, c.Accepts = rule.ContractOf(h.bound(source), false)
	now, err := site.PublishContract(context.Background(), h.Site, Connection, c, false)
	w.must(err)
	w.tell()
	w.tell() // and that it has arrived
	return *now.Latest
}

// standings are where a half sees both contracts, and what counts.
func (h *Half) standings() string {
	h.T.Helper()
	c, err := h.Site.Contracts(context.Background(), Connection)
	h.must(err)
	text := fmt.Sprintf("ours %s, theirs %s", c.Ours, c.Theirs)
	for who, s := range map[string]site.Standing{"ours": c.Ours, "theirs": c.Theirs} {
		if in := s.InForce(); in != nil {
			text = strings.Replace(text, who+" ", fmt.Sprintf("%s (%d in force) ", who, in.Revision), 1)
		}
	}
	if c.Ours.Latest != nil && c.Ours.Has != c.Ours.Latest.At {
		text += ", not arrived"
	}
	return text
}

func (w *World) stand(step, public, private string) {
	w.T.Helper()
	if a, b := w.Public.standings(), w.Private.standings(); a != public || b != private {
		w.T.Errorf("%s:\npublic:  %s, want %s\nprivate: %s, want %s", step, a, public, b, private)
	}
}

const severe = "version: 1\nfields:\n  - {field: priority, values: {High: S1, Low: S3}, otherwise: leave}\n"

// TestContracts: each side publishes, the other checks its rules against it; what waits counts when it is approved.
func TestContracts(t *testing.T) {
	w, ctx := New(t, Options{}), context.Background()
	w.tell()
	w.stand("nothing published", "ours , theirs ", "ours , theirs ")

	w.publishContract(w.Public, severe, false)
	w.stand("published", "ours (1 in force) revision 1, theirs ", "ours , theirs (1 in force) revision 1")
	known, err := w.Private.Site.Contracts(ctx, Connection)
	w.must(err)
	got := rule.Disagreements(w.Private.bound("version: 1\nfields:\n  - {field: priority, values: {High: S1, Low: S2}}\n  - duedate\n"), *known.Theirs.InForce())
	for _, want := range []string{`rules.yaml:3:47: row "priority": the other side neither sends nor takes "S2"; did you mean "S1"?`, `rules.yaml:4:5: row "duedate": the other side neither sends nor takes it`,
		`row "priority": the other side sends S3, for which this site has nothing`} {
		if !strings.Contains(got.Error(), want) {
			t.Errorf("no %q in:\n%s", want, got.Error())
		}
	}
	if fine := rule.Disagreements(w.Private.bound(severe), *known.Theirs.InForce()); len(fine) > 0 {
		t.Errorf("the same rules do not fit: %v", fine)
	}

	first := w.publishContract(w.Private, severe, true)
	w.stand("proposed", "ours (1 in force) revision 1, theirs revision 1: waits for approval", "ours revision 1: waits for approval, theirs (1 in force) revision 1")
	if _, err := site.ApproveContract(ctx, w.Public.Site, Connection, 2); bridge.NameOf(err) != "contract-unknown" {
		t.Errorf("a revision that nobody published is approved: %v", err)
	}
	_, err = site.ApproveContract(ctx, w.Public.Site, Connection, 1)
	w.must(err)
	w.tell()
	w.stand("approved", "ours (1 in force) revision 1, theirs (1 in force) revision 1: approved", "ours (1 in force) revision 1: approved, theirs (1 in force) revision 1")

	more := severe + "  - duedate\n"
	publish := func(source string) error {
		_, err := site.Publish(ctx, w.Private.Site, Connection, site.Revision{File: "rules.yaml", Source: source})
		return err
	}
	if err := publish(more); bridge.NameOf(err) != "contract-exceeded" || !strings.Contains(err.Error(), "duedate is not in it") {
		t.Errorf("more than was approved is sent: %v", err)
	}
	w.must(publish(severe))
	w.must(publish("version: 1\nbase: none\nfields: [summary]\n")) // less may always be sent
	w.publishContract(w.Private, more, true)
	w.stand("the second proposed", "ours (1 in force) revision 1, theirs (1 in force) revision 2: waits for approval", "ours (1 in force) revision 2: waits for approval, theirs (1 in force) revision 1")
	if err := publish(more); bridge.NameOf(err) != "contract-exceeded" {
		t.Errorf("a proposal counts: %v", err)
	}
	known, err = w.Public.Site.Contracts(ctx, Connection)
	w.must(err)
	if got := rule.DiffContracts(*known.Theirs.Before, *known.Theirs.Latest); strings.Join(got, "; ") != "+ sends duedate: date; + accepts duedate: date" || known.Theirs.Before.At != first.At {
		t.Errorf("what is new: %q", got)
	}
	_, err = site.ApproveContract(ctx, w.Public.Site, Connection, 2)
	w.must(err)
	w.tell()
	w.must(publish(more))

	_, err = site.PublishContract(ctx, w.Private.Site, Connection, bridge.Contract{Withdrawn: true}, false)
	w.must(err)
	w.tell()
	w.tell()
	w.stand("withdrawn", "ours (1 in force) revision 1, theirs revision 3: withdrawn", "ours revision 3: withdrawn, theirs (1 in force) revision 1")
	w.must(publish(""))

	acts, err := w.Public.Site.Acts(ctx, Connection, 0)
	w.must(err)
	var told []string
	for _, a := range acts {
		if a.After["other side's contract"] != "" {
			told = append(told, a.Who+": "+a.After["other side's contract"])
		}
	}
	if want := "the private side: revision 1: waits for approval, the private side: revision 2: waits for approval, the private side: revision 3: withdrawn"; strings.Join(told, ", ") != want {
		t.Errorf("the audit: %s, want %s", strings.Join(told, ", "), want)
	}
}

// TestAContractOfARestoredState: what a side says of itself is what the other believes, also where it went back in time.
func TestAContractOfARestoredState(t *testing.T) {
	w, ctx := New(t, Options{}), context.Background()
	w.publishContract(w.Private, severe, false)
	key := store.Key{Part: "rules/" + Connection, Sort: "contract"}
	docs, err := w.Private.Store.Get(ctx, key)
	w.must(err)
	w.publishContract(w.Private, severe+"  - duedate\n", false)
	w.stand("two published", "ours , theirs (2 in force) revision 2", "ours (2 in force) revision 2, theirs ")
	w.must(w.Private.Store.Apply(ctx, store.Put(store.Doc{Key: key, Body: docs[0].Body})))
	for range 3 {
		w.tell()
	}
	w.stand("the first restored", "ours , theirs (1 in force) revision 1", "ours (1 in force) revision 1, theirs ")
	w.publishContract(w.Private, severe+"  - labels\n", false)
	known, err := w.Public.Site.Contracts(ctx, Connection)
	w.must(err)
	if _, ok := known.Theirs.Latest.Sends.Term("labels"); !ok {
		t.Errorf("another contract of the same number did not arrive: %+v", known.Theirs.Latest)
	}
}
