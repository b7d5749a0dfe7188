package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Management is the second port: it changes how the site behaves and looks
// behind its front. It has no authentication and belongs on loopback.
func (s *Site) Management() http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request, body []byte) (any, error)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			var out any
			if err == nil {
				out, err = f(r, body)
			}
			manageAnswer(w, out, err)
		})
	}
	handle("GET /{$}", func(*http.Request, []byte) (any, error) { return managementHelp, nil })
	handle("POST /seed", func(r *http.Request, _ []byte) (any, error) { return s.SeedDemo(r.URL.Query().Get("project")), nil })
	handle("GET /snapshot", func(*http.Request, []byte) (any, error) { return s.Snapshot() })
	handle("PUT /snapshot", func(_ *http.Request, b []byte) (any, error) { return nil, s.Restore(b) })
	handle("GET /settings", func(*http.Request, []byte) (any, error) { return s.Settings(), nil })
	handle("PUT /settings", func(_ *http.Request, b []byte) (any, error) { return s.manageSettings(b) })
	handle("GET /faults", func(*http.Request, []byte) (any, error) { return s.Faults(), nil })
	handle("POST /faults", func(_ *http.Request, b []byte) (any, error) { return s.manageFault(b) })
	handle("DELETE /faults", func(*http.Request, []byte) (any, error) { s.ClearFaults(); return nil, nil })
	handle("DELETE /faults/{id}", func(r *http.Request, _ []byte) (any, error) {
		id, err := strconv.Atoi(r.PathValue("id"))
		s.ClearFaults(max(id, 1))
		return nil, err
	})
	handle("GET /calls", func(*http.Request, []byte) (any, error) { return s.Calls(), nil })
	handle("DELETE /calls", func(*http.Request, []byte) (any, error) { s.ResetCalls(); return nil, nil })
	handle("GET /requests", func(*http.Request, []byte) (any, error) { return s.Requests(), nil })
	handle("GET /routes", func(*http.Request, []byte) (any, error) { return s.Routes(), nil })
	handle("GET /deliveries", func(*http.Request, []byte) (any, error) { return s.Deliveries(), nil })
	handle("POST /flush", func(r *http.Request, _ []byte) (any, error) { return s.manageFlush(r) })
	handle("POST /reindex", func(*http.Request, []byte) (any, error) { s.Reindex(); return nil, nil })
	handle("GET /rules", func(*http.Request, []byte) (any, error) { return s.Rules(), nil })
	handle("POST /rules", func(_ *http.Request, b []byte) (any, error) { return s.manageRule(b) })
	handle("DELETE /rules/{id}", func(r *http.Request, _ []byte) (any, error) {
		s.RemoveRule(parseID(r.PathValue("id")))
		return nil, nil
	})
	handle("POST /issues/{key}/move", func(r *http.Request, _ []byte) (any, error) {
		return s.Move(r.PathValue("key"), r.URL.Query().Get("project"), r.URL.Query().Get("user"))
	})
	handle("POST /issues/{key}/clone", func(r *http.Request, _ []byte) (any, error) {
		return s.Clone(r.PathValue("key"), r.URL.Query().Get("user"))
	})
	handle("PUT /users/{name}", func(r *http.Request, b []byte) (any, error) {
		return nil, s.ChangeUser(r.PathValue("name"), func(u *User) error { return json.Unmarshal(b, u) })
	})
	handle("PUT /projects/{key}", func(r *http.Request, b []byte) (any, error) {
		return nil, s.ChangeProject(r.PathValue("key"), func(p *Project) error { return json.Unmarshal(b, p) })
	})
	handle("POST /projects/{key}/rename", func(r *http.Request, _ []byte) (any, error) {
		return nil, s.RenameProject(r.PathValue("key"), r.URL.Query().Get("to"))
	})
	handle("PUT /workflows/{id}", func(r *http.Request, b []byte) (any, error) {
		return nil, s.ChangeWorkflow(r.PathValue("id"), func(w *Workflow) error { return json.Unmarshal(b, w) })
	})
	return m
}

const managementHelp = `seed, snapshot (GET, PUT), settings (GET, PUT), faults (GET, POST, DELETE), calls (GET, DELETE), requests, routes, deliveries, ` +
	`flush, reindex, rules (GET, POST, DELETE), issues/{key}/move?project=&user=, issues/{key}/clone?user=, users/{name}, projects/{key}, projects/{key}/rename?to=, workflows/{id}: see README.md`

func manageAnswer(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = obj{"error": err.Error()}
	}
	if out == nil {
		out = obj{"ok": true}
	}
	_, _ = w.Write(encode(out)) // the client may be gone
}

var durationMember = regexp.MustCompile(`"(searchLag|retryMin|retryMax|answerTimeout|delayBy|latency|delay)"\s*:\s*"([^"]*)"`)

// spelledDurations lets durations be written as "200ms" as well as in
// nanoseconds.
func spelledDurations(body []byte) []byte {
	return durationMember.ReplaceAllFunc(body, func(m []byte) []byte {
		parts := durationMember.FindSubmatch(m)
		d, err := time.ParseDuration(string(parts[2]))
		if err != nil {
			return m // refused by what decodes it
		}
		return fmt.Appendf(nil, `"%s":%d`, parts[1], d)
	})
}

func (s *Site) manageSettings(body []byte) (any, error) {
	next := s.Settings()
	if err := json.Unmarshal(spelledDurations(body), &next); err != nil {
		return nil, err
	}
	s.Configure(func(st *Settings) { *st = next })
	return next, nil
}

func (s *Site) manageFault(body []byte) (any, error) {
	var f Fault
	if err := json.Unmarshal(spelledDurations(body), &f); err != nil {
		return nil, err
	}
	return obj{"id": s.Inject(f)}, nil
}

func (s *Site) manageRule(body []byte) (any, error) {
	var r Rule
	if err := json.Unmarshal(spelledDurations(body), &r); err != nil {
		return nil, err
	}
	s.mu.Lock()
	known := s.user(r.Actor) != nil || s.userNamed(r.Actor) != nil
	s.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("rule: unknown actor %q", r.Actor)
	}
	return obj{"id": s.AddRule(r)}, nil
}

func (s *Site) manageFlush(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	return nil, s.Flush(ctx)
}

// Rules lists the automation rules.
func (s *Site) Rules() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Rule{}
	for _, r := range s.st.Rules {
		list = append(list, *r)
	}
	return list
}

// ChangeUser edits an account by name, such as to let its credential expire or
// to take permissions away.
func (s *Site) ChangeUser(name string, f func(*User) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userNamed(name)
	if u == nil {
		return fmt.Errorf("unknown user %q", name)
	}
	s.ix.searches = nil // another user may see other issues
	return f(u)
}

// ChangeProject edits a project: screens, required fields, versions.
func (s *Site) ChangeProject(key string, f func(*Project) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(key)
	if p == nil {
		return fmt.Errorf("unknown project %q", key)
	}
	return f(p)
}

// RenameProject gives a project another key, and its issues with it. The old keys of issues still find them; the project's does not,
// which is the harder thing. Nothing is announced and nothing becomes newer.
func (s *Site) RenameProject(key, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(key)
	if p == nil || s.project(to) != nil {
		return fmt.Errorf("project %q cannot become %q", key, to)
	}
	p.Key = to
	for _, is := range s.st.Issues {
		if is.Project == p.ID {
			delete(s.ix.keys, is.Key)
			s.st.OldKeys[is.Key] = is.ID
			is.Key = keyOf(p, is.Number)
			s.ix.keys[is.Key] = is
		}
	}
	return nil
}

// ChangeWorkflow edits a workflow, given by id or, if there is only one, "".
func (s *Site) ChangeWorkflow(id string, f func(*Workflow) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.st.Workflows {
		if w.ID == id || id == "" || w.Name == id {
			return f(w)
		}
	}
	return fmt.Errorf("unknown workflow %q", id)
}

// Move puts an issue into another project: it gets a new key and keeps its id,
// and the old key still finds it. user is the name of who moves it.
func (s *Site) Move(idOrKey, project, user string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, p, by, err := s.partiesOf(idOrKey, project, user)
	if err != nil {
		return nil, err
	}
	from, oldKey := s.projectOf(is), is.Key
	p.LastNumber++
	delete(s.ix.keys, oldKey)
	s.st.OldKeys[oldKey] = is.ID
	is.Project, is.Number = p.ID, p.LastNumber
	is.Key = keyOf(p, is.Number)
	s.ix.keys[is.Key] = is
	ch := s.change(is, by)
	is.Values["project"] = Value{p.ID}
	ch.items = append(ch.items, Item{Field: "project", Type: "jira", FieldID: "project", From: str(from.ID), FromString: str(from.Name), To: str(p.ID), ToString: str(p.Name)},
		Item{Field: "Key", Type: "jira", FromString: str(oldKey), ToString: str(is.Key)})
	for _, id := range []string{"components", "fixVersions", "versions"} {
		ch.set(s.ix.fields[id], nil)
	}
	if !contains(p.Types, is.word("issuetype")) {
		ch.set(s.ix.fields["issuetype"], Value{p.Types[0]})
	}
	ch.commit("issue_moved", nil)
	s.drain()
	return map[string]string{"id": is.idString(), "key": is.Key}, nil
}

// Clone makes a copy as Jira's own clone does: fields, properties and a
// "clones" link; no comments.
func (s *Site) Clone(idOrKey, user string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, p, by, err := s.partiesOf(idOrKey, "", user)
	if err != nil {
		return nil, err
	}
	d := &draft{values: map[string]Value{}}
	for k, v := range is.Values {
		if k != "status" && k != "resolution" && k != "timespent" {
			d.values[k] = v
		}
	}
	d.values["summary"] = Value{"CLONE - " + is.word("summary")}
	var props []property
	for k, v := range is.Properties {
		props = append(props, property{k, v})
	}
	c := s.create(p, d, by, &editBody{Properties: props})
	if t := pick(s.st.LinkTypes, func(t *LinkType) bool { return t.Name == "Cloners" }); t != nil {
		s.addLink(&linkDraft{typ: t, inward: c, outward: is}, by)
	}
	s.drain()
	return map[string]string{"id": c.idString(), "key": c.Key}, nil
}

// partiesOf finds an issue, a project (empty: the issue's own) and a user
// (empty: the administrator).
func (s *Site) partiesOf(idOrKey, project, user string) (*Issue, *Project, *User, error) {
	is := s.find(idOrKey)
	if is == nil {
		return nil, nil, nil, fmt.Errorf("unknown issue %q", idOrKey)
	}
	p := s.projectOf(is)
	if project != "" {
		p = s.project(project)
	}
	if user == "" {
		user = AdminUser
	}
	by := s.userNamed(user)
	if p == nil || by == nil {
		return nil, nil, nil, fmt.Errorf("unknown project %q or user %q", project, user)
	}
	return is, p, by, nil
}
