package world

import (
	"context"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/scan"
	"drawbridge/shared/site"
)

func TestEveryAttachmentIsScannedBeforeItComesIn(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		there.Site.Scan = scan.Program{"/bin/sh", "-c", `if grep -q EICAR "$1"; then echo "EICAR in $DRAWBRIDGE_NAME"; exit 1; fi`, "scan"}.Scanned
		key, twin := pairUp(t, w, here, nil)
		here.attach(key, "clean.txt", "nothing in it")
		here.attach(key, "bad.txt", "an EICAR test file")
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		if got := there.files(twin); got != "clean.txt" {
			t.Errorf("the twin has the files %s", got)
		}
		if got := there.Field(twin, "summary"); got != `"two"` {
			t.Errorf("the rest was not applied: %s", got)
		}
		if !here.history(key, "EICAR in bad.txt") || !there.history(twin, "EICAR in bad.txt") {
			t.Error("the history of a side does not say what the scan said")
		}
		there.Site.Scan = nil
		ctx := context.Background()
		w.must(there.Site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: Connection, Issue: there.Pair(twin).Head.Local.ID, By: "ada", Insist: true}, bridge.Live, ""))
		w.Settle()
		if got := there.files(twin); got != "bad.txt clean.txt" {
			t.Errorf("after a person insisted the twin has %s", got)
		}
		there.Site.Scan = scan.Program{"/does/not/exist"}.Scanned
		here.attach(key, "later.txt", "x")
		for range 3 {
			w.Step()
		}
		if p := there.Pair(twin).Head.Parked; p == nil || p.Name != "scan-failed" || p.Retry == 0 || there.files(twin) != "bad.txt clean.txt" {
			t.Errorf("a scan that cannot run: parked %+v, files %s", p, there.files(twin))
		}
	})
}

// history reports whether a line of an issue's history says so.
func (h *Half) history(key, note string) bool {
	h.T.Helper()
	events, err := h.Site.Book.History(context.Background(), Connection, h.Pair(key).Head.Local.ID, 0)
	h.must(err)
	return slices.ContainsFunc(events, func(e pair.Event) bool { return strings.Contains(e.Note, note) })
}

// files are the names of an issue's attachments, in order.
func (h *Half) files(key string) string {
	h.T.Helper()
	var names []string
	for _, a := range h.attachments(key) {
		names = append(names, a.Filename)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
