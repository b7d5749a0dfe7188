package world

import (
	"context"
	"strings"
	"testing"

	"drawbridge/shared/pair"
	"drawbridge/shared/store"
)

func (h *Half) texts(key string) (out []string) {
	h.T.Helper()
	var list struct{ Comments []struct{ Body string } }
	h.OK("admin", "GET", "/rest/api/2/issue/"+key+"/comment", nil, &list)
	for _, c := range list.Comments {
		out = append(out, c.Body)
	}
	return out
}

func TestRecallWithdrawsCopiesForGood(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		var made struct{ ID string }
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "names a customer"}, &made)
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "harmless"}, nil)
		here.attach(key, "a.txt", "content")
		w.Settle()
		if len(there.texts(twin)) != 2 {
			t.Fatalf("comments of the twin: %q", there.texts(twin))
		}
		ctx := context.Background()
		recall := func(keys ...string) (done []string) {
			_, err := here.Site.Book.Update(ctx, Connection, here.Pair(key).Head.Local.ID, func(p *pair.Pair) (err error) {
				done, err = p.Recall(ctx, here.Site.Now(), keys, "ada", "should not have left")
				return err
			})
			here.must(err)
			w.Settle()
			return done
		}
		if done := recall("comment/" + made.ID); len(done) != 1 {
			t.Errorf("recalled %q", done)
		}
		if got := there.texts(twin); len(got) != 1 || !strings.Contains(got[0], "harmless") {
			t.Errorf("after the recall the twin has %q", got)
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/comment/"+made.ID, map[string]any{"body": "names it still"}, nil)
		w.Settle()
		if got := there.texts(twin); len(got) != 1 {
			t.Errorf("an edit let it out again: %q", got)
		}
		if done := recall(); len(done) != 2 || len(there.texts(twin)) != 0 || there.files(twin) != "" {
			t.Errorf("recalled %q; the twin has %q and %s", done, there.texts(twin), there.files(twin))
		}
		if got := here.texts(key); len(got) != 2 {
			t.Errorf("the originals: %q", got)
		}
	})
}

func TestErasedIsErased(t *testing.T) {
	w := New(t, Options{})
	h := w.Private
	key, twin := pairUp(t, w, h, map[string]any{"description": strings.Repeat("a long secret story ", 100)})
	var made struct{ ID string }
	h.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "secret comment"}, &made)
	w.Settle()
	ctx, id := context.Background(), h.Pair(key).Head.Local.ID
	kept := func() string {
		docs, err := h.Store.List(ctx, "pair/"+Connection+"/"+id, store.Range{})
		h.must(err)
		var b strings.Builder
		for _, d := range docs {
			b.Write(d.Body)
		}
		return b.String()
	}
	for _, want := range []string{"secret story", "secret comment", "alice"} {
		if !strings.Contains(kept(), want) {
			t.Fatalf("nothing to erase: %q is not kept", want)
		}
	}
	_, err := h.Site.Book.EraseMember(ctx, Connection, id, "comment/"+made.ID)
	h.must(err)
	if strings.Contains(kept(), "secret comment") {
		t.Error("the comment is still kept")
	}
	n, err := h.Site.Book.EraseWords(ctx, Connection, id, []string{"alice"})
	h.must(err)
	if n == 0 || strings.Contains(kept(), "alice") {
		t.Errorf("after %d documents were rewritten a person is still kept", n)
	}
	w.Public.Edit(twin, map[string]any{"summary": "goes on"})
	w.Settle()
	if got := h.Field(key, "summary"); got != `"goes on"` {
		t.Errorf("after erasing a person the pair does not go on: %s", got)
	}
	_, err = h.Site.Book.EraseIssue(ctx, Connection, id)
	h.must(err)
	if got := kept(); strings.Contains(got, "secret") || strings.Contains(got, key) {
		t.Errorf("after erasing the issue there is still %s", got)
	}
	h.Edit(key, map[string]any{"summary": "after"})
	w.Settle()
	if got := w.Public.Field(twin, "summary"); got != `"goes on"` {
		t.Errorf("an erased issue came back: %s", got)
	}
}
