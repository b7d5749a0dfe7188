package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
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

// BenchmarkAccept is a webhook taken durably, 32 at the same time: verified, decoded, queued on disk.
func BenchmarkAccept(b *testing.B) {
	raw, err := os.ReadFile("../../events/ingest-signed.json")
	must(b, err)
	var sample struct{ Body string }
	must(b, json.Unmarshal(raw, &sample))
	body := []byte(sample.Body)
	s := &site.Site{Name: "public", Queue: openState(b).Queue(), Book: &pair.Book{Site: "public"}}
	in := &ingest.Handler{Name: "public", Secret: func() (string, error) { return webhookSecret, nil }, Send: s.Send, Log: slog.New(slog.DiscardHandler)}
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write(body)
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	var n atomic.Int64
	used := processorTime()
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			head := http.Header{"X-Hub-Signature": {signature}, "X-Atlassian-Webhook-Identifier": {fmt.Sprint(n.Add(1))}}
			if status, why := in.Take(context.Background(), body, head, ""); status != http.StatusAccepted {
				b.Errorf("%d %s", status, why)
				return
			}
		}
	})
	b.ReportMetric(float64((processorTime()-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkPairLoad is a stored pair read that has not changed since it was read last.
func BenchmarkPairLoad(b *testing.B) {
	ctx := context.Background()
	book := &pair.Book{Store: openState(b).Store(), Site: "public", Now: func() int64 { return time.Now().UnixMilli() }}
	must(b, book.Create(ctx, samplePair(book, 1)))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := book.Load(ctx, Connection, "10001"); err != nil || p == nil {
			b.Fatal(err)
		}
	}
}
