package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Atlassian's own test vector.
func TestSignatureVector(t *testing.T) {
	got := sign("It's a Secret to Everybody", []byte("Hello World!"))
	if got != "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9" {
		t.Error(got)
	}
}

func TestWebhookRegistration(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		path := "/rest/webhooks/1.0/webhook"
		if r.Flavour() == DataCenter {
			path = "/rest/jira-webhook/1.0/webhooks"
		} else {
			r.as("admin", "GET", "/rest/jira-webhook/1.0/webhooks", nil).want(404)
		}
		hook := obj{"name": "n", "url": "http://127.0.0.1:1/x", "events": []string{"jira:issue_created"}, "secret": "s", "filters": obj{filterSection: "project = ABC"}}
		r.do("POST", path, hook).want(403)
		out := r.as("admin", "POST", path, hook).want(201).is("isSigned", true)
		if strings.Contains(out.Body, `"secret"`) {
			t.Error("the secret is given back")
		}
		id := r.st.Webhooks[0].ID
		delete(hook, "secret")
		hook["name"] = "m"
		r.as("admin", "PUT", fmt.Sprintf("%s/%d", path, id), hook).want(200).is("isSigned", true).is("name", "m")
		r.as("admin", "GET", path, nil).is("0.name", "m")
		hook["filters"] = obj{filterSection: "colour = red"}
		r.as("admin", "POST", path, hook).want(400)
		r.as("admin", "DELETE", fmt.Sprintf("%s/%d", path, id), nil).want(204)
		r.as("admin", "GET", fmt.Sprintf("%s/%d", path, id), nil).want(404)
	})
}

func TestWebhookHeadersAndFilter(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inboxFor("labels = sync", "jira:issue_created", "jira:issue_updated")
		key := r.make("not matching")
		r.make("matching", obj{"labels": []string{"sync"}})
		r.edit(key, obj{"labels": []string{"sync"}}).want(204) // enters: sent
		r.edit(key, obj{"labels": nil}).want(204)              // leaves: not sent
		if names := in.names(r); len(names) != 2 {
			t.Fatalf("events %v", names)
		}
		h := in.heads[0]
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte(in.raw[0]))
		if h.Get("X-Hub-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q", h.Get("X-Hub-Signature"))
		}
		if cloud := r.Flavour() == Cloud; cloud != (h.Get("X-Atlassian-Webhook-Identifier") != "") || cloud != (h.Get("X-Atlassian-Webhook-Flow") == "Primary") {
			t.Errorf("headers %v", h)
		}
	})
}

func TestCreationEvent(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("jira:issue_created")
		r.make("x", obj{"labels": []string{"a"}})
		e := in.got(r)[0]
		if dig(e, "issue.fields.summary") != "x" || dig(e, "user.displayName") != "Alice Archer" || dig(e, "issue_event_type_name") != "issue_created" {
			t.Errorf("event %v", e)
		}
		if r.Flavour() == DataCenter {
			if e["changelog"] != nil || dig(e, "issue.fields.comment") == nil || dig(e, "user.name") != "alice" {
				t.Errorf("Data Center event %v", e)
			}
			return
		}
		if dig(e, "changelog.id") != dig(e, "issue.id") || dig(e, "issue.fields.comment") != nil || dig(e, "user.name") != nil {
			t.Errorf("Cloud event %v", e)
		}
		var fields []string
		for _, it := range dig(e, "changelog.items").([]any) {
			fields = append(fields, fmt.Sprint(dig(it, "field")))
			if dig(it, "from") != nil && dig(it, "from") != "" {
				t.Errorf("item %v", it)
			}
		}
		if !slices.Contains(fields, "Status") || !slices.Contains(fields, "labels") {
			t.Errorf("items %v", fields)
		}
	})
}

func TestCommentEvents(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		in := r.inbox("jira:issue_updated", "comment_created", "comment_updated", "comment_deleted")
		path := "/issue/" + key + "/comment"
		id := r.do("POST", path, obj{"body": "a"}).at("id").(string)
		r.do("PUT", path+"/"+id, obj{"body": "b"}).want(200)
		r.do("PUT", path+"/"+id, obj{"body": "b"}).want(200) // nothing changes
		r.do("DELETE", path+"/"+id, nil).want(204)
		events := in.got(r)
		if r.Flavour() == Cloud {
			if len(events) != 3 {
				t.Fatalf("%d events", len(events))
			}
			for _, e := range events {
				fields := dig(e, "issue.fields").(obj)
				if len(fields) != 6 || e["user"] != nil || e["eventType"] != "primaryAction" || dig(e, "comment.jsdPublic") != true {
					t.Errorf("event %v", e)
				}
			}
			return
		}
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprint(e["webhookEvent"], "/", e["issue_event_type_name"], "/", e["issue"] != nil, e["comment"] != nil, e["user"] != nil))
		}
		want := []string{"comment_created/<nil>/false true false", "jira:issue_updated/issue_commented/true true true",
			"comment_updated/<nil>/false true true", "jira:issue_updated/issue_comment_edited/true true true",
			"comment_deleted/<nil>/false true true", "jira:issue_updated/issue_comment_deleted/true false true"}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestWorklogAttachmentAndDeletionEvents(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x")
	in := r.inbox("worklog_created", "attachment_created", "jira:issue_deleted", "comment_deleted", "attachment_deleted")
	r.do("POST", "/issue/"+key+"/worklog", obj{"timeSpent": "1h"}).want(201)
	r.upload("alice", key, "a", "b", "no-check").want(200)
	r.do("POST", "/issue/"+key+"/comment", obj{"body": "c"}).want(201)
	in.got(r)
	r.do("DELETE", "/issue/"+key, nil).want(204)
	for i, e := range in.got(r) {
		flow := in.heads[i].Get("X-Atlassian-Webhook-Flow")
		switch e["webhookEvent"] {
		case "worklog_created":
			if e["issue"] != nil || dig(e, "worklog.issueId") == nil {
				t.Errorf("worklog %v", e)
			}
		case "comment_deleted", "attachment_deleted":
			if flow != "Secondary" {
				t.Errorf("%v on flow %s", e["webhookEvent"], flow)
			}
		case "jira:issue_deleted":
			if e["changelog"] != nil || dig(e, "issue.fields.summary") != "x" || flow != "Primary" {
				t.Errorf("deletion %v", e)
			}
		}
	}
	if n := len(in.got(r)); n != 5 {
		t.Errorf("%d events", n)
	}
}

func TestRetries(t *testing.T) {
	for flavour, want := range map[string]int{Cloud: 6, DataCenter: 1} {
		r := newRig(t, flavour, func(st *Settings) { st.RetryMin, st.RetryMax = time.Millisecond, 2*time.Millisecond })
		in := r.inbox("jira:issue_created")
		in.answer = func(int) int { return 503 }
		r.make("x")
		if n := len(in.got(r)); n != want {
			t.Errorf("%s: %d attempts, want %d", flavour, n, want)
		}
		if flavour == DataCenter {
			continue
		}
		for i, h := range in.heads {
			retry := ""
			if i > 0 {
				retry = fmt.Sprint(i)
			}
			if h.Get("X-Atlassian-Webhook-Retry") != retry || h.Get("X-Atlassian-Webhook-Identifier") != in.heads[0].Get("X-Atlassian-Webhook-Identifier") {
				t.Errorf("attempt %d: %v", i, h)
			}
		}
	}
}

func TestFinalStatusesAreNotRetried(t *testing.T) {
	r := newRig(t, Cloud)
	in := r.inbox("jira:issue_created")
	in.answer = func(int) int { return 400 }
	r.make("x")
	if n := len(in.got(r)); n != 1 {
		t.Errorf("%d attempts", n)
	}
	d := r.Deliveries()
	if len(d) != 1 || d[0].Status != 400 || r.PendingWebhooks() != 0 {
		t.Errorf("deliveries %v", d)
	}
}

func TestHopelessEndpointsGetOneAttempt(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	r := newRigAt(t, Cloud, c)
	in := r.inbox("jira:issue_created")
	in.answer = func(int) int { return 500 }
	r.make("x")
	before := len(in.got(r))
	c.add(31 * time.Minute)
	r.make("y")
	if n := len(in.got(r)) - before; n != 1 {
		t.Errorf("%d attempts after half an hour of failure", n)
	}
}

func TestWebhookFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault WebhookFaults
		check func(t *testing.T, in *inbox, r *rig)
	}{
		{"drop", WebhookFaults{Drop: 1}, func(t *testing.T, in *inbox, r *rig) {
			if n := len(in.got(r)); n != 0 {
				t.Errorf("%d came", n)
			}
		}},
		{"duplicate", WebhookFaults{Duplicate: 1}, func(t *testing.T, in *inbox, r *rig) {
			in.got(r)
			if len(in.heads) != 20 || in.heads[0].Get("X-Atlassian-Webhook-Identifier") == "" {
				t.Errorf("%d came", len(in.heads))
			}
		}},
		{"corrupt", WebhookFaults{Corrupt: 1}, func(t *testing.T, in *inbox, r *rig) {
			in.got(r)
			if in.heads[0].Get("X-Hub-Signature") == sign("s3cret", []byte(in.raw[0])) {
				t.Error("the signature still fits")
			}
		}},
		{"delay", WebhookFaults{Delay: 1, DelayBy: time.Hour}, func(t *testing.T, in *inbox, r *rig) {
			if len(in.events) != 0 || len(in.got(r)) != 10 {
				t.Errorf("should come when flushed")
			}
		}},
		{"reorder", WebhookFaults{Reorder: 0.5}, func(t *testing.T, in *inbox, r *rig) {
			time.Sleep(2 * reorderWithin)
			var got []string
			for _, e := range in.got(r) {
				got = append(got, fmt.Sprint(dig(e, "issue.fields.summary")))
			}
			if slices.IsSorted(got) {
				t.Errorf("in order: %v", got)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Cloud, func(st *Settings) { st.Webhooks = c.fault })
			in := r.inbox("jira:issue_created")
			for i := range 10 {
				r.make(fmt.Sprint(i))
			}
			c.check(t, in, r)
		})
	}
}

func TestExcludeBodyAndURLVariables(t *testing.T) {
	r := newRig(t, Cloud)
	in := r.inbox()
	r.as("admin", "POST", "/rest/webhooks/1.0/webhook", obj{"name": "n", "url": in.srv.URL + "/{issue.key}/${issue.id}?p={project.key}", "events": []string{"jira:issue_created"}, "excludeBody": true}).want(201)
	r.make("x")
	in.got(r)
	d := r.Deliveries()
	want := fmt.Sprintf("%s/ABC-1/%d?p=ABC", in.srv.URL, r.find("ABC-1").ID)
	if len(d) != 1 || d[0].URL != want || d[0].Size != 0 {
		t.Errorf("deliveries %v", d)
	}
}

func TestUntrustedChangelogIDs(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.UntrustedIDs = true })
	in := r.inbox("jira:issue_updated")
	key := r.make("x")
	r.edit(key, obj{"summary": "y"}).want(204)
	if e := in.got(r)[0]; dig(e, "changelog.id") == dig(r.histories(key)[0], "id") {
		t.Error("the id is that of the history")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Cloud's own delays, in fake time.
func TestRetryDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			return &http.Response{StatusCode: 429, Body: http.NoBody}, nil
		})}
		s := New(Options{Flavour: Cloud, WebhookClient: client})
		s.SeedDemo("ABC")
		s.mu.Lock()
		s.st.Webhooks = []*Webhook{{ID: 1, URL: "https://hub.example/", Events: []string{"jira:issue_created"}}}
		s.create(s.st.Projects[0], &draft{values: map[string]Value{"summary": {"x"}, "issuetype": {s.st.Types[0].ID}}}, s.st.Users[0], nil)
		s.mu.Unlock()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if len(at) != 1+maxRetries {
			t.Errorf("%d attempts", len(at))
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 5*time.Minute || gap > 15*time.Minute {
				t.Errorf("gap %v", gap)
			}
		}
		s.Close()
	})
}

func TestWhatWebhooksMayLeaveOut(t *testing.T) {
	r := newRig(t, Cloud)
	in := r.inbox("comment_created", "attachment_created")
	key := r.make("x")
	secret := obj{"body": "c", "visibility": obj{"type": "role", "value": "Developers"}}
	r.do("POST", "/issue/"+key+"/comment", secret).want(201)
	r.upload("alice", key, "a", "b", "no-check").want(200)
	first := in.got(r)
	r.Configure(func(st *Settings) { st.HideVisibility, st.BareAttachments = true, true })
	r.do("POST", "/issue/"+key+"/comment", secret).want(201)
	r.upload("alice", key, "a", "b", "no-check").want(200)
	for i, e := range in.got(r) {
		bare := i >= len(first)
		switch e["webhookEvent"] {
		case "comment_created":
			if (dig(e, "comment.visibility") == nil) != bare {
				t.Errorf("comment %v", e["comment"])
			}
		case "attachment_created":
			if (e["issue"] == nil) != bare {
				t.Errorf("attachment %v", e)
			}
		}
		if dig(e, "comment.author.emailAddress") != nil {
			t.Error("an address in a Cloud webhook")
		}
	}
}

// The same seed makes the same choices.
func TestSeedDecides(t *testing.T) {
	run := func(seed int64) string {
		s := New(Options{Seed: seed, Hostile: true})
		var b strings.Builder
		for range 50 {
			fmt.Fprint(&b, s.rng.happens(0.5), s.rng.below(100), " ")
		}
		return b.String()
	}
	if run(7) != run(7) || run(7) == run(8) {
		t.Error("the seed does not decide")
	}
}
