package world

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/relay"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// draft works out what would leave, as a command beside the running half does.
func (h *Half) draft(key, rules string, join *pair.Joining) publish.Draft {
	h.T.Helper()
	ctx := context.Background()
	c, err := h.Site.Book.Connection(ctx, Connection)
	h.must(err)
	beside := &site.Site{Name: h.Site.Name, Role: h.Site.Role, Jira: h.Site.Jira, Book: h.Site.Book, Content: publish.NoContent{}, Log: h.Site.Log, Now: h.Site.Now}
	var bound *rule.Rules
	if rules != "" {
		bound, err = beside.Bind(ctx, site.Revision{File: "draft.yaml", Source: rules})
		h.must(err)
	}
	d, err := (&publish.Flow{Site: beside}).Draft(ctx, c, key, bound, join)
	h.must(err)
	return d
}

// asked lets the other half answer.
func (h *Half) asked(c bridge.Change) bridge.Preview {
	h.T.Helper()
	raw, err := json.Marshal(bridge.Question{Connection: Connection, ID: "q" + c.Issue.ID, Change: c})
	h.must(err)
	var q bridge.Question
	h.must(json.Unmarshal(raw, &q))
	h.must(h.Relay.TakeAsks(context.Background(), []bridge.Question{q}))
	h.Drain()
	a, err := h.Site.Answered(context.Background(), Connection, q.ID)
	h.must(err)
	if a == nil {
		h.T.Fatal("no answer")
	}
	return *a
}

func shown(a bridge.Preview, field string) string {
	i := slices.IndexFunc(a.Fields, func(f bridge.PreviewField) bool { return f.Field == field })
	if i < 0 {
		return "not there"
	}
	return string(a.Fields[i].Old) + " -> " + string(a.Fields[i].New) + a.Fields[i].Note
}

func TestAPreviewWritesNothing(t *testing.T) {
	renamed := func(project string) string {
		return strings.Replace(Everything(project), "fields:\n", "fields:\n  - field: summary\n    out: '\"new: \" + value'\n", 1)
	}
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		before := there.Field(twin, "updated")
		d := here.draft(key, renamed(here.Demo.ProjectKey), nil)
		if d.Replica.Fields["summary"].Value != `"new: one"` {
			t.Fatalf("the draft: %+v", d.Replica.Fields["summary"])
		}
		a := there.asked(d.Change)
		if a.Outcome != bridge.Applied || a.Twin.Key != twin || len(a.Fields) != 1 || shown(a, "Summary") != `"one" -> "new: one"` {
			t.Errorf("the other side would: %+v", a)
		}
		w.Settle()
		if there.Field(twin, "updated") != before || here.Pair(key).Head.Rules != 1 {
			t.Error("a preview wrote something")
		}
	})
}

func TestAPreviewOfANewIssue(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		key := here.Create("fresh", map[string]any{"priority": map[string]string{"name": "High"}, "labels": []string{"x"}})
		here.say(key, "hello")
		d := here.draft(key, "", nil)
		a := there.asked(d.Change)
		if a.Project != there.Demo.ProjectKey || a.Type != "Task" || shown(a, "Summary") != ` -> "fresh"` || shown(a, "Labels: x") != " -> true" {
			t.Errorf("the other side would: %+v", a)
		}
		if len(a.Members) != 1 || a.Members[0].What != "create" {
			t.Errorf("members: %+v", a.Members)
		}
		w.Settle()
		if there.issueCount() != 0 || here.Twin(key) != "" {
			t.Error("a preview made an issue")
		}
	})
}

func TestAPreviewOfAJoining(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		ours, theirs := here.Create("ours", nil), there.Create("theirs", map[string]any{"labels": []string{"x"}})
		here.say(ours, "The very same text, long enough to be known.")
		there.say(theirs, "Ada: The very same text, long enough to be known.")
		here.say(ours, "only here")
		values := bridge.Values(here.Site.Role)
		a := there.asked(here.draft(ours, "", &pair.Joining{Remote: theirs, Values: values}).Change)
		if a.Twin.Key != theirs || shown(a, "Summary") != `"theirs" -> "ours"` || shown(a, "Labels: x") != "not there" {
			t.Errorf("the joining would: %+v", a)
		}
		loses := there.asked(here.draft(here.Create("loses", nil), "", &pair.Joining{Remote: theirs, Values: bridge.Values(there.Site.Role)}).Change)
		if got := shown(loses, "Summary"); got != ` -> "theirs"stands, and would be written to yours` {
			t.Errorf("where the other side's values stand: %s", got)
		}
		what := map[string]int{}
		for _, m := range a.Members {
			what[m.What]++
		}
		if what["paired"] != 1 || what["create"] != 1 {
			t.Errorf("members: %+v", a.Members)
		}
		missing := there.asked(here.draft(here.Create("x", nil), "", &pair.Joining{Remote: "NO-1", Values: values}).Change)
		if missing.Outcome != bridge.Unmatched || !strings.Contains(missing.Reason, "NO-1") {
			t.Errorf("a missing twin: %+v", missing)
		}
		w.Settle()
		if here.Twin(ours) != "" || len(there.bodies(theirs)) != 1 {
			t.Error("a preview joined something")
		}
	})
}

func TestQuestionsCrossBothWays(t *testing.T) {
	w := New(t, Options{})
	ctx := context.Background()
	key, twin := pairUp(t, w, w.Public, nil)
	hub := &relay.Hub{Relay: w.Public.Relay, State: exchange.Generation{State: "s", Number: 1}}
	meet := func(in *exchange.Request) exchange.Response {
		in.Knows = exchange.Knows{Policy: 1, State: bridge.Active}
		out, err := hub.Exchange(ctx, exchange.Session{Connection: Connection}, in)
		w.must(err)
		return out
	}
	// The poller asks.
	q := bridge.Question{Connection: Connection, ID: "p1", Change: w.Private.draft(twin, "", nil).Change}
	w.must(w.Private.Site.Ask(ctx, q))
	asks, err := w.Private.Site.Asks(ctx, Connection, 10)
	w.must(err)
	in := &exchange.Request{Asking: exchange.Asking{Asks: asks}}
	meet(in)
	w.Public.Drain()
	out := meet(in)
	if len(out.Told) != 1 || out.Told[0].Twin.Key != key {
		t.Fatalf("the hub told %+v", out.Told)
	}
	w.must(w.Private.Relay.TakeTold(ctx, out.Told))
	if a, err := w.Private.Site.Heard(ctx, Connection, "p1"); err != nil || a == nil {
		t.Errorf("the poller heard %+v, %v", a, err)
	}
	if asks, _ = w.Private.Site.Asks(ctx, Connection, 10); len(asks) != 0 {
		t.Error("an answered question is asked again")
	}
	// The hub asks: it waits for the poller to come.
	w.must(w.Public.Site.Ask(ctx, bridge.Question{Connection: Connection, ID: "h1", Change: w.Public.draft(key, "", nil).Change}))
	out = meet(&exchange.Request{})
	if len(out.Asks) != 1 || out.Asks[0].ID != "h1" {
		t.Fatalf("the hub asks %+v", out.Asks)
	}
	if again := meet(&exchange.Request{Asking: exchange.Asking{Asked: []string{"h1"}}}); len(again.Asks) != 0 {
		t.Error("a question in hand is asked again")
	}
	meet(&exchange.Request{Asking: exchange.Asking{Told: []bridge.Preview{w.Private.asked(out.Asks[0].Change)}}})
	told := w.Private.asked(out.Asks[0].Change)
	told.ID = "h1"
	meet(&exchange.Request{Asking: exchange.Asking{Told: []bridge.Preview{told}}})
	if a, err := w.Public.Site.Heard(ctx, Connection, "h1"); err != nil || a == nil || a.Twin.Key != twin {
		t.Errorf("the hub heard %+v, %v", a, err)
	}
}
