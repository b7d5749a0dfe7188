package world

import (
	"fmt"
	"testing"
)

// toService are rules that put what arrives into the service project.
func toService(h string) string {
	return fmt.Sprintf("version: 1\ncreate: {project: %sSD, type: Service Request}\ntriggers:\n  - jql: project in (%s, %sSD)\n", h, h, h)
}

func (h *Half) internal(key, id string) bool {
	h.T.Helper()
	var out struct {
		Value struct{ Internal bool }
	}
	return h.Call("admin", "GET", "/rest/api/2/comment/"+id+"/properties/sd.public.comment", nil, &out) == 200 && out.Value.Internal
}

func TestCommentsArriveInternalInAServiceProject(t *testing.T) {
	sides(t, Options{PublicRules: toService(PublicProject), PrivateRules: toService(PrivateProject)}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "for engineers"}, nil)
		w.Settle()
		got := there.comments(twin)
		if len(got) != 1 || !there.internal(twin, got[0].ID) {
			t.Fatalf("a comment that arrives in a service project must be internal: %+v", got)
		}
		// and what is internal there does not leave
		there.OK("bob", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{
			"body": "between agents", "properties": []map[string]any{{"key": "sd.public.comment", "value": map[string]bool{"internal": true}}},
		}, nil)
		there.OK("bob", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{"body": "for the customer"}, nil)
		w.Settle()
		if got := here.comments(key); len(got) != 2 {
			t.Fatalf("comments here, want the first and the one for the customer: %+v", got)
		}
	})
}
