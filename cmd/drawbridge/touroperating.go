package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

var stepsOperating = []step{
	{"a pause: edits are marked, and one change per issue crosses afterwards", stepPause},
	{"the poller is killed in the middle: nothing is lost, nothing doubled", stepKill},
	{"the hub is killed in the middle: nothing is lost, nothing doubled", stepKillHub},
	{"a webhook with a wrong signature is refused", stepForged},
	{"rules: mistakes are named, the default rules keep things in, rollback", stepRules},
	{"a contract: what a side sends is published, compared, approved, and then binds", stepContract},
	{"an issue is taken out of sync, and put back", stepStop},
	{"what an administrator sees", stepLook},
}

func stepPause(g *guide) error {
	if _, err := g.run("hub.yaml", exitDone, "connection", "pause", demoConnection, "--why", "the tour"); err != nil {
		return err
	}
	var last string
	for i := range 5 {
		last = unique(fmt.Sprintf("Edit %d during the pause", i+1))
		if err := g.pub.edit(g.pubKey, object{"summary": last}); err != nil {
			return err
		}
	}
	g.did("edited the summary outside five times")
	err := g.stays("nothing crosses", func() error {
		fields, err := g.priv.issue(g.privKey)
		if err == nil && strings.Contains(fmt.Sprint(fields["summary"]), "during the pause") {
			err = fmt.Errorf("inside it is %q", fields["summary"])
		}
		return err
	})
	if err != nil {
		return err
	}
	g.did("drawbridge status")
	err = g.eventually("one change waits", func() error {
		out, err := once(g.ctx, nil, g.on("hub.yaml", "status", "--json")...)
		if err != nil {
			return err
		}
		var status statusView
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			return err
		}
		if n := status.Connections[0].Live + status.Connections[0].Bulk; n != 1 {
			return fmt.Errorf("%d changes wait, not one", n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := g.run("hub.yaml", exitDone, "connection", "resume", demoConnection); err != nil {
		return err
	}
	return g.shows(g.priv, g.privKey, object{"summary": last})
}

func stepKill(g *guide) error    { return g.killed("poller", g.poller) }
func stepKillHub(g *guide) error { return g.killed("hub", g.hub) }

// killed kills a half while comments and edits flow both ways, starts it again, and counts.
func (g *guide) killed(name string, start startFunc) error {
	var texts []string
	for i := range 6 {
		text := unique(fmt.Sprintf("Comment %d around the death of the %s", i+1, name))
		r, key := g.pub, g.pubKey
		if i%2 == 1 {
			r, key = g.priv, g.privKey
		}
		if _, err := r.comment(key, text, nil); err != nil {
			return err
		}
		texts = append(texts, text)
		if i == 2 {
			if err := g.family.kill(name); err != nil {
				return err
			}
			g.did("kill -9 of the %s, between two comments", name)
		}
	}
	summary := unique("Edited while the " + name + " was dead")
	if err := g.priv.edit(g.privKey, object{"summary": summary}); err != nil {
		return err
	}
	if err := start(g.ctx); err != nil {
		return err
	}
	g.did("started it again")
	if err := g.shows(g.pub, g.pubKey, object{"summary": summary}); err != nil {
		return err
	}
	count := func() error {
		for _, text := range texts {
			for _, side := range []struct {
				r   *rest
				key string
			}{{g.pub, g.pubKey}, {g.priv, g.privKey}} {
				found, err := side.r.withText(side.key, text)
				if err != nil {
					return err
				}
				if len(found) != 1 {
					return fmt.Errorf("%s has %q %d times", side.key, text, len(found))
				}
			}
		}
		return nil
	}
	if err := g.eventually(fmt.Sprintf("all %d comments are on both sides, once", len(texts)), count); err != nil {
		return err
	}
	return g.stays("and stay there once", count)
}

func stepForged(g *guide) error {
	var made struct{ Webhooks []struct{ URL string } }
	if err := g.runJSON("hub.yaml", &made, "webhook", "show"); err != nil {
		return err
	}
	if len(made.Webhooks) != 1 {
		return fmt.Errorf("%d webhooks", len(made.Webhooks))
	}
	address := made.Webhooks[0].URL
	for name, signature := range map[string]string{"no signature": "", "a wrong one": "sha256=" + strings.Repeat("0", 64)} {
		req, err := http.NewRequestWithContext(g.ctx, http.MethodPost, address, strings.NewReader(`{"webhookEvent":"jira:issue_updated","issue":{"id":"1"}}`))
		if err != nil {
			return err
		}
		if signature != "" {
			req.Header.Set("X-Hub-Signature", signature)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // only the status counts
		if resp.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("with %s: %s, not 401", name, resp.Status)
		}
		g.saw("with %s: %s", name, resp.Status)
	}
	return nil
}

func stepRules(g *guide) error {
	wrong := g.files.path("rules-wrong.yaml")
	if err := writeWhole(wrong, []byte("version: 1\nfields:\n  - Story pionts\n  - prioritty\n")); err != nil {
		return err
	}
	out, err := g.run("poller.yaml", exitUsage, "rules", "check", wrong)
	if err != nil {
		return err
	}
	for _, want := range []string{"Story points", "Priority", "2 mistakes"} {
		if !strings.Contains(out, want) {
			return fmt.Errorf("it does not say %q: %s", want, out)
		}
	}
	g.saw("both mistakes, with the nearest right names")
	bare := g.files.path("rules-bare.yaml")
	if err := writeWhole(bare, []byte("version: 1\n")); err != nil {
		return err
	}
	if out, err = g.run("hub.yaml", exitDone, "rules", "test", "--all", "--rules", bare, "--jql", "key = "+g.pubKey); err != nil {
		return err
	}
	if !strings.Contains(out, "1 pair looked at, 1 would change") || !strings.Contains(out, "no more: 1") {
		return fmt.Errorf("it does not say what bare rules would change: %s", out)
	}
	g.saw("what other rules would change, field by field")
	if _, err := g.run("poller.yaml", exitDone, "rules", "rollback", "0"); err != nil {
		return err
	}
	if err := sleep(g.ctx, 1500*time.Millisecond); err != nil { // a running half notices within a second
		return err
	}
	customer, summary := unique("Nobody's business"), unique("Under the default rules")
	if err := g.priv.edit(g.privKey, object{"Customer": customer, "summary": summary}); err != nil {
		return err
	}
	g.did("edited a custom field and the summary inside, under the default rules")
	if err := g.shows(g.pub, g.pubKey, object{"summary": summary}); err != nil {
		return err
	}
	err = g.stays("the custom field stays inside", func() error {
		if compare(g.pub, g.pubKey, object{"Customer": customer}) == nil {
			return errors.New("it is outside")
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = g.run("poller.yaml", exitDone, "rules", "rollback", "1")
	return err
}

// stepContract has the private side propose to send something more, something else and something less; the public side sees
// that and agrees, and from then on the private side cannot send what was not agreed on.
func stepContract(g *guide) error {
	if _, err := g.run("poller.yaml", exitDone, "contract", "publish", "--connection", demoConnection); err != nil {
		return err
	}
	if _, err := g.contract("hub.yaml", "theirs", "the public side has it", func(c contractSeen) bool { return c.Standing != "" && c.InForce != nil }); err != nil {
		return err
	}
	next := g.files.path("rules-contract.yaml")
	if err := writeWhole(next, []byte("version: 1\nfields:\n  - {field: priority, values: {High: S1}, otherwise: leave}\noutgoing:\n  - {carry: pager, to: '\"by day\"'}\n")); err != nil {
		return err
	}
	if _, err := g.run("poller.yaml", exitDone, "contract", "publish", "--rules", next, "--wait", "--connection", demoConnection); err != nil {
		return err
	}
	seen, err := g.contract("hub.yaml", "theirs", "the public side sees what is proposed", func(c contractSeen) bool { return strings.HasSuffix(c.Standing, "waits for approval") })
	if err != nil {
		return err
	}
	for _, want := range []string{"+ sends pager", "- sends story points", "~ sends priority"} {
		i := slices.IndexFunc(seen.Changes, func(line string) bool { return strings.HasPrefix(line, want) })
		if i < 0 {
			return fmt.Errorf("it does not say %q: %q", want, seen.Changes)
		}
		g.saw("%s", seen.Changes[i])
	}
	if _, err := g.run("hub.yaml", exitDone, "contract", "approve", fmt.Sprint(seen.Latest.Revision), "--connection", demoConnection); err != nil {
		return err
	}
	if _, err := g.contract("poller.yaml", "ours", "the private side knows", func(c contractSeen) bool { return strings.HasSuffix(c.Standing, "approved") }); err != nil {
		return err
	}
	out, err := g.run("poller.yaml", exitFailed, "rules", "publish", g.files.path("rules-private.yaml"), "--connection", demoConnection)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "story points is not in it") {
		return fmt.Errorf("it does not say what was not agreed on: %s", out)
	}
	g.saw("rules that send more than was agreed on are refused")
	_, err = g.run("poller.yaml", exitDone, "contract", "withdraw", "--connection", demoConnection)
	return err
}

// contractSeen is one side's contract as drawbridge contract show --json tells it.
type contractSeen struct {
	Standing string
	Latest   *bridge.Contract
	InForce  *bridge.Contract `json:"in_force"`
	Changes  []string
}

// contract waits until one of the two contracts that a half knows is as it should be.
func (g *guide) contract(half, whose, what string, is func(contractSeen) bool) (seen contractSeen, err error) {
	g.did("drawbridge contract show")
	err = g.eventually(what, func() error {
		out, err := once(g.ctx, nil, g.on(half, "contract", "show", "--connection", demoConnection, "--json")...)
		if err != nil {
			return err
		}
		var both map[string]contractSeen
		if err := json.Unmarshal([]byte(out), &both); err != nil {
			return err
		}
		if seen = both[whose]; !is(seen) {
			return fmt.Errorf("it is %q", seen.Standing)
		}
		return nil
	})
	return seen, err
}

func stepLook(g *guide) error {
	for _, c := range []struct {
		half string
		args []string
		says string
	}{
		{"hub.yaml", []string{"status"}, "demo"},
		{"poller.yaml", []string{"status"}, "poller of site inside"},
		{"hub.yaml", []string{"sync", "show", g.pubKey}, g.privKey},
		{"poller.yaml", []string{"sync", "show", g.privKey}, g.pubKey},
		{"hub.yaml", []string{"sync", "explain", g.pubKey}, "it is in sync with " + g.privKey},
		{"hub.yaml", []string{"rules", "test", g.pubKey}, "summary"},
		{"poller.yaml", []string{"sync", "list"}, g.privKey},
		{"hub.yaml", []string{"connection", "show"}, "newest"},
		{"poller.yaml", []string{"rules", "history"}, "back to revision"},
		{"poller.yaml", []string{"doctor"}, "BROWSE_PROJECTS"},
		{"hub.yaml", []string{"doctor"}, "Jira"},
	} {
		out, err := g.run(c.half, exitDone, c.args...)
		if err != nil {
			return err
		}
		if !strings.Contains(out, c.says) {
			return fmt.Errorf("it does not say %q:\n%s", c.says, out)
		}
		g.saw("%d lines, among them %q", strings.Count(out, "\n"), c.says)
	}
	return nil
}

func stepStop(g *guide) error {
	summary := unique("Mind your own business")
	key, err := g.pub.create(g.pub.Project, "Task", summary, nil)
	if err != nil {
		return err
	}
	twin, err := g.twin(g.priv, g.priv.Project, summary)
	if err != nil {
		return err
	}
	if _, err := g.run("hub.yaml", exitDone, "sync", "stop", key); err != nil {
		return err
	}
	alone := unique("Alone")
	if err := g.pub.edit(key, object{"summary": alone}); err != nil {
		return err
	}
	g.did("edited %s, which is out of sync", key)
	if err := g.stays("its twin stays as it was", func() error { return compare(g.priv, twin, object{"summary": summary}) }); err != nil {
		return err
	}
	if _, err := g.run("hub.yaml", exitDone, "sync", "issue", key); err != nil {
		return err
	}
	return g.shows(g.priv, twin, object{"summary": alone})
}
