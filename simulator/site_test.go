package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSaveAndLoadContinue(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x", obj{"labels": []string{"a"}})
		r.do("POST", "/issue/"+key+"/comment", obj{"body": "c", "properties": []obj{{"key": "k", "value": 1}}}).want(201)
		id := r.upload("alice", key, "a", "hello", "no-check").at("0.id").(string)
		r.edit(key, obj{"summary": "y"}).want(204)
		before := r.do("GET", "/issue/"+key+"?expand=changelog", nil).Body
		path := filepath.Join(t.TempDir(), "state.json")
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		next := New(Options{Flavour: r.Flavour(), Seed: 1})
		if err := next.Load(path); err != nil {
			t.Fatal(err)
		}
		if d := next.SeedDemo("ABC"); d.Token != r.demo.Token || len(next.st.Projects) != 2 {
			t.Errorf("seeding again changed something: %+v", d)
		}
		r.Site = next
		next.SetBaseURL(r.srv.URL)
		r.srv.Config.Handler = next.Handler()
		if after := r.do("GET", "/issue/"+key+"?expand=changelog", nil).want(200).Body; after != before {
			t.Errorf("before %s\nafter %s", before, after)
		}
		if got := r.do("GET", "/secure/attachment/"+id+"/a", nil); r.Flavour() == DataCenter && got.Body != "hello" {
			t.Errorf("content %q", got.Body)
		}
		if got := r.make("next"); got != "ABC-2" {
			t.Errorf("next key %s", got)
		}
		other := Cloud
		if r.Flavour() == Cloud {
			other = DataCenter
		}
		if err := New(Options{Flavour: other}).Load(path); err == nil {
			t.Error("loaded the other flavour's state")
		}
		if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestFlavoursShareNoIDs(t *testing.T) {
	ids := map[string]string{}
	for _, fl := range []string{Cloud, DataCenter} {
		s := New(Options{Flavour: fl})
		s.SeedDemo("ABC")
		for _, n := range s.st.Priorities {
			ids[fl+n.ID] = n.Name
		}
		for _, x := range s.st.Fields {
			if x.Custom {
				ids[fl+x.ID] = x.Name
			}
		}
	}
	for id, name := range ids {
		if rest, cloud := strings.CutPrefix(id, Cloud); cloud && ids[DataCenter+rest] == name {
			t.Errorf("%s has id %s on both", name, rest)
		}
	}
}

func TestManagement(t *testing.T) {
	r := newRig(t, Cloud)
	m := httptest.NewServer(r.Management())
	defer m.Close()
	ask := func(method, path, body string) string {
		t.Helper()
		req, _ := http.NewRequest(method, m.URL+path, strings.NewReader(body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		out, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, out)
		}
		return string(out)
	}
	snap := ask("GET", "/snapshot", "")
	key := r.make("x")
	ask("POST", "/faults", `{"route":"GET /myself","status":500,"count":1,"latency":"1ms"}`)
	r.do("GET", "/myself", nil).want(500)
	ask("PUT", "/settings", `{"searchLag":"1h","webhooks":{"drop":1}}`)
	r.make("unseen")
	r.search("summary ~ unseen", "id").is("issues", "[]")
	ask("POST", "/reindex", "")
	r.search("summary ~ unseen", "summary").is("issues.0.fields.summary", "unseen")
	if out := ask("GET", "/calls", ""); !strings.Contains(out, `"POST /issue":2`) {
		t.Errorf("calls %s", out)
	}
	ask("DELETE", "/calls", "")
	ask("POST", "/rules", `{"when":"updated","actor":"bob","set":"labels","words":["seen"]}`)
	r.edit(key, obj{"summary": "y"}).want(204)
	r.do("GET", "/issue/"+key, nil).is("fields.labels.0", "seen")
	ask("PUT", "/users/alice", `{"Expired":true}`)
	r.do("GET", "/myself", nil).want(401)
	ask("PUT", "/users/alice", `{"Expired":false}`)
	ask("POST", "/issues/"+key+"/move?project=ABCSD", "")
	ask("POST", "/flush", "")
	ask("PUT", "/snapshot", snap)
	r.do("GET", "/issue/"+key, nil).want(404)
	for _, path := range []string{"/", "/settings", "/faults", "/requests", "/routes", "/deliveries", "/rules"} {
		if out := ask("GET", path, ""); !json.Valid([]byte(out)) {
			t.Errorf("%s answers %s", path, out)
		}
	}
}

func TestContextPathAndServerInfo(t *testing.T) {
	s := New(Options{Flavour: DataCenter, ContextPath: "/jira", ServerTitle: "Inside"})
	demo := s.SeedDemo("ABC")
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	s.SetBaseURL(srv.URL)
	req, _ := http.NewRequest("GET", srv.URL+"/jira/rest/api/2/serverInfo", nil)
	req.SetBasicAuth(demo.User, demo.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out obj
	json.NewDecoder(resp.Body).Decode(&out)
	if out["baseUrl"] != srv.URL+"/jira" || out["serverTitle"] != "Inside" || out["serverTime"] == nil {
		t.Errorf("server info %v", out)
	}
}

// Everything a client reads before it starts.
func TestMetadataEndpoints(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		for path, want := range map[string]string{
			"/myself": "displayName", "/serverInfo": "baseUrl", "/configuration": "timeTrackingConfiguration", "/field": "schema", "/priority": "Medium",
			"/resolution": "Duplicate", "/status": "In Review", "/statuscategory": "indeterminate", "/issuetype": "Sub-task", "/project": "ABCSD",
			"/project/ABC": "issueTypes", "/project/ABC/statuses": "statuses", "/project/ABC/components": "Backend", "/project/ABC/versions": "2.0",
			"/project/ABC/version": "isLast", "/issueLinkType": "is blocked by", "/attachment/meta": "uploadLimit",
			"/user/assignable/search?project=ABC": "Bob Builder", "/mypermissions?permissions=BROWSE_PROJECTS": "havePermission",
			"/rest/servicedeskapi/info": "version", "/rest/servicedeskapi/servicedesk": "projectKey",
		} {
			r.do("GET", path, nil).want(200).says(want)
		}
		r.do("POST", "/version", obj{"name": "3.0", "project": "ABC"}).want(201)
		r.do("POST", "/component", obj{"name": "Ops", "project": "ABC"}).want(201)
		r.make("x", obj{"fixVersions": []obj{{"name": "3.0"}}, "components": []obj{{"name": "Ops"}}})
		if r.Flavour() == Cloud {
			r.do("GET", "/issue/createmeta?projectKeys=ABC&expand=projects.issuetypes.fields", nil).want(200).says(`"summary"`)
			r.do("GET", "/user/search?query=bob", nil).is("0.displayName", "Bob Builder").is("0.emailAddress", nil).is("0.name", nil)
			return
		}
		r.do("GET", "/issue/createmeta?projectKeys=ABC", nil).want(404)
		r.do("GET", "/user/search?username=bob", nil).is("0.name", "bob").is("0.emailAddress", "bob@example.com")
		r.do("GET", "/user?username=bob", nil).want(200).is("accountId", nil)
	})
}

func TestRunServesAndSaves(t *testing.T) {
	state := filepath.Join(t.TempDir(), "s.json")
	ctx, stop := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	done := make(chan int)
	pr, pw := io.Pipe()
	go func() {
		done <- Run(ctx, []string{"--flavour", "datacenter", "--listen", "127.0.0.1:0", "--manage", "127.0.0.1:0", "--state", state, "--project", "XYZ", "--json"}, pw, &errs)
	}()
	d := json.NewDecoder(io.TeeReader(skipLine(pr), &out))
	var demo struct {
		URL string
		Demo
	}
	if err := d.Decode(&demo); err != nil {
		t.Fatal(err, errs.String())
	}
	go io.Copy(io.Discard, pr)
	req, _ := http.NewRequest("GET", demo.URL+"/rest/api/2/project/XYZ", nil)
	req.Header.Set("Authorization", "Bearer "+demo.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(err, resp)
	}
	resp.Body.Close()
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if _, err := os.Stat(state); err != nil {
		t.Error(err)
	}
}

// skipLine drops the first line, the management address.
func skipLine(r io.Reader) io.Reader {
	b := make([]byte, 1)
	for {
		if _, err := r.Read(b); err != nil || b[0] == '\n' {
			return r
		}
	}
}

func TestRunUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "Usage: drawbridge simulator"},
		{[]string{"--flavour", "server"}, 2, "must be cloud or datacenter"},
		{[]string{"extra"}, 2, `unexpected argument "extra"`},
		{[]string{"--listen", "256.0.0.1:1"}, 1, "listen"},
	} {
		var errs bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if code := Run(ctx, c.args, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%v: code %d, %s", c.args, code, errs.String())
		}
		cancel()
	}
}
