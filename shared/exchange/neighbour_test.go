package exchange

import (
	"encoding/json"
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
	if err := r.check(); err != nil || len(r.Changes) != 1 || r.Changes[0].Issue.Key != "A-1" || r.Changes[0].Revision != 3 {
		t.Errorf("a newer neighbour's message is read as %+v: %v", r, err)
	}
	var out Response
	if err := decodeJSON(`{"protocol":1,"came_ms":1,"now_ms":2,"next_poll_ms":3,"lease":{"fence":1,"until_ms":5},"hub":{"state":"h","number":1}}`, &out); err != nil || out.Version != "" || out.Hub.Number != 1 {
		t.Errorf("an older neighbour's answer is read as %+v: %v", out, err)
	}
}

// decodeJSON reads as a message is read once it is unpacked.
func decodeJSON(text string, v any) error { return json.Unmarshal([]byte(text), v) }
