package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
