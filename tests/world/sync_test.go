package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/simulator"
)

// sides runs a test from both sites: here is where people work, there is where it has to show.
func sides(t *testing.T, o Options, f func(t *testing.T, w *World, here, there *Half)) {
	t.Helper()
	for _, role := range []bridge.Role{bridge.Public, bridge.Private} {
		t.Run("from "+string(role), func(t *testing.T) {
			w := New(t, o)
			if role == bridge.Public {
				f(t, w, w.Public, w.Private)
			} else {
				f(t, w, w.Private, w.Public)
			}
		})
	}
}

// pairUp makes an issue and its twin.
func pairUp(t *testing.T, w *World, here *Half, fields map[string]any) (key, twin string) {
	t.Helper()
	key = here.Create("one", fields)
	w.Settle()
	twin = here.Twin(key)
	if twin == "" {
		t.Fatal("no twin was made")
	}
	return key, twin
}

func names(list ...string) []map[string]string {
	out := []map[string]string{}
	for _, n := range list {
		out = append(out, map[string]string{"name": n})
	}
	return out
}

func (h *Half) names(key, field string) []string {
	var list []struct{ Name, Value string }
	_ = json.Unmarshal([]byte(h.Field(key, field)), &list)
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name+e.Value)
	}
	slices.Sort(out)
	return out
}

func TestFieldsGoBothWays(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		for _, c := range []struct {
			name string
			set  map[string]any
			got  func() string
			want string
		}{
			{"summary", map[string]any{"summary": "two"}, func() string { return there.Field(twin, "summary") }, `"two"`},
			{"description", map[string]any{"description": "h1. title\n\n* a\n* b"}, func() string { return there.Field(twin, "description") }, `"h1. title\n\n* a\n* b"`},
			{"description cleared", map[string]any{"description": nil}, func() string { return there.Field(twin, "description") }, `null`},
			{"priority", map[string]any{"priority": map[string]string{"name": "High"}}, func() string { return there.Name(twin, "priority") }, "High"},
			{"due date", map[string]any{"duedate": "2027-01-31"}, func() string { return there.Field(twin, "duedate") }, `"2027-01-31"`},
			{"due date cleared", map[string]any{"duedate": nil}, func() string { return there.Field(twin, "duedate") }, `null`},
			{"labels", map[string]any{"labels": []string{"b", "a"}}, func() string { return there.Field(twin, "labels") }, `["a","b"]`},
			{"labels less", map[string]any{"labels": []string{"b"}}, func() string { return there.Field(twin, "labels") }, `["b"]`},
			{"labels none", map[string]any{"labels": []string{}}, func() string { return there.Field(twin, "labels") }, `[]`},
			{"assignee", map[string]any{"assignee": here.user("admin")}, func() string { return fmt.Sprint(strings.Contains(there.Name(twin, "assignee"), "Ada Admin")) }, "true"},
		} {
			here.Edit(key, c.set)
			w.Settle()
			if got := c.got(); got != c.want {
				t.Errorf("%s: the twin shows %s, want %s", c.name, got, c.want)
			}
		}
	})
}

func (h *Half) user(name string) map[string]string {
	if h.Jira.Flavour() == simulator.DataCenter {
		return map[string]string{"name": name}
	}
	var users []struct{ AccountID string }
	h.OK("admin", "GET", "/rest/api/2/user/search?query="+name, nil, &users)
	if len(users) == 0 {
		h.T.Fatalf("no user %s", name)
	}
	return map[string]string{"accountId": users[0].AccountID}
}

func (h *Half) transition(user, key, to string, fields map[string]any) {
	h.T.Helper()
	var out struct {
		Transitions []struct {
			ID string
			To struct{ Name string }
		}
	}
	h.OK(user, "GET", "/rest/api/2/issue/"+key+"/transitions", nil, &out)
	for _, tr := range out.Transitions {
		if tr.To.Name == to {
			h.OK(user, "POST", "/rest/api/2/issue/"+key+"/transitions", map[string]any{"transition": map[string]string{"id": tr.ID}, "fields": fields}, nil)
			return
		}
	}
	h.T.Fatalf("%s: no transition to %s in %v", key, to, out)
}

func TestStatusAndResolutionFollow(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.transition("alice", key, "In Progress", nil)
		w.Settle()
		if got := there.Name(twin, "status"); got != "In Progress" {
			t.Errorf("status of the twin: %s", got)
		}
		there.transition("alice", twin, "Done", map[string]any{"resolution": map[string]string{"name": "Won't Do"}})
		w.Settle()
		if got := here.Name(key, "status"); got != "Done" {
			t.Errorf("status: %s", got)
		}
		if got := here.Name(key, "resolution"); got != "Won't Do" {
			t.Errorf("resolution: %s", got)
		}
	})
}

type comment struct {
	ID     string
	Body   string
	Author struct{ DisplayName string }
}

func (h *Half) comments(key string) []comment {
	var out struct{ Comments []comment }
	h.OK("admin", "GET", "/rest/api/2/issue/"+key+"/comment", nil, &out)
	return out.Comments
}

func TestCommentsAreCopiedEditedAndDeletedOnce(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		var c struct{ ID string }
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "hello"}, &c)
		w.Settle()
		got := there.comments(twin)
		if len(got) != 1 || !strings.Contains(got[0].Body, "hello") || !strings.Contains(got[0].Body, "Alice Archer") {
			t.Fatalf("comments of the twin: %+v", got)
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/comment/"+c.ID, map[string]any{"body": "hello again"}, nil)
		w.Settle()
		if got := there.comments(twin); len(got) != 1 || !strings.Contains(got[0].Body, "hello again") {
			t.Fatalf("comments of the twin after the edit: %+v", got)
		}
		there.OK("alice", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{"body": "answer"}, nil)
		w.Settle()
		if got := here.comments(key); len(got) != 2 {
			t.Fatalf("comments here: %+v", got)
		}
		here.OK("alice", "DELETE", "/rest/api/2/issue/"+key+"/comment/"+c.ID, nil, nil)
		w.Settle()
		if got := there.comments(twin); len(got) != 1 || !strings.Contains(got[0].Body, "answer") {
			t.Fatalf("comments of the twin after the deletion: %+v", got)
		}
	})
}

func TestRestrictedCommentsStayInside(t *testing.T) {
	sides(t, Options{Configure: func(_ bridge.Role, s *simulator.Settings) { s.HideVisibility = true }}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		var c struct{ ID string }
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "secret plan", "visibility": map[string]string{"type": "role", "value": "Developers"}}, &c)
		w.Settle()
		if got := there.comments(twin); len(got) != 0 {
			t.Fatalf("a restricted comment left: %+v", got)
		}
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "open"}, &c)
		w.Settle()
		if got := there.comments(twin); len(got) != 1 {
			t.Fatalf("comments of the twin: %+v", got)
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/comment/"+c.ID, map[string]any{"body": "open", "visibility": map[string]string{"type": "role", "value": "Developers"}}, nil)
		w.Settle()
		if got := there.comments(twin); len(got) != 0 {
			t.Fatalf("what became restricted was not withdrawn: %+v", got)
		}
	})
}

func (h *Half) attach(key, name, content string) string {
	h.T.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	p, err := m.CreateFormFile("file", name)
	h.must(err)
	_, err = io.WriteString(p, content)
	h.must(err)
	h.must(m.Close())
	req, err := http.NewRequest("POST", h.URL+"/rest/api/2/issue/"+key+"/attachments", &b)
	h.must(err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("X-Atlassian-Token", "no-check")
	h.as(req, "alice")
	resp, err := h.browser().Do(req)
	h.must(err)
	defer resp.Body.Close()
	var out []struct{ ID string }
	h.must(json.NewDecoder(resp.Body).Decode(&out))
	return out[0].ID
}

type attachment struct {
	ID, Filename, Content string
	Size                  int
}

func (h *Half) attachments(key string) []attachment {
	var out []attachment
	_ = json.Unmarshal([]byte(h.Field(key, "attachment")), &out)
	return out
}

func (h *Half) content(a attachment) string {
	h.T.Helper()
	req, err := http.NewRequest("GET", a.Content, nil)
	h.must(err)
	h.as(req, "alice")
	resp, err := h.browser().Do(req)
	h.must(err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	h.must(err)
	return string(raw)
}

func TestAttachmentsAreCopiedAndDeleted(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		id := here.attach(key, "näme \"x\".txt", "content of it")
		here.attach(key, "same.txt", "first")
		here.attach(key, "same.txt", "secnd")
		w.Settle()
		got := there.attachments(twin)
		if len(got) != 3 {
			t.Fatalf("attachments of the twin: %+v", got)
		}
		for _, a := range got {
			if strings.HasPrefix(a.Filename, "n") && (a.Filename != "näme \"x\".txt" || there.content(a) != "content of it") {
				t.Errorf("attachment of the twin: %+v with %q", a, there.content(a))
			}
		}
		here.OK("alice", "DELETE", "/rest/api/2/attachment/"+id, nil, nil)
		w.Settle()
		if got := there.attachments(twin); len(got) != 2 {
			t.Fatalf("attachments of the twin after the deletion: %+v", got)
		}
	})
}

// TestNoEditIsBuriedUnseen: what was overwritten before its site saw it is in the history, also where a later edit there
// has the last word.
func TestNoEditIsBuriedUnseen(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	w.Private.Edit(twin, map[string]any{"summary": "buried"})
	w.Public.Edit(key, map[string]any{"summary": "public says"})
	w.must(w.Public.Jira.Flush(t.Context()))
	w.Public.Drain()
	w.Cross(w.Public, w.Private) // the private half has not searched since
	w.Private.Edit(twin, map[string]any{"summary": "the last word"})
	w.Settle()
	w.Settle()
	if got := w.Public.Field(key, "summary"); got != `"the last word"` {
		t.Errorf("%s", got)
	}
	events, err := w.Private.Site.Book.History(t.Context(), Connection, w.Private.Pair(twin).Head.Local.ID, 0)
	w.must(err)
	n := 0
	for _, e := range events {
		if e.What == "conflict" && e.Old == `"buried"` && e.New == `"public says"` {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the history has the edit that was overwritten %d times: %v", n, events)
	}
}

func TestCrossingEditsConverge(t *testing.T) {
	for _, policy := range []bridge.Policy{bridge.Newest, bridge.PublicSite, bridge.PrivateSite} {
		t.Run(string(policy), func(t *testing.T) {
			w := New(t, Options{Policy: policy})
			key, twin := pairUp(t, w, w.Public, map[string]any{"labels": []string{"x"}})
			w.Public.Edit(key, map[string]any{"summary": "public says", "labels": []string{"x", "p"}})
			w.Private.Edit(twin, map[string]any{"summary": "private says", "labels": []string{"q"}})
			w.Settle()
			want := map[bridge.Policy]string{bridge.PublicSite: `"public says"`, bridge.PrivateSite: `"private says"`}[policy]
			if policy == bridge.Newest { // milliseconds apart, and Jira tells its time in whole seconds: either may win, on both sites
				want = w.Public.Field(key, "summary")
			}
			for _, got := range []string{w.Public.Field(key, "summary"), w.Private.Field(twin, "summary")} {
				if got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
			for _, got := range []string{w.Public.Field(key, "labels"), w.Private.Field(twin, "labels")} {
				if got != `["p","q"]` {
					t.Errorf("labels %s: added and removed elements do not conflict", got)
				}
			}
			events, err := w.Public.Site.Book.History(context.Background(), Connection, w.Public.Pair(key).Head.Local.ID, 0)
			w.must(err)
			if !strings.Contains(fmt.Sprint(events), "conflict") {
				t.Error("the conflict is not in the history")
			}
			w.Public.Edit(key, map[string]any{"summary": "peace"})
			w.Settle()
			if got := w.Private.Field(twin, "summary"); got != `"peace"` {
				t.Errorf("an edit in peace: %s", got)
			}
		})
	}
}

func TestDeletionKeepsTheTwin(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	w.Public.OK("admin", "DELETE", "/rest/api/2/issue/"+key, nil, nil)
	w.Settle()
	if got := w.Private.Field(twin, "summary"); got != `"one"` {
		t.Errorf("the twin: %s", got)
	}
	if got := w.Private.Pair(twin).Head.Status; got != "stopped" {
		t.Errorf("the pair is %s", got)
	}
}

func TestHistoriesWithoutMetadataFallBackToIntents(t *testing.T) {
	o := Options{Configure: func(_ bridge.Role, s *simulator.Settings) { s.ReturnMetadata, s.WebhookMetadata = false, false }}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		for i := range 5 {
			here.Edit(key, map[string]any{"summary": fmt.Sprint("from here ", i)})
			w.Settle()
			there.Edit(twin, map[string]any{"summary": fmt.Sprint("from there ", i)})
			w.Settle()
			if got := here.Field(key, "summary"); got != fmt.Sprintf(`"from there %d"`, i) {
				t.Errorf("round %d: %s", i, got)
			}
		}
		for h, issue := range map[*Half]string{here: key, there: twin} {
			if n := h.observed(issue, "summary"); n > 6 { // what it began with, and five edits by people
				t.Errorf("the %s side took %d edits for its people's, the writes of our own among them", h.Site.Role, n)
			}
		}
		if n := here.writes() + there.writes(); n != 10 {
			t.Errorf("%d edits were written for 10 made", n)
		}
	})
}

// observed counts the edits of a field that were taken for those of the site's own people.
func (h *Half) observed(key, field string) (n int) {
	events, err := h.Site.Book.History(context.Background(), Connection, h.Pair(key).Head.Local.ID, 0)
	h.must(err)
	for _, e := range events {
		if e.What == "observed" && e.Field == field {
			n++
		}
	}
	return n
}

// writes counts the edits that the sync account made.
func (h *Half) writes() (n int) {
	for _, r := range h.ours() {
		if strings.HasPrefix(r, "PUT ") {
			n++
		}
	}
	return n
}

// ours are the calls of the sync account since the last reset, the private watch's searches left away.
func (h *Half) ours() (out []string) {
	for _, r := range h.Jira.Requests() {
		if r.User == h.Demo.AccountID && !strings.HasSuffix(r.Route, "/search") && !strings.HasSuffix(r.Route, "/myself") {
			out = append(out, r.Route)
		}
	}
	return out
}

// TestCallsPerChange counts what a synced change costs: the physical limit of any synchronisation is Jira's own calls.
func TestCallsPerChange(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.transition("alice", key, "In Progress", nil)
		w.Settle()
		here.transition("alice", key, "To Do", nil)
		w.Settle() // the workflow is known now
		proof := 0
		if here == w.Public {
			proof = 1 // a Cloud event does not prove that everybody may see a comment
		}
		for _, c := range []struct {
			name         string
			do           func()
			sent, writes int
		}{
			{"edit of one field", func() { here.Edit(key, map[string]any{"summary": "x"}) }, 0, 1},
			{"edit of three fields", func() {
				here.Edit(key, map[string]any{"summary": "y", "labels": []string{"l"}, "duedate": "2027-01-01"})
			}, 0, 1},
			{"comment", func() {
				here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "b"}, nil)
			}, proof, 1},
			{"transition", func() { here.transition("alice", key, "In Progress", nil) }, 0, 1},
			{"edit there, then here", func() {
				there.Edit(twin, map[string]any{"summary": "z"})
				w.Settle()
				here.Jira.ResetCalls()
				there.Jira.ResetCalls()
				here.Edit(key, map[string]any{"summary": "zz"})
			}, 0, 1},
		} {
			here.Jira.ResetCalls()
			there.Jira.ResetCalls()
			c.do()
			w.Settle()
			if got := here.ours(); len(got) != c.sent {
				t.Errorf("%s: %d calls on the sending side, want %d: %v", c.name, len(got), c.sent, got)
			}
			if got := there.ours(); len(got) != c.writes {
				t.Errorf("%s: %d calls on the receiving side, want %d: %v", c.name, len(got), c.writes, got)
			}
		}
		here.Jira.ResetCalls()
		there.Jira.ResetCalls()
		here.Create("counted", nil)
		w.Settle()
		if got := there.ours(); len(got) != 2 {
			t.Errorf("creation: %d calls on the receiving side, want the creation and its remote link: %v", len(got), got)
		}
	})
}
