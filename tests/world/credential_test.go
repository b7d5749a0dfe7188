package world

import (
	"context"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// account changes the sync account in the Jira.
func (h *Half) account(change func(*simulator.User)) {
	h.T.Helper()
	name, _, _ := strings.Cut(h.Demo.User, "@")
	h.must(h.Jira.ChangeUser(name, func(u *simulator.User) error { change(u); return nil }))
}

// TestATokenIsRotatedWithoutARestart: the old token stops working, the settings name a new one, and the running half goes on.
func TestATokenIsRotatedWithoutARestart(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		there.account(func(u *simulator.User) { u.Token = "fresh-token" })
		here.Edit(key, map[string]any{"summary": "under the new token"})
		ctx := context.Background()
		there.Site.ForgetAccount()
		if err := there.Site.Check(ctx); bridge.NameOf(err) != "site-unauthenticated" || bridge.LevelOf(err) != bridge.LevelSite {
			t.Fatalf("the old token: %v", err)
		}
		there.Demo.Token = "fresh-token" // what the file or the environment says from now on
		w.Settle()
		w.wait("the edit is carried under the new token", 10*time.Second, func() bool {
			w.Settle()
			return there.Field(twin, "summary") == `"under the new token"`
		})
	})
}

// TestAnAnonymousAnswerIsNoEmptySite: a token that expired shows an empty project, and nothing is taken for deleted.
func TestAnAnonymousAnswerIsNoEmptySite(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.account(func(u *simulator.User) { u.Expired = true })
		here.Site.ForgetAccount()
		ctx := context.Background()
		if _, err := here.Watch.Once(ctx); bridge.LevelOf(err) != bridge.LevelSite {
			t.Errorf("a search with an expired token: %v", err)
		}
		if err := here.Sweep.Page(ctx, site.Task{Kind: site.SweepTask, Connection: Connection}); bridge.LevelOf(err) != bridge.LevelSite {
			t.Errorf("a comparison with an expired token: %v", err)
		}
		here.account(func(u *simulator.User) { u.Expired = false })
		w.Settle()
		if p := here.Pair(key); p.Head.Gone != "" || there.Pair(twin).Head.Left != "" {
			t.Error("the issue was taken for deleted")
		}
	})
}
