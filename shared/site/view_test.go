package site_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// viewer is a site of a simulated Jira, and an issue as it would send one.
func viewer(t testing.TB) (*site.Site, *jira.Issue) {
	sim := simulator.New(simulator.Options{Flavour: string(bridge.Cloud), Seed: 1})
	srv := httptest.NewServer(sim.Handler())
	t.Cleanup(func() { srv.Close(); sim.Close() })
	sim.SetBaseURL(srv.URL)
	demo := sim.SeedDemo("P")
	c, err := jira.New(jira.Options{APIURL: srv.URL, Flavour: bridge.Cloud, Auth: jira.Auth{Kind: "basic", User: demo.User, Secret: func() (string, error) { return demo.Token, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	is := &jira.Issue{ID: "1", Key: "P-1", Fields: map[string]json.RawMessage{}}
	for id, raw := range map[string]string{
		"summary": `"Größe: \"4\""`, "labels": `["b","a","b"]`, "status": `{"id":"3","name":"In Progress"}`, "duedate": `"2026-11-21"`, "resolution": `null`,
		"assignee": `{"accountId":"u","displayName":"Ana <a>","active":true}`, "watches": `{"watchCount":12345678901234567890,"isWatching":false,"self":"x"}`, "votes": `null`, "nobody-knows": `1`,
	} {
		is.Fields[id] = json.RawMessage(raw)
	}
	return &site.Site{Name: "public", Jira: c}, is
}

// TestView: each field comes as its kind says, what is of no kind of ours as Jira sent it, its numbers exact.
func TestView(t *testing.T) {
	s, is := viewer(t)
	v, err := s.View(t.Context(), is)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]any{
		"summary": `Größe: "4"`, "labels": []string{"a", "b"}, "status": "In Progress", "duedate": "2026-11-21", "resolution": nil,
		"assignee": bridge.Person{Name: "Ana <a>", ID: "u"}, "watches": map[string]any{"watchCount": json.Number("12345678901234567890"), "isWatching": false, "self": "x"}, "votes": nil,
	} {
		if got, ok := v.Fields[id]; !ok || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s: %#v (%v), want %#v", id, got, ok, want)
		}
	}
	if _, ok := v.Fields["nobody-knows"]; ok || v.Status != "In Progress" {
		t.Errorf("%+v", v)
	}
	if p, _, ok := is.Neutral(jira.Field{ID: "assignee", Kind: bridge.User}); !ok || p != `{"id":"u","name":"Ana <a>"}` {
		t.Errorf("a person is %s", p)
	}
}

func BenchmarkView(b *testing.B) {
	s, is := viewer(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.View(b.Context(), is); err != nil {
			b.Fatal(err)
		}
	}
}
