package world

import (
	"context"
	"strings"
	"testing"
)

func TestUsersAreSuggested(t *testing.T) {
	sides(t, Options{
		PublicRules:  strings.Replace(Everything(PublicProject), "send: [email]", "send: []", 1),
		PrivateRules: strings.Replace(Everything(PrivateProject), "send: [email]", "send: []", 1),
	}, func(t *testing.T, w *World, here, there *Half) {
		key, _ := pairUp(t, w, here, nil)
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "hello"}, nil)
		w.Settle()
		list, err := there.Site.Suggest(context.Background(), Connection)
		there.must(err)
		for _, s := range list {
			if s.Remote.Name != "Alice Archer" {
				continue
			}
			if len(s.Local) != 1 || s.Local[0].Name != "Alice Archer" || s.Local[0].ID == "" || s.Why != "name" || s.Issues != 1 || s.Known {
				t.Errorf("suggested for Alice: %+v", s)
			}
			return
		}
		t.Errorf("Alice was not met: %+v", list)
	})
}
