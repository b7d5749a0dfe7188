package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// recordedError is an answer of a real Cloud site, written as one line of
// request.
type recordedError struct {
	File    string         `json:"file"`
	Request string         `json:"request"`
	Status  int            `json:"status"`
	Kind    string         `json:"content_type"`
	Body    map[string]any `json:"body"`
}

// The recordings whose answer the simulator gives differently, by what their
// file's name holds.
var differs = map[string]string{
	"jql_field_unknown": "anonymous callers only; the simulator answers them like this when told to (AnonymousEmpty)",
	"jql_value_unknown": "the same",
	"jql_date_invalid":  "the same",
	"not_on_screen":     "recorded with an anonymous caller; see TestFieldNotOnScreen",
}

func TestErrorsAreTheRecorded(t *testing.T) {
	var all struct {
		Answers []recordedError `json:"answers"`
	}
	if err := json.Unmarshal(data(t, "rest/cloud-observed-errors/observed-2026-10-08.transcribed.json"), &all); err != nil {
		t.Fatal(err)
	}
	s := startWith(t, cloud, "PUB") // as the recorded site's project was called
	for range 2 {
		s.create("PUB", "Task", "One", "")
	}
	for _, r := range all.Answers {
		name := r.File[strings.LastIndexByte(r.File, '/')+1:]
		if skipped(name) {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".http"), func(t *testing.T) {
			s.t = t
			got := s.replay(r.Request)
			if got.status != r.Status || got.kind != r.Kind {
				t.Errorf("%s\n\tgot  %d %s\n\twant %d %s", r.Request, got.status, got.kind, r.Status, r.Kind)
			}
			compare(t, r, got)
		})
	}
}

func skipped(name string) bool {
	for part := range differs {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// replay makes the request of a recording.
func (s *site) replay(request string) call {
	s.t.Helper()
	request = strings.NewReplacer(" (empty body)", "", " (anonymous caller)", "").Replace(request)
	method, rest, _ := strings.Cut(request, " ")
	path, body := rest, ""
	if method != http.MethodGet {
		path, body, _ = strings.Cut(rest, " ")
	}
	if at, query, found := strings.Cut(path, "?"); found {
		path = at + "?" + encoded(query)
	}
	return s.do(method, path, body)
}

// encoded makes a query string of one written with spaces.
func encoded(query string) string {
	var parts []string
	for _, p := range strings.Split(query, "&") {
		k, v, _ := strings.Cut(p, "=")
		parts = append(parts, k+"="+url.QueryEscape(v))
	}
	return strings.Join(parts, "&")
}

// compare wants the recorded body; a message the recording does not give word
// by word stands in parentheses there.
func compare(t *testing.T, r recordedError, got call) {
	t.Helper()
	var have map[string]any
	if err := json.Unmarshal(got.body, &have); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	for k, want := range r.Body {
		if list, isList := want.([]any); isList && len(list) == 1 && strings.HasPrefix(fmt.Sprint(list[0]), "(") {
			continue
		}
		if !reflect.DeepEqual(have[k], want) {
			t.Errorf("%s\n\t%s is   %v\n\twant %v", r.Request, k, have[k], want)
		}
	}
	for k := range have {
		if _, recorded := r.Body[k]; !recorded {
			t.Errorf("%s: the recording has no %q", r.Request, k)
		}
	}
}

// Both flavours word this the same way.
func TestFieldNotOnScreen(t *testing.T) {
	for _, flavour := range []string{cloud, datacenter} {
		s := start(t, flavour)
		key := s.create("CON", "Task", "One", "")
		got := s.do("PUT", "/issue/"+key, `{"fields":{"nonsense":"x"}}`)
		if want := "Field 'nonsense' cannot be set. It is not on the appropriate screen, or unknown."; got.status != http.StatusBadRequest || got.at("errors.nonsense") != want {
			t.Errorf("%s: %d %s", flavour, got.status, got.body)
		}
	}
}
