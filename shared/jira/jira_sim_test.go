package jira_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/simulator"
)

// rig is a client of a simulated Jira, and a receiver of its webhooks.
type rig struct {
	*jira.Client
	t      *testing.T
	sim    *simulator.Site
	demo   simulator.Demo
	schema *jira.Schema

	mu     sync.Mutex
	events []jira.Event
	calls  []string
}

const webhookSecret = "It's a Secret to Everybody"

func newRig(t *testing.T, fl bridge.Flavour, configure func(*simulator.Settings)) *rig {
	t.Helper()
	sim := simulator.New(simulator.Options{Flavour: string(fl), Seed: 1, ContextPath: "/jira", Configure: configure})
	srv := httptest.NewServer(sim.Handler())
	sim.SetBaseURL(srv.URL)
	t.Cleanup(func() { srv.Close(); sim.Close() })
	r := &rig{t: t, sim: sim, demo: sim.SeedDemo("P")}
	auth := jira.Auth{Kind: "basic", User: r.demo.User, Secret: func() (string, error) { return r.demo.Token, nil }}
	if fl == bridge.DataCenter {
		auth = jira.Auth{Kind: "pat", Secret: auth.Secret}
	}
	var err error
	r.Client, err = jira.New(jira.Options{APIURL: srv.URL + "/jira", Flavour: fl, Auth: auth, Workers: 4, OnCall: r.called})
	r.must(err)
	r.schema, err = r.Fields(t.Context())
	r.must(err)
	return r
}

func (r *rig) called(method, route string, status int, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("%s %s %d", method, route, status))
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) check(ok bool, format string, args ...any) {
	r.t.Helper()
	if !ok {
		r.t.Errorf(format, args...)
	}
}

// field is the one field of a name.
func (r *rig) field(name string) jira.Field {
	r.t.Helper()
	list := r.schema.ByName(name)
	if len(list) != 1 {
		r.t.Fatalf("%d fields named %q", len(list), name)
	}
	return list[0]
}

// wire writes named values as "fields".
func (r *rig) wire(values map[string]any) map[string]any {
	r.t.Helper()
	fields := map[string]any{}
	for name, v := range values {
		f := r.field(name)
		w, err := f.Wire(bridge.ValueOf(v), r.Flavour())
		r.must(err)
		fields[f.ID] = w
	}
	return fields
}

func (r *rig) create(more map[string]any) jira.Ref {
	r.t.Helper()
	values := map[string]any{"Project": "P", "Issue Type": "Task", "Summary": "a summary"}
	for k, v := range more {
		values[k] = v
	}
	ref, err := r.Create(r.t.Context(), jira.CreateRequest{Fields: r.wire(values)})
	r.must(err)
	return ref
}

// onBoth runs a test against both flavours.
func onBoth(t *testing.T, f func(t *testing.T, r *rig)) {
	for _, fl := range []bridge.Flavour{bridge.Cloud, bridge.DataCenter} {
		t.Run(string(fl), func(t *testing.T) { f(t, newRig(t, fl, nil)) })
	}
}

func TestSimSite(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		me, err := r.Whoami(t.Context())
		r.must(err)
		r.check(me.ID() != "" && me.Is(me), "nobody: %+v", me)
		info, err := r.ServerInfo(t.Context())
		r.must(err)
		r.check(info.Version != "" && !info.ServerTime.IsZero() && strings.EqualFold(info.DeploymentType, map[bridge.Flavour]string{bridge.Cloud: "Cloud", bridge.DataCenter: "Server"}[r.Flavour()]), "%+v", info)
		r.check(r.ClockOffset().Abs() < 2*time.Second, "offset %v", r.ClockOffset())
		names, err := r.Names(t.Context())
		r.must(err)
		r.check(len(names.Statuses) >= 4 && len(names.Priorities) == 5 && len(names.Resolutions) > 0 && len(names.IssueTypes) > 0 && len(names.LinkTypes) > 0, "%+v", names)
		r.check(slices.ContainsFunc(names.Projects, func(p jira.Project) bool { return p.Key == "PSD" && p.TypeKey == "service_desk" }), "projects %+v", names.Projects)
		have, err := r.MyPermissions(t.Context(), "P", "EDIT_ISSUES", "ADD_COMMENTS")
		r.must(err)
		r.check(have["EDIT_ISSUES"] && have["ADD_COMMENTS"], "permissions %v", have)
		state, ok, err := r.IndexLag(t.Context())
		r.must(err)
		r.check(ok == (r.Flavour() == bridge.DataCenter), "index %+v %v", state, ok)
		limit, on, err := r.UploadLimit(t.Context())
		r.must(err)
		r.check(on && limit > 0, "limit %d %v", limit, on)
		r.must(r.Refresh(t.Context()))
	})
}

func TestSimPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		alice, ok, err := r.UserByEmail(t.Context(), "alice@example.com")
		r.must(err)
		r.check(ok && alice.DisplayName == "Alice Archer", "%+v", alice)
		again, err := r.User(t.Context(), alice.ID())
		r.must(err)
		r.check(again.Is(alice), "%+v", again)
		list, err := r.FindUser(t.Context(), "alice")
		r.must(err)
		r.check(len(list) == 1, "%+v", list)
		yes, err := r.Assignable(t.Context(), "P", alice.ID())
		r.must(err)
		no, err := r.Assignable(t.Context(), "P", "nobody-at-all")
		r.must(err)
		r.check(yes && !no, "assignable %v %v", yes, no)
	})
}

// TestSimFields writes a value of every kind and reads it back neutral.
func TestSimFields(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		alice, _, err := r.UserByEmail(t.Context(), "alice@example.com")
		r.must(err)
		values := map[string]any{
			"Summary": "täxt", "Description": "h1. x\n* y", "Priority": "High", "Labels": []string{"a", "b"}, "Components": []string{"Backend"}, "Fix versions": []string{"1.1"},
			"Due date": "2026-12-24", "Customer": "ACME", "Release notes": "notes", "Story points": 3, "Target date": "2026-12-01", "Incident start": "2026-11-21T10:00:00.000Z",
			"Severity": "Major", "Platforms": []string{"Linux", "macOS"}, "Approver": alice.Person(), "Reviewers": []bridge.Person{alice.Person()}, "Topics": []string{"t1"},
		}
		ref := r.create(values)
		i, err := r.Issue(t.Context(), ref.ID, jira.IssueOptions{})
		r.must(err)
		r.check(i.Key == ref.Key && i.Project() == "P" && i.Type() == "Task" && i.Status() == "To Do" && i.Creator().ID() != "" && !i.Updated().IsZero() && !i.Created().IsZero(), "%+v", i)
		for name, want := range values {
			f := r.field(name)
			v, set, ok := i.Neutral(f)
			switch f.Kind {
			case bridge.User, bridge.Users:
				r.check(ok && strings.Contains(string(v), `"id":"`+alice.ID()+`"`), "%s: %s", name, v)
			case bridge.Number:
				r.check(ok && strings.TrimSuffix(string(v), ".0") == "3", "%s: %s", name, v)
			default:
				r.check(ok && v == bridge.ValueOf(want), "%s: %s, want %v", name, v, want)
			}
			r.check((set != nil) == f.Kind.Set(), "%s: set %v", name, set)
		}
		clear := map[string]any{}
		for name := range values {
			if name == "Summary" {
				continue
			}
			f := r.field(name)
			clear[f.ID], err = f.Wire(bridge.Cleared, r.Flavour())
			r.must(err)
		}
		_, err = r.Edit(t.Context(), ref.ID, jira.EditRequest{Fields: clear})
		r.must(err)
		i, err = r.Issue(t.Context(), ref.ID, jira.IssueOptions{})
		r.must(err)
		for name := range values {
			f := r.field(name)
			v, set, ok := i.Neutral(f)
			r.check(name == "Summary" || name == "Priority" || ok && (v == bridge.Cleared || f.Kind.Set() && len(set) == 0), "%s is not cleared: %s", name, v)
		}
		add, err := r.field("Labels").WireElement("new", r.Flavour())
		r.must(err)
		shown, err := r.Edit(t.Context(), ref.ID, jira.EditRequest{Update: map[string][]map[string]any{"labels": {{"add": add}}}, Silent: true})
		r.must(err)
		r.check((shown != nil) == (r.Flavour() == bridge.Cloud), "edit showed %v", shown)
	})
}

func TestSimHistoriesCarryWhatWeSay(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		meta := &jira.Metadata{Type: "drawbridge", ExtraData: map[string]string{"edit": "private:7"}}
		ref := r.create(nil)
		for n := range 3 {
			_, err := r.Edit(t.Context(), ref.ID, jira.EditRequest{Fields: map[string]any{"summary": fmt.Sprint("s", n)}, Metadata: meta, Properties: map[string]any{"db.test": n}})
			r.must(err)
		}
		var list []jira.History
		r.must(r.Histories(t.Context(), ref.ID, func(h jira.History) error { list = append(list, h); return nil }))
		i, err := r.Issue(t.Context(), ref.Key, jira.IssueOptions{Histories: true, Properties: []string{"*all"}, Fields: []string{"summary"}})
		r.must(err)
		r.check(len(list) >= 3 && len(i.Histories) == len(list) && i.AllHistories && string(i.Properties["db.test"]) == "2", "%d and %d histories, properties %s", len(list), len(i.Histories), i.Properties)
		last := i.Histories[len(i.Histories)-1]
		r.check(last.ID > 0 && last.Metadata != nil && last.Metadata.ExtraData["edit"] == "private:7" && last.Author.ID() != "" && r.schema.Resolve(last.Items[0]) == "summary" && last.Items[0].ToString == "s2", "%+v", last)
	})
}

func TestSimSearch(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		var refs []jira.Ref
		for range 7 {
			refs = append(refs, r.create(nil))
		}
		_, err := r.AddComment(t.Context(), refs[0].ID, jira.CommentRequest{Body: "c"})
		r.must(err)
		var got []string
		o := jira.SearchOptions{Page: 3, Histories: true, Comments: true}
		r.must(r.Search(t.Context(), "project = P ORDER BY key ASC", o, func(i *jira.Issue) error {
			got = append(got, i.ID)
			r.check(i.AllHistories && i.AllComments && i.Knows("summary"), "%s: %v %v", i.Key, i.AllHistories, i.AllComments)
			return nil
		}))
		r.check(len(got) == 7 && got[0] == refs[0].ID, "found %v", got)
		n, err := r.Count(t.Context(), "project = P")
		r.must(err)
		r.check(n == 7, "counted %d", n)
		matched, err := r.Match(t.Context(), []string{"project = P ORDER BY key", "project = PSD"}, refs[0].ID)
		r.must(err)
		r.check(matched[0] && !matched[1], "matched %v", matched)
		_, err = r.Match(t.Context(), []string{"nonsense = 1"}, refs[0].ID)
		r.check(bridge.NameOf(err) == "jql-refused", "%v", err)
		r.must(r.DeleteIssue(t.Context(), refs[0].ID))
		matched, err = r.Match(t.Context(), []string{"project = P"}, refs[0].ID)
		r.check(err == nil && !matched[0], "a deleted issue: %v, %v", matched, err)
		_, err = r.Issue(t.Context(), refs[0].ID, jira.IssueOptions{})
		r.check(bridge.NameOf(err) == "not-found" && jira.StatusOf(err) == 404, "%v", err)
	})
}

func TestSimTransitions(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		ref := r.create(nil)
		list, err := r.Transitions(t.Context(), ref.ID)
		r.must(err)
		at := slices.IndexFunc(list, func(x jira.Transition) bool { return x.To.Name == "Done" })
		if at < 0 || !list[at].Fields["resolution"].Required || list[at].To.Category != "done" || !list[at].Fields["resolution"].Allows("duplicate") {
			t.Fatalf("%+v", list)
		}
		err = r.Transition(t.Context(), ref.ID, jira.TransitionRequest{ID: list[at].ID})
		r.check(bridge.NameOf(err) == "field-refused" && jira.FieldErrors(err)["resolution"] != "", "a missing screen field: %v", err)
		r.must(r.Transition(t.Context(), ref.ID, jira.TransitionRequest{ID: list[at].ID, Fields: r.wire(map[string]any{"Resolution": "Done"})}))
		i, err := r.Issue(t.Context(), ref.ID, jira.IssueOptions{})
		r.must(err)
		r.check(i.Status() == "Done", "status %s", i.Status())
		meta, err := r.EditMeta(t.Context(), ref.ID)
		r.must(err)
		r.check(meta["summary"].Name == "Summary" && meta["summary"].Required, "%+v", meta["summary"])
		create, err := r.CreateMeta(t.Context(), "P", "bug")
		r.must(err)
		r.check(create["summary"].Required && len(create[r.field("Severity").ID].Allowed) == 3, "%+v", create)
		_, err = r.CreateMeta(t.Context(), "P", "no such type")
		r.check(bridge.NameOf(err) == "not-found", "%v", err)
	})
}

func TestSimComments(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		ref := r.create(nil)
		open, err := r.AddComment(t.Context(), ref.ID, jira.CommentRequest{Body: "a\nb", Properties: map[string]any{"db.twin": map[string]string{"id": "7"}}})
		r.must(err)
		kept, err := r.AddComment(t.Context(), ref.ID, jira.CommentRequest{Body: "r", Visibility: &jira.Visibility{Type: "role", Value: "Developers"}})
		r.must(err)
		kept, err = r.EditComment(t.Context(), ref.ID, kept.ID, jira.CommentRequest{Body: "r2"})
		r.must(err)
		r.check(kept.Restricted() && kept.Visibility.Value == "Developers" && kept.Body == "r2", "%+v", kept)
		read, err := r.GetComment(t.Context(), ref.ID, open.ID)
		r.must(err)
		r.check(read.Open() && read.HasProperties && strings.Contains(string(read.Properties["db.twin"]), `"7"`) && read.Body == "a\nb", "%+v", read)
		raw, err := r.CommentProperty(t.Context(), open.ID, "db.twin")
		r.must(err)
		r.check(strings.Contains(string(raw), `"7"`), "%s", raw)
		r.must(r.SetCommentProperty(t.Context(), open.ID, "db.more", 5))
		list, err := r.ListComments(t.Context(), ref.ID)
		r.must(err)
		r.check(len(list) == 2 && list[0].ID == open.ID && list[0].Complete && list[1].Restricted(), "%+v", list)
		r.must(r.DeleteComment(t.Context(), ref.ID, open.ID))
		_, err = r.GetComment(t.Context(), ref.ID, open.ID)
		r.check(bridge.NameOf(err) == "not-found", "%v", err)
		_, err = r.AddComment(t.Context(), ref.ID, jira.CommentRequest{Body: strings.Repeat("x", 40000)})
		r.check(bridge.NameOf(err) == "text-too-long", "%v", err)
	})
}

func TestSimInternalComments(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		ref := r.create(map[string]any{"Project": "PSD", "Issue Type": "Task"})
		in, err := r.AddComment(t.Context(), ref.ID, jira.CommentRequest{Body: "inside", Internal: true})
		r.must(err)
		out, err := r.AddComment(t.Context(), ref.ID, jira.CommentRequest{Body: "outside"})
		r.must(err)
		for id, internal := range map[string]bool{in.ID: true, out.ID: false} {
			m, err := r.GetComment(t.Context(), ref.ID, id)
			r.must(err)
			r.check(m.Internal != nil && *m.Internal == internal && m.Open() != internal, "%+v", m)
		}
		in, err = r.EditComment(t.Context(), ref.ID, in.ID, jira.CommentRequest{Body: "inside 2"})
		r.must(err)
		m, err := r.GetComment(t.Context(), ref.ID, in.ID)
		r.must(err)
		r.check(m.Restricted() && m.Body == "inside 2", "an edit opened it: %+v", m)
	})
}

func TestSimAttachments(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		ref := r.create(nil)
		content := bytes.Repeat([]byte("0123456789"), 100_000)
		a, err := r.Upload(t.Context(), ref.ID, "naïve name.bin", int64(len(content)), bytes.NewReader(content))
		r.must(err)
		meta, err := r.Attachment(t.Context(), a.ID)
		r.must(err)
		r.check(meta.Name == "naïve name.bin" && meta.Size == int64(len(content)) && meta.Content != "", "%+v", meta)
		body, err := r.Download(t.Context(), meta)
		r.must(err)
		got, err := io.ReadAll(body)
		r.must(err)
		r.must(body.Close())
		r.check(bytes.Equal(got, content), "%d bytes came back", len(got))
		i, err := r.Issue(t.Context(), ref.ID, jira.IssueOptions{Fields: []string{"attachment"}})
		r.must(err)
		r.check(i.HasAttachments && len(i.Attachments) == 1 && i.Attachments[0].ID == a.ID, "%+v", i.Attachments)
		r.must(r.DeleteAttachment(t.Context(), a.ID))
		_, err = r.Download(t.Context(), meta)
		r.check(bridge.NameOf(err) == "not-found", "%v", err)
		_, err = r.Upload(t.Context(), ref.ID, "big", 11<<20, bytes.NewReader(make([]byte, 11<<20)))
		r.check(bridge.NameOf(err) == "too-large", "%v", err)
	})
}

func TestSimLinksWorklogsProperties(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		a, b := r.create(nil), r.create(nil)
		for range 2 {
			r.must(r.AddLink(t.Context(), jira.LinkRequest{Type: "Blocks", Source: a.ID, Destination: b.Key}))
		}
		links, err := r.Links(t.Context(), a.ID)
		r.must(err)
		r.check(len(links) == 1 && links[0].Outward && links[0].Other.ID == b.ID && links[0].Type.Outward == "blocks", "%+v", links)
		links, err = r.Links(t.Context(), b.ID)
		r.must(err)
		r.check(len(links) == 1 && !links[0].Outward, "%+v", links)
		r.must(r.DeleteLink(t.Context(), links[0].ID))

		l := jira.RemoteLink{GlobalID: "drawbridge=1", URL: "https://x.example/1", Title: "X-1", Relationship: "is synced with", Application: jira.Application{Type: "drawbridge", Name: "Drawbridge"}}
		r.must(r.SetRemoteLink(t.Context(), a.ID, l))
		l.Title = "X-1 again"
		r.must(r.SetRemoteLink(t.Context(), a.ID, l))
		remote, err := r.RemoteLinks(t.Context(), a.ID)
		r.must(err)
		r.check(len(remote) == 1 && remote[0].Title == "X-1 again" && remote[0].Application.Name == "Drawbridge", "%+v", remote)
		r.must(r.DeleteRemoteLink(t.Context(), a.ID, "drawbridge=1"))

		started := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		w, err := r.AddWorklog(t.Context(), a.ID, jira.WorklogRequest{Comment: "w", Started: started, Seconds: 3600})
		r.must(err)
		_, err = r.EditWorklog(t.Context(), a.ID, w.ID, jira.WorklogRequest{Comment: "w2", Started: started, Seconds: 7200})
		r.must(err)
		logs, err := r.ListWorklogs(t.Context(), a.ID)
		r.must(err)
		r.check(len(logs) == 1 && logs[0].Seconds == 7200 && logs[0].Comment == "w2" && logs[0].Started.Equal(started), "%+v", logs)
		r.must(r.DeleteWorklog(t.Context(), a.ID, w.ID))

		r.must(r.SetProperty(t.Context(), a.ID, "db.test", map[string]any{"x": []int{1}}))
		raw, err := r.Property(t.Context(), a.ID, "db.test")
		r.must(err)
		r.check(json.Valid(raw) && strings.Contains(string(raw), "[1]"), "%s", raw)
		r.must(r.DeleteProperty(t.Context(), a.ID, "db.test"))
		raw, err = r.Property(t.Context(), a.ID, "db.test")
		r.check(raw == nil && err == nil, "%s, %v", raw, err)
	})
}

// receive registers a webhook at a receiver of ours.
func (r *rig) receive() {
	r.t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		e, err := jira.DecodeEvent(body, req.Header)
		if err != nil {
			r.t.Errorf("%v\n%s", err, body)
		}
		if sum := req.Header.Get("X-Hub-Signature"); sum != "" && !jira.VerifySignature(webhookSecret, body, sum) {
			r.t.Errorf("signature %q", sum)
		}
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
	}))
	r.t.Cleanup(srv.Close)
	hook, err := r.RegisterWebhook(r.t.Context(), jira.WebhookRequest{Name: "test", URL: srv.URL + "/hook", Events: jira.WebhookEvents, JQL: "project = P", Secret: webhookSecret})
	r.must(err)
	list, err := r.ListWebhooks(r.t.Context())
	r.must(err)
	r.check(len(list) == 1 && list[0].ID == hook.ID && list[0].Enabled && list[0].JQL == "project = P", "%+v", list)
	r.t.Cleanup(func() { r.must(r.DeleteWebhook(context.Background(), hook.ID)) })
}

// await waits until an event of a kind about an issue came.
func (r *rig) await(kind jira.EventKind, issue string) jira.Event {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		at := slices.IndexFunc(r.events, func(e jira.Event) bool { return e.Kind == kind && (e.IssueID == issue || e.IssueID == "") })
		if at >= 0 {
			e := r.events[at]
			r.mu.Unlock()
			return e
		}
		r.mu.Unlock()
	}
	r.t.Fatalf("no %s event of issue %s", kind, issue)
	return jira.Event{}
}

func TestSimEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		r.receive()
		a, b := r.create(nil), r.create(nil)
		e := r.await(jira.IssueCreated, a.ID)
		r.check(e.IssueKey == a.Key && !e.Issue.Partial && !e.Trust && e.User.ID() != "" && !e.At.IsZero(), "%+v", e)
		_, err := r.Edit(t.Context(), a.ID, jira.EditRequest{Fields: map[string]any{"summary": "n"}, Metadata: &jira.Metadata{Type: "drawbridge", ExtraData: map[string]string{"k": "v"}}})
		r.must(err)
		e = r.await(jira.IssueUpdated, a.ID)
		i, err := r.Issue(t.Context(), a.ID, jira.IssueOptions{Histories: true})
		r.must(err)
		r.check(e.Trust && e.History.ID == i.Histories[len(i.Histories)-1].ID && r.schema.Resolve(e.History.Items[0]) == "summary", "%+v", e.History)
		r.check(e.History.Metadata != nil && e.History.Metadata.ExtraData["k"] == "v", "%+v", e.History.Metadata)

		m, err := r.AddComment(t.Context(), a.ID, jira.CommentRequest{Body: "c"})
		r.must(err)
		e = r.await(jira.CommentCreated, a.ID)
		r.check(e.Comment.ID == m.ID && e.Comment.Body == "c" && e.User.ID() != "" && !e.Comment.Open(), "%+v", e.Comment)
		_, err = r.EditComment(t.Context(), a.ID, m.ID, jira.CommentRequest{Body: "d", Open: true})
		r.must(err)
		r.await(jira.CommentUpdated, a.ID)
		r.must(r.DeleteComment(t.Context(), a.ID, m.ID))
		e = r.await(jira.CommentDeleted, a.ID)
		r.check(e.Comment.ID == m.ID, "%+v", e.Comment)

		_, err = r.AddWorklog(t.Context(), a.ID, jira.WorklogRequest{Comment: "w", Started: time.Now(), Seconds: 60})
		r.must(err)
		e = r.await(jira.WorklogCreated, a.ID)
		r.check(e.Worklog.Seconds == 60, "%+v", e.Worklog)
		up, err := r.Upload(t.Context(), a.ID, "f.txt", 1, strings.NewReader("x"))
		r.must(err)
		e = r.await(jira.AttachmentCreated, a.ID)
		r.check(e.Attachment.ID == up.ID, "%+v", e.Attachment)
		r.must(r.AddLink(t.Context(), jira.LinkRequest{Type: "Relates", Source: a.ID, Destination: b.ID}))
		e = r.await(jira.LinkCreated, a.ID)
		r.check(e.Link.Source == a.ID && e.Link.Destination == b.ID, "%+v", e.Link)
		r.must(r.DeleteIssue(t.Context(), b.ID))
		r.await(jira.IssueDeleted, b.ID)
	})
}

// TestSimHostile: what a correct client survives.
func TestSimHostile(t *testing.T) {
	for _, fl := range []bridge.Flavour{bridge.Cloud, bridge.DataCenter} {
		t.Run(string(fl), func(t *testing.T) {
			r := newRig(t, fl, func(s *simulator.Settings) {
				simulator.Hostility(s)
				s.SearchLag, s.ConflictRate = 0, 0.2
			})
			for range 8 {
				ref := r.create(nil)
				_, err := r.Edit(t.Context(), ref.ID, jira.EditRequest{Fields: map[string]any{"summary": "x"}})
				r.must(err)
			}
			n := 0
			r.must(r.Search(t.Context(), "project = P ORDER BY key", jira.SearchOptions{Page: 3}, func(*jira.Issue) error { n++; return nil }))
			r.check(n == 8, "found %d", n)
		})
	}
}

func TestSimLostAnswerIsUncertain(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		r.sim.Inject(simulator.Fault{Route: "POST /issue", Count: 1, LoseAnswer: true})
		_, err := r.Create(t.Context(), jira.CreateRequest{Fields: r.wire(map[string]any{"Project": "P", "Issue Type": "Task", "Summary": "lost"})})
		r.check(jira.Uncertain(err) && bridge.IsTemporary(err), "%v", err)
		n, err := r.Count(t.Context(), "project = P")
		r.must(err)
		r.check(n == 1, "%d issues", n)
	})
}

func TestSimExpiredCredential(t *testing.T) {
	onBoth(t, func(t *testing.T, r *rig) {
		r.create(nil)
		for _, empty := range []bool{false, true} {
			r.sim.Configure(func(s *simulator.Settings) { s.AnonymousEmpty = empty })
			auth := jira.Auth{Kind: "basic", User: r.demo.User, Secret: func() (string, error) { return "expired", nil }}
			c, err := jira.New(jira.Options{APIURL: r.sim.BaseURL(), Flavour: r.Flavour(), Auth: auth})
			r.must(err)
			err = c.Search(t.Context(), "project = P", jira.SearchOptions{}, func(*jira.Issue) error { return nil })
			r.check(bridge.NameOf(err) == "site-unauthenticated" && bridge.LevelOf(err) == bridge.LevelSite, "empty=%v: %v", empty, err)
		}
	})
}
