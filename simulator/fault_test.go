package simulator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFaultAnswers(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x")
	id := r.Inject(Fault{Route: "GET /issue/{key}", Status: 503, Count: 1, Skip: 1})
	r.do("GET", "/issue/"+key, nil).want(200)
	r.do("GET", "/issue/"+key, nil).want(503)
	r.do("GET", "/issue/"+key, nil).want(200)
	r.ClearFaults(id)

	r.Inject(Fault{Route: "*", Status: 429, RetryAfter: 3, Count: 1})
	if h := r.do("GET", "/myself", nil).want(429).Header.Get("Retry-After"); h != "3" {
		t.Errorf("Retry-After %q", h)
	}
	r.Inject(Fault{Route: "PUT *", Status: 502, HTML: true})
	out := r.edit(key, obj{"summary": "y"}).want(502).says("<html>")
	if !strings.HasPrefix(out.Header.Get("Content-Type"), "text/html") {
		t.Errorf("content type %q", out.Header.Get("Content-Type"))
	}
	r.do("GET", "/issue/"+key, nil).want(200)
	r.ClearFaults()
	if len(r.Faults()) != 0 {
		t.Error("faults left")
	}
}

func TestLostAnswer(t *testing.T) {
	r := newRig(t, DataCenter)
	r.Inject(Fault{Route: "POST /issue", LoseAnswer: true, Count: 1})
	req, _ := http.NewRequest("POST", r.srv.URL+"/rest/api/2/issue", strings.NewReader(`{"fields":{"project":{"key":"ABC"},"issuetype":{"name":"Task"},"summary":"x"}}`))
	req.Header.Set("Content-Type", "application/json")
	r.sign(req, "alice")
	if _, err := (&http.Client{Transport: &http.Transport{}}).Do(req); err == nil {
		t.Fatal("there was an answer")
	}
	r.do("GET", "/issue/ABC-1", nil).want(200).is("fields.summary", "x")
}

func TestHang(t *testing.T) {
	r := newRig(t, Cloud)
	r.Inject(Fault{Route: "GET /myself", Hang: true, Count: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.srv.URL+"/rest/api/2/myself", nil)
	r.sign(req, "alice")
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestCallsAreCountedByRoute(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x")
	r.ResetCalls()
	r.edit(key, obj{"summary": "y"})
	r.edit(key, obj{"summary": "z"})
	r.do("GET", "/rest/api/3/issue/"+key, nil)
	calls := r.Calls()
	if calls["PUT /issue/{key}"] != 2 || calls["GET /issue/{key}"] != 1 || len(calls) != 2 {
		t.Errorf("calls %v", calls)
	}
	if log := r.Requests(); len(log) != 3 || log[2].Path != "/rest/api/3/issue/"+key || log[0].Status != 204 {
		t.Errorf("requests %v", log)
	}
}

func TestPerIssueWriteLimit(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	r := newRigAt(t, Cloud, c, func(st *Settings) { st.RateLimits = true })
	key := r.make("x")
	for range 20 {
		r.edit(key, obj{"summary": "y"}).want(204)
	}
	out := r.edit(key, obj{"summary": "z"}).want(429)
	if out.Header.Get("RateLimit-Reason") != "jira-per-issue-on-write" || out.Header.Get("Retry-After") != "2" {
		t.Errorf("headers %v", out.Header)
	}
	r.do("GET", "/issue/"+key, nil).want(200)
	r.do("PUT", "/issue/"+r.make("other"), obj{"fields": obj{"summary": "y"}}).want(204)
	c.add(2 * time.Second)
	r.edit(key, obj{"summary": "z"}).want(204)
}

func TestBurstLimit(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	r := newRigAt(t, Cloud, c, func(st *Settings) { st.RateLimits, st.BurstPerSecond = true, 5 })
	for range 5 {
		r.do("GET", "/myself", nil).want(200)
	}
	out := r.do("GET", "/myself", nil).want(429)
	for _, h := range []string{"Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-NearLimit", "RateLimit-Reason"} {
		if out.Header.Get(h) == "" {
			t.Errorf("no %s", h)
		}
	}
	r.do("GET", "/field", nil).want(200) // another endpoint
	c.add(time.Second)
	r.do("GET", "/myself", nil).want(200)
}

func TestAutomation(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		id := r.AddRule(Rule{When: "updated", By: "alice", JQL: "labels = urgent", Actor: "bob", Set: "priority", Words: []string{"High"}, Comment: "raised"})
		key := r.make("x")
		r.edit(key, obj{"summary": "y"}).want(204)
		r.do("GET", "/issue/"+key, nil).is("fields.priority.name", "Medium")
		r.edit(key, obj{"labels": []string{"urgent"}}).want(204)
		out := r.do("GET", "/issue/"+key, nil).is("fields.priority.name", "High").is("fields.comment.comments.0.body", "raised")
		if got := out.at("fields.comment.comments.0.author.displayName"); got != "Bob Builder" {
			t.Errorf("author %v", got)
		}
		if n := len(r.histories(key)); n != 3 {
			t.Errorf("%d histories, want the edits and the rule's", n)
		}
		r.RemoveRule(id)
		r.AddRule(Rule{When: "commented", Actor: "bob", Status: "In Progress"})
		r.AddRule(Rule{When: "created", Actor: "bob", Set: "labels", Words: []string{"{more}", "triage"}, Delay: time.Millisecond})
		r.do("POST", "/issue/"+key+"/comment", obj{"body": "go"}).want(201)
		r.do("GET", "/issue/"+key, nil).is("fields.status.name", "In Progress")
		other := r.make("z", obj{"labels": []string{"a"}})
		for range 100 {
			if r.do("GET", "/issue/"+other, nil).at("fields.labels.1") == "triage" {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Error("the delayed rule did nothing")
	})
}

// Many clients at once, everything hostile: nothing is lost and nothing races.
func TestConcurrentClients(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		r.Configure(Hostility)
		in := r.inbox("jira:issue_created", "jira:issue_updated", "comment_created")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					key := r.make("x")
					r.edit(key, obj{"summary": "y"})
					r.do("POST", "/issue/"+key+"/comment", obj{"body": "c"})
					r.search("project=ABC", "summary")
				}
			})
		}
		wg.Wait()
		r.Reindex()
		seen := map[string]bool{}
		for _, e := range in.got(r) {
			if e["webhookEvent"] == "jira:issue_created" {
				seen[dig(e, "issue.key").(string)] = true
			}
		}
		if len(seen) != 40 {
			t.Errorf("%d creations announced", len(seen))
		}
	})
}
