package exchange

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestNeighbours: a message of a release that knows more is read without what is not known here, and one of a release that
// knows less is read with nothing in its place.
func TestNeighbours(t *testing.T) {
	newer := `{"protocol":1,"from":{"poller":"p","state":"s","instance":"i","generation":1,"mood":"new"},"status":{"version":"9","weather":[1]},
		"changes":[{"issue":{"id":"1","key":"A-1","colour":"red"},"revision":3,"fields":{"summary":{"mine":{"seq":1,"value":"x","taste":2}}},"afterthought":{}}],
		"knows":{"policy":1,"state":"active","hub_key":"k","later":true},"unheard_of":{"a":[{"b":null}]}}`
	var r Request
	if err := decodeJSON(newer, &r); err != nil {
		t.Fatal(err)
	}
	if err := r.check(1); err != nil || len(r.Changes) != 1 || r.Changes[0].Issue.Key != "A-1" || r.Changes[0].Revision != 3 {
		t.Errorf("a newer neighbour's message is read as %+v: %v", r, err)
	}
	var out Response
	if err := decodeJSON(`{"protocol":1,"came_ms":1,"now_ms":2,"next_poll_ms":3,"lease":{"fence":1,"until_ms":5},"hub":{"state":"h","number":1}}`, &out); err != nil || out.Version != "" || out.Hub.Number != 1 {
		t.Errorf("an older neighbour's answer is read as %+v: %v", out, err)
	}
}

// decodeJSON reads as a message is read once it is unpacked.
func decodeJSON(text string, v any) error { return json.Unmarshal([]byte(text), v) }

// TestWhoSpeaksWhat: two sides speak the highest version of the protocol that both know, and where there is none it is said who
// has to upgrade.
func TestWhoSpeaksWhat(t *testing.T) {
	for _, c := range []struct {
		hub, poller []int
		common      int
		who         string
	}{
		{speaks(1, 1), speaks(1, 1), 1, ""},
		{speaks(1, 1), speaks(1, 2), 1, ""},
		{speaks(2, 3), speaks(1, 2), 2, ""},
		{speaks(1, 1), speaks(2, 3), 0, "the hub speaks Drawbridge protocol 1, this poller 2 to 3: upgrade the hub"},
		{speaks(3, 4), speaks(1, 2), 0, "the hub speaks Drawbridge protocol 3 to 4, this poller 1 to 2: upgrade this poller"},
		{nil, speaks(1, 1), 0, "the hub speaks Drawbridge protocol (it does not say which), this poller 1: bring hub and poller to releases less than a year apart"},
	} {
		if got := common(c.poller, c.hub); got != c.common {
			t.Errorf("hub %v, poller %v: %d in common, want %d", c.hub, c.poller, got, c.common)
		}
		if got := tooFar(c.poller, c.hub).Error(); c.common == 0 && got != c.who {
			t.Errorf("hub %v, poller %v: %q, want %q", c.hub, c.poller, got, c.who)
		}
	}
	for asks, want := range map[string]string{"1": "upgrade the poller", "4": "upgrade the hub", "0": "less than a year apart", "x": "less than a year apart", "1,2": "less than a year apart"} {
		if f := unknownProtocol(speaks(2, 3), []string{asks}); !strings.HasPrefix(f.Message, "this hub speaks Drawbridge protocol 2 to 3, not ") || !strings.HasSuffix(f.Message, want) {
			t.Errorf("asked for %q: %q", asks, f.Message)
		}
	}
	for _, values := range [][]string{nil, {""}, {"01"}, {"1", "1"}, {"1, 2"}, {"2"}} {
		if v, err := asked(values); err == nil {
			t.Errorf("%q is taken for %d", values, v)
		}
	}
}
