package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/store"
)

// putBack gives the half the state it had; what was queued is gone, and what is in memory only.
func (h *Half) putBack(backup []store.Doc) {
	h.T.Helper()
	h.Store, h.Queue = store.NewMemory(store.Faults{}), queue.NewMemory(queue.Faults{})
	h.Store.Fill(backup)
	h.build(h.Site.Role, h.blobs, h.o)
	if h.Site.Role == bridge.Public {
		h.webhook() // its queue is another
	}
}

// rejoin has both halves offer everything again, as they do where a state was restored.
func (w *World) rejoin(request int64) {
	w.T.Helper()
	for _, h := range []*Half{w.Public, w.Private} {
		w.must(reconcile.Rejoin(context.Background(), h.Site, Connection, request, 0))
	}
	w.Settle()
}

// said is what the comments of an issue say, without what the copies say of their author.
func (h *Half) said(key string) string {
	out := h.bodies(key)
	for i, body := range out {
		out[i] = body[strings.LastIndex(body, "\n")+1:]
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestARestoredSideWithdrawsWhatLeftSinceItsBackup: what left since the backup is not known to have left. The side of the copies
// says that it has them.
func TestARestoredSideWithdrawsWhatLeftSinceItsBackup(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		path := "/rest/api/2/issue/" + key + "/comment"
		restricted := map[string]string{"type": "role", "value": "Developers"}
		say := func(body string, visibility any) string {
			var c struct{ ID string }
			here.OK("alice", "POST", path, map[string]any{"body": body, "visibility": visibility}, &c)
			return c.ID
		}
		edit := func(id, body string, visibility any) {
			here.OK("alice", "PUT", path+"/"+id, map[string]any{"body": body, "visibility": visibility}, nil)
		}
		opened, stays := say("opened", restricted), say("stays", nil)
		w.Settle()
		if got := there.said(twin); got != "stays" {
			t.Fatalf("comments of the twin before the backup: %s", got)
		}
		backup := here.Store.All()

		edit(opened, "opened", nil)
		edit(stays, "stays on", nil)
		later, deleted := say("later", nil), say("deleted", nil)
		say("kept on", nil)
		file := here.attach(key, "gone.txt", "gone")
		here.attach(key, "stays.txt", "stays")
		w.Settle()
		if got := there.said(twin); got != "deleted, kept on, later, opened, stays on" || len(there.attachments(twin)) != 2 {
			t.Fatalf("before the restore the twin has %s and %+v", got, there.attachments(twin))
		}

		edit(opened, "opened", restricted)
		edit(later, "later", restricted)
		here.OK("admin", "DELETE", path+"/"+deleted, nil, nil)
		here.OK("admin", "DELETE", "/rest/api/2/attachment/"+file, nil, nil)
		here.putBack(backup)
		w.rejoin(here.Site.Now())
		if got := there.said(twin); got != "kept on, stays on" {
			t.Errorf("comments of the twin after the restore: %s", got)
		}
		if got := there.attachments(twin); len(got) != 1 || got[0].Filename != "stays.txt" {
			t.Errorf("attachments of the twin after the restore: %+v", got)
		}
		if got := len(here.comments(key)); got != 4 {
			t.Errorf("%d comments here, want 4: an original was touched", got)
		}

		edit(later, "later", nil)
		edit(stays, "stays", nil)
		w.Settle()
		if got := there.said(twin); got != "kept on, later, stays" {
			t.Errorf("comments of the twin after one was opened again: %s", got)
		}
		for _, h := range []*Half{here, there} {
			p := h.Pair(map[*Half]string{here: key, there: twin}[h])
			if p.State.Lists != 0 || p.State.Doubts {
				t.Errorf("%s: lists %d, doubts %t at rest", h.Site.Name, p.State.Lists, p.State.Doubts)
			}
		}
	})
}

// TestARejoinWithdrawsNothingThatIsOpen: where nothing was lost, everything stays, the same copies.
func TestARejoinWithdrawsNothingThatIsOpen(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "from here"}, nil)
		there.OK("alice", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{"body": "from there"}, nil)
		here.attach(key, "a.txt", "content")
		w.Settle()
		before := []any{here.comments(key), there.comments(twin), there.attachments(twin)}
		w.rejoin(here.Site.Now())
		here.loseState()
		w.rejoin(here.Site.Now() + 1)
		for i, after := range []any{here.comments(key), there.comments(twin), there.attachments(twin)} {
			if a, b := fmt.Sprint(after), fmt.Sprint(before[i]); a != b {
				t.Errorf("%s became %s", b, a)
			}
		}
	})
}

// TestARestoredHalfUsesNoNumberOfRulesAgain: what newer rules made that the backup does not know counts no more once the half was
// restored, and what is published next is not taken for it.
func TestARestoredHalfUsesNoNumberOfRulesAgain(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		ctx := context.Background()
		key, twin := pairUp(t, w, here, map[string]any{"priority": map[string]string{"name": "High"}})
		table := func(name string) string {
			return strings.Replace(Everything(here.Demo.ProjectKey), "- field: Priority", "- field: Priority\n    values: {High: "+name+"}", 1)
		}
		backup := here.Store.All()
		here.publish(table("Lowest"))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "Lowest" {
			t.Fatalf("priority of the twin before the restore: %s", got)
		}
		used, err := here.Site.CurrentNumber(ctx, Connection)
		here.must(err)
		here.putBack(backup)
		here.must(reconcile.Rejoin(ctx, here.Site, Connection, here.Site.Now(), used))
		here.must(reconcile.Rejoin(ctx, there.Site, Connection, here.Site.Now(), 0))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "High" {
			t.Errorf("priority of the twin under the rules that were put back: %s", got)
		}
		if n, err := here.Site.CurrentNumber(ctx, Connection); n <= used || err != nil {
			t.Errorf("the rules that were put back are revision %d (%v), and %d was used", n, err, used)
		}
		here.publish(table("Low"))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "Low" {
			t.Errorf("priority of the twin under the next rules: %s", got)
		}
		if got := here.Name(key, "priority"); got != "High" {
			t.Errorf("priority of the issue itself: %s", got)
		}
	})
}
