package e2e

import (
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestContract: two administrators who do not see each other's rules find out where they do not fit, before an issue does.
func TestContract(t *testing.T) {
	t.Parallel()
	const inside = "projekt-nachtfalter"
	command := teller(t.TempDir() + "/told")
	w := rig.New(t, rig.Options{PollerYAML: "notify: {command: " + command.command() + ", digest: 1s}\n"})
	w.Inside(inside)
	holds := func(what, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in:\n%s", what, want, text)
			}
		}
	}
	if r := w.OnHub("contract", "show"); strings.Count(r, "has published no contract") != 2 {
		t.Errorf("a contract that nobody published: %s", r)
	}

	w.Write("private-first.yaml", `version: 1
constants: {secret_name: `+inside+`}
fields:
  - {field: priority, values: {Highest: S1, Low: S3}, otherwise: leave}
  - {field: Customer, direction: in, key: customer}
  - {key: team, out: 'secret_name == "" ? "a" : "b"'}
triggers:
  - jql: project = PRIV and (labels is EMPTY or labels != `+inside+`)
`)
	w.OnPoller("rules", "publish", w.Path("private-first.yaml"))
	holds("a dry run", w.OnPoller("contract", "publish", "--dry-run"), "+ sends priority: name, one of S1, S3", "+ accepts customer: text", "+ sends comments")
	if r := w.OnPoller("contract", "show"); strings.Count(r, "has published no contract") != 2 {
		t.Errorf("a dry run publishes: %s", r)
	}
	start := time.Now()
	w.OnPoller("contract", "publish")
	rig.Eventually(t, rig.Patience, "the hub has the contract", func() string { return lacks(w.OnHub("contract", "show"), "contract of the other side, revision 1") })
	t.Logf("the contract was there after %s", time.Since(start).Round(time.Millisecond))
	rig.Eventually(t, rig.Patience, "the poller knows", func() string {
		if strings.Contains(w.OnPoller("contract", "show"), "not yet on the other side") {
			return "it does not"
		}
		return ""
	})
	holds("shown on the hub", w.OnHub("contract", "show"), "  sends priority: name, one of S1, S3", "  accepts customer: text", "  sends team: richtext")

	w.Write("public.yaml", "version: 1\nfields:\n  - {field: priority, values: {High: S1, Low: S2}}\n  - {field: Customer, direction: out, key: custmer}\n  - {field: Story points, direction: in, key: team}\n  - {field: duedate, direction: in}\n")
	check := w.OnHub("rules", "check", w.Path("public.yaml"))
	holds("the check", check, "no mistakes", "does not fit to contract revision 1",
		`public.yaml:3:47: row "priority": the other side neither sends nor takes "S2"; did you mean "S1"?`,
		`public.yaml:4:44: row "custmer": the other side does not take it; did you mean "customer"?`,
		`public.yaml:5:47: row "team": the other side sends richtext, and not all of that becomes number`,
		`public.yaml:6:13: row "duedate": the other side does not send it`)
	holds("publishing", w.OnHub("rules", "publish", w.Path("public.yaml")), "revision 2 is in force", `did you mean "customer"?`)
	holds("the rules in force", w.OnHub("rules", "check", "--json"), `"their_contract": 1`, `row \"duedate\": the other side does not send it`)

	w.OnHub("rules", "rollback", "1")
	w.OnHub("contract", "publish", "--wait", "--names")
	rig.Eventually(t, rig.Patience, "the poller's status points at it", func() string {
		r := w.RunOnPoller("status")
		if r.Code != 3 {
			return "exit code 0"
		}
		return lacks(r.Out, "contract revision 1 of the other side of rig waits for your approval")
	})
	told := func(subject string) {
		t.Helper()
		rig.Eventually(t, rig.Patience, "people inside are told once: "+subject, func() string {
			if n := strings.Count(command.got(), `"subject":"`+subject); n != 1 {
				return command.got()
			}
			return ""
		})
	}
	told("contract revision 1 of the other side of rig waits for your approval")
	if !strings.Contains(command.got(), `"+ sends labels: names"`) {
		t.Errorf("they are not told what is new: %s", command.got())
	}
	says(t, w.RunOnPoller("doctor"), 0, "optional contract of rig: revision 1 of the other side waits for your approval")
	holds("the diff", w.OnPoller("contract", "diff"), "+ sends labels: names", "one of High", "drawbridge contract approve 1")
	if r := w.RunOnPoller("contract", "approve", "7"); r.Code != 1 || !strings.Contains(r.Err, "contract-unknown") {
		t.Errorf("a revision that was not seen is approved: %s%s", r.Out, r.Err)
	}
	w.OnPoller("contract", "approve", "1")
	rig.Eventually(t, rig.Patience, "the hub knows of the approval", func() string { return lacks(w.OnHub("contract", "show"), "revision 1: approved") })
	told("over: contract revision 1 of the other side of rig waits for your approval")
	told("the rules of rig do not fit to contract revision 1 of the other side")
	says(t, w.RunOnPoller("doctor"), 0, "optional contract of rig: the rules do not fit to revision 1 of the other side: ")
	w.Write("more.yaml", read(t, w.Path("rules-public.yaml"))+"outgoing:\n  - {carry: pager, to: '\"night\"'}\n")
	if r := w.RunOnHub("rules", "publish", w.Path("more.yaml")); r.Code != 1 || !strings.Contains(r.Err, "contract-exceeded") || !strings.Contains(r.Err, "pager is not in it") {
		t.Errorf("more than was approved: exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	w.Write("less.yaml", "version: 1\nfields: [priority]\n")
	holds("less", w.OnHub("rules", "publish", w.Path("less.yaml")), "is in force", "- sends labels: names", "see drawbridge contract publish")
	w.OnHub("contract", "publish", "--rules", w.Path("more.yaml"), "--wait")
	rig.Eventually(t, rig.Patience, "the poller has the second", func() string { return lacks(w.OnPoller("contract", "diff"), "+ sends pager: anything") })
	w.OnPoller("contract", "approve", "2")
	rig.Eventually(t, rig.Patience, "the second is approved", func() string { return lacks(w.OnHub("contract", "show"), "revision 2: approved") })
	w.OnHub("rules", "publish", w.Path("more.yaml"))
	says(t, w.RunOnHub("rules", "rollback", "4"), 0, "is in force") // the rules that were called less
	w.OnHub("contract", "publish", "--wait")
	rig.Eventually(t, rig.Patience, "the poller has the third", func() string { return lacks(w.OnPoller("contract", "diff"), "- sends pager: anything") })
	w.OnHub("rules", "publish", w.Path("more.yaml"))
	w.OnPoller("contract", "approve", "3")
	rig.Eventually(t, rig.Patience, "the third is approved", func() string { return lacks(w.OnHub("contract", "show"), "revision 3: approved") })
	says(t, w.RunOnHub("rules", "rollback", "5"), 1, "contract-exceeded", "pager is not in it")
	says(t, w.RunOnHub("rules", "check"), 0, "not allowed: the rules send what contract revision 3, which the other side approved, does not have", "pager is not in it")
	says(t, w.RunOnHub("doctor"), 3, "missing  contract of rig: the rules send what contract revision 3")
	w.OnHub("rules", "rollback", "4")

	w.OnPoller("contract", "withdraw")
	rig.Eventually(t, rig.Patience, "the hub knows that it is withdrawn", func() string { return lacks(w.OnHub("contract", "show"), "revision 2: withdrawn") })
	says(t, w.RunOnHub("doctor"), 0, "fine     contract of rig: the rules fit")
	if r := w.OnHub("rules", "check"); strings.Contains(r, "does not fit") {
		t.Errorf("checked against a contract that was withdrawn: %s", r)
	}
	holds("the hub's audit", heard(w.OnHub), "drawbridge contract publish --names --wait", `"rig contract":"revision 1: waits for approval"`,
		`"Who":"the private side","What":"told by the other side"`, `"contract":"revision 1: approved"`, `"other side's contract":"revision 2: withdrawn"`)
	holds("the poller's audit", heard(w.OnPoller), `drawbridge contract approve 1`, `"rig other side's contract":"revision 1: approved"`)
	w.Write("hub.yaml", read(t, w.Path("hub.yaml"))+"roles: {viewers: [\"*\"]}\n")
	if r := w.RunOnHub("contract", "publish"); r.Code != 1 || !strings.Contains(r.Err, "role-missing") {
		t.Errorf("a viewer publishes a contract: exit code %d: %s", r.Code, r.Err)
	}
	holds("a viewer looks", w.OnHub("contract", "show"), "revision 3: approved")

	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Synced all the while", nil)
	s.here.Edit(key, rig.Fields{"summary": "And after"})
	s.there.Shows(twin, "summary", "And after")
}
