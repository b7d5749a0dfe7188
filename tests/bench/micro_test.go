package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
	"drawbridge/shared/store/sqlitestore"
)

func openState(b testing.TB) *sqlitestore.DB {
	db, err := sqlitestore.Open(filepath.Join(b.TempDir(), "state.db"), sqlitestore.Options{Version: "bench", Exclusive: true})
	must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// BenchmarkQueue is one message through the queue on disk: sent, received, deleted.
func BenchmarkQueue(b *testing.B) {
	q, ctx := openState(b).Queue(), context.Background()
	body := make([]byte, 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		must(b, q.Send(ctx, queue.Message{Group: fmt.Sprint("g", i%100), Lane: bridge.Live, Body: body}))
		ds, err := q.Receive(ctx, 1, time.Minute)
		must(b, err)
		must(b, q.Delete(ctx, ds...))
	}
}

// BenchmarkPairUpdate is one edit taken into a stored pair.
func BenchmarkPairUpdate(b *testing.B) {
	ctx := context.Background()
	book := &pair.Book{Store: openState(b).Store(), Site: "public", Now: func() int64 { return time.Now().UnixMilli() }}
	must(b, book.Create(ctx, samplePair(book, 1)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := book.Update(ctx, Connection, "10001", func(p *pair.Pair) error {
			p.State.Field("summary").Shown = bridge.ValueOf(fmt.Sprint("edit ", i))
			p.Mark(book.Now(), bridge.Live)
			p.Note(pair.Event{What: "observed", Field: "summary"})
			return nil
		})
		must(b, err)
	}
}

// BenchmarkWebhook is a webhook verified and decoded.
func BenchmarkWebhook(b *testing.B) {
	raw, err := os.ReadFile("../../events/ingest-signed.json")
	must(b, err)
	var sample struct{ Body string }
	must(b, json.Unmarshal(raw, &sample))
	body := []byte(sample.Body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		jira.VerifySignature(webhookSecret, body, "sha256=0000000000000000000000000000000000000000000000000000000000000000")
		if _, err := jira.DecodeEvent(body, http.Header{}); err != nil {
			b.Fatal(err)
		}
	}
}
