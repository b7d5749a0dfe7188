package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

// TestStopping has a process that is asked to stop while a webhook comes in: what came whole is queued.
func TestStopping(t *testing.T) {
	queued := 0
	h := &Handler{Name: "cloud", Secret: func() (string, error) { return "", nil }, Log: slog.New(slog.DiscardHandler),
		Send: func(ctx context.Context, task site.Task, _ bridge.Lane, _ string) error {
			if task.Issue == "10001" {
				queued++
			}
			return ctx.Err()
		}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	body := `{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"10001","key":"P-1","fields":{}}}`
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, Path+"cloud", strings.NewReader(body)).WithContext(ctx))
	if w.Code != http.StatusAccepted || queued != 1 {
		t.Errorf("status %d, %d queued", w.Code, queued)
	}
}

// TestBurst: eight webhooks at the same time are none, nine are one, for a moment longer than they last.
func TestBurst(t *testing.T) {
	for n, want := range map[int]bool{8: false, 9: true} {
		synctest.Test(t, func(t *testing.T) {
			h := &Handler{Name: "cloud", Secret: func() (string, error) { return "", nil }, Log: slog.New(slog.DiscardHandler),
				Send: func(context.Context, site.Task, bridge.Lane, string) error { time.Sleep(time.Second); return nil }}
			body := `{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"10001","key":"P-1","fields":{}}}`
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, Path+"cloud", strings.NewReader(body)))
				})
			}
			synctest.Wait()
			if h.Burst() != want {
				t.Errorf("%d webhooks: burst %v", n, h.Burst())
			}
			wg.Wait()
			if time.Sleep(moment); h.Burst() {
				t.Errorf("%d webhooks: the burst does not end", n)
			}
		})
	}
}
