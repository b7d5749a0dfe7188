package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestJirasInTrouble has Jiras that answer what they should not. One issue's trouble stays with that issue; a site's
// trouble ends by itself when its cause does, and nothing is lost.
func TestJirasInTrouble(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Sweep: 24 * time.Hour}) // what is refused stays so: TestErrorsHeal is the other way round
	for _, public := range []bool{true, false} {
		s := sideOf(w, public)
		t.Run("the "+s.name+" site's token stops working", func(t *testing.T) { unauthorized(t, s.with(t), false) })
		t.Run("the "+s.name+" site answers as to nobody", func(t *testing.T) { unauthorized(t, s.with(t), true) })
		t.Run("the "+s.name+" site answers HTML", func(t *testing.T) { html(t, s.with(t)) })
		t.Run("the "+s.name+" site fails whoever asks", func(t *testing.T) { failing(t, s.with(t)) })
		t.Run("the "+s.name+" site refuses one field", func(t *testing.T) { oneField(t, s.with(t)) })
		t.Run("the "+s.name+" site takes no long text", func(t *testing.T) { longText(t, s.with(t)) })
	}
	t.Run("a status that cannot be reached", func(t *testing.T) { unreachable(t, sideOf(w, true).with(t)) })
	t.Run("a component that is not there", func(t *testing.T) { unknownName(t, sideOf(w, true).with(t)) })
}

// unauthorized takes the token of the site here away. Anonymous: it answers 200 and nothing instead of 401.
func unauthorized(t *testing.T, s side, anonymous bool) {
	name := fmt.Sprintf("Token of %s, %v", s.name, anonymous)
	key, twin := s.pair(t, name, nil)
	s.here.Set(rig.Fields{"anonymousEmpty": anonymous})
	restore := s.w.ExpireToken(s.here)
	t.Cleanup(restore)
	s.here.Edit(key, rig.Fields{"description": "edited here meanwhile"})
	s.there.Edit(twin, rig.Fields{"summary": name + ", edited over there meanwhile"})
	s.there.Comment(twin, "written meanwhile", nil)
	fresh := s.here.Create(name+", new here", nil)

	rig.Eventually(t, rig.Patience, "the half says that its Jira does not know it", func() string {
		url := s.w.HubURL
		if !s.public {
			url = s.w.Metrics
		}
		if status, body := s.w.Get(url + "/healthz"); status != http.StatusServiceUnavailable {
			return fmt.Sprintf("/healthz says %d %q", status, body)
		}
		return ""
	})
	restore()
	s.here.Set(rig.Fields{"anonymousEmpty": false})
	s.here.Shows(key, "summary", name+", edited over there meanwhile")
	s.there.Shows(twin, "description", "edited here meanwhile")
	one(t, s.here, key, "written meanwhile")
	s.there.Twin(name + ", new here")
	nothingGone(t, s, fresh, key)
}

// nothingGone sees that no issue was taken for deleted.
func nothingGone(t *testing.T, s side, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if show := s.w.Show(s.public, key); strings.Contains(show, "gone") || strings.Contains(show, "stopped") {
			t.Errorf("%s was taken for gone:\n%s", key, show)
		}
	}
}

func html(t *testing.T, s side) {
	key, twin := s.pair(t, "HTML from "+s.name, nil)
	for _, status := range []int{200, 502} {
		s.here.Fault(rig.Fields{"route": "*", "pathHas": "/rest/", "status": status, "html": true, "count": 15})
		s.there.Edit(twin, rig.Fields{"summary": fmt.Sprintf("After HTML with %d from %s", status, s.name)})
		rig.Eventually(t, 2*rig.Patience, "the edit arrives after all", func() string {
			code, raw, err := s.here.Do("GET", "/rest/api/2/issue/"+key+"?fields=summary", nil, nil)
			if err != nil || code != 200 || !strings.Contains(string(raw), fmt.Sprintf("After HTML with %d", status)) {
				return fmt.Sprintf("%d %.80s %v", code, raw, err)
			}
			return ""
		})
		s.here.Heal()
	}
}

// failing has Jira answer 500 to everything for longer than a change is tried. What was edited meanwhile, twice, arrives soon after.
func failing(t *testing.T, s side) {
	key, twin := s.pair(t, "500 from "+s.name, nil)
	s.here.Fault(rig.Fields{"route": "*", "agent": "drawbridge", "status": 500})
	t.Cleanup(s.here.Heal)
	s.there.Edit(twin, rig.Fields{"summary": "Edited while " + s.name + " failed"})
	time.Sleep(3 * time.Second)
	s.there.Edit(twin, rig.Fields{"summary": "Edited again while " + s.name + " failed"})
	time.Sleep(10 * time.Second)
	s.here.Heal()
	s.here.Shows(key, "summary", "Edited again while "+s.name+" failed")
}

// oneField has Jira refuse one field of an edit: the rest is applied, and the pair says so.
func oneField(t *testing.T, s side) {
	key, twin := s.pair(t, "One field of "+s.name, nil)
	s.here.Fault(rig.Fields{"route": "PUT /issue/{key}", "status": 400, "count": 1,
		"body": `{"errorMessages":[],"errors":{"labels":"The label 'nonsense' is not to this Jira's taste."}}`})
	s.there.Edit(twin, rig.Fields{"labels": []string{"nonsense"}, "summary": "The rest of it, " + s.name})
	s.here.Shows(key, "summary", "The rest of it, "+s.name)
	s.here.Heal()
	if got := s.here.Text(key, "labels"); got != "" {
		t.Errorf("labels are %q", got)
	}
	said(t, s, key, "taste")
	s.there.Edit(twin, rig.Fields{"labels": []string{"sense"}})
	s.here.Shows(key, "labels", "sense")
}

// said waits until sync show gives the reason on the half where it happened.
func said(t *testing.T, s side, key, want string) {
	t.Helper()
	rig.Eventually(t, rig.Patience, "sync show gives the reason", func() string {
		if show := s.w.Show(s.public, key); !strings.Contains(show, want) {
			return fmt.Sprintf("no %q in:\n%s", want, show)
		}
		return ""
	})
}

func longText(t *testing.T, s side) {
	key, twin := s.pair(t, "Long text for "+s.name, nil)
	s.here.Set(rig.Fields{"textLimit": 300})
	defer s.here.Set(rig.Fields{"textLimit": 32767})
	s.there.Edit(twin, rig.Fields{"description": strings.Repeat("much too long ", 40), "summary": "Short enough, " + s.name})
	s.here.Shows(key, "summary", "Short enough, "+s.name)
	if got := s.here.Text(key, "description"); got != "" {
		t.Errorf("description is %.60q", got)
	}
	said(t, s, key, "description")
	s.there.Comment(twin, "also "+strings.Repeat("much too long ", 40), nil)
	s.there.Comment(twin, "short", nil)
	one(t, s.here, key, "short")
	s.there.Edit(twin, rig.Fields{"description": "short as well"})
	s.here.Shows(key, "description", "short as well")
}

// unreachable has a status that no single transition leads to: the pair says so, the rest is applied.
func unreachable(t *testing.T, s side) {
	key, twin := s.pair(t, "A long way", nil)
	s.here.Transition(key, "In Review", nil)
	s.here.Edit(key, rig.Fields{"summary": "A long way, and an edit"})
	s.there.Shows(twin, "summary", "A long way, and an edit")
	if got := s.there.Text(twin, "status"); got != "To Do" {
		t.Errorf("status is %q", got)
	}
	other := sideOf(s.w, false).with(t)
	said(t, other, twin, "In Review")
	said(t, s, key, "In Review")
	s.here.Transition(key, "In Progress", nil)
	s.there.Shows(twin, "status", "In Progress")
}

func unknownName(t *testing.T, s side) {
	key, twin := s.pair(t, "A part nobody knows", nil)
	s.here.As("admin").OK("POST", "/rest/api/2/component", rig.Fields{"project": s.here.Project, "name": "Flux capacitor"}, nil)
	s.here.Edit(key, rig.Fields{"components": []rig.Fields{{"name": "Flux capacitor"}, {"name": "Docs"}}, "summary": "A part only we know"})
	s.there.Shows(twin, "summary", "A part only we know")
	s.there.Shows(twin, "components", "Docs")
	said(t, sideOf(s.w, false).with(t), twin, "Flux capacitor")
}
