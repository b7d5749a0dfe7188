package exchange_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
)

func content(id string, b []byte) exchange.Content {
	sum := sha256.Sum256(b)
	return exchange.Content{ID: id, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

func (w *world) stored(key string) []byte {
	w.t.Helper()
	r, _, err := w.blobs.Get(context.Background(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func TestContentBothWaysInAnySize(t *testing.T) {
	for _, size := range []int{0, 1, 5000, exchange.PartSize, exchange.PartSize + 1, 2 * exchange.PartSize, 17 << 20} {
		w := newWorld(t)
		c, b, ctx := w.joined(), pattern(size), context.Background()
		if err := c.Upload(ctx, content("10", b), reader(b)); err != nil {
			t.Fatalf("%d bytes up: %v", size, err)
		}
		if !bytes.Equal(w.stored(exchange.BlobKey("c1", bridge.Private, "10")), b) {
			t.Errorf("%d bytes up: changed", size)
		}
		if _, err := w.blobs.Put(ctx, exchange.BlobKey("c1", bridge.Public, "20"), bytes.NewReader(b), int64(size), ""); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := c.Download(ctx, content("20", b), &got); err != nil || !bytes.Equal(got.Bytes(), b) {
			t.Errorf("%d bytes down: %v", size, err)
		}
	}
}

func TestPartsAreDeletedAfterAssembly(t *testing.T) {
	w := newWorld(t)
	c, b := w.joined(), pattern(2*exchange.PartSize+5)
	if err := c.Upload(context.Background(), content("10", b), reader(b)); err != nil {
		t.Fatal(err)
	}
	if n := len(w.blobs.All()); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func TestContentThatIsNotWhatWasAnnounced(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.joined(), context.Background()
	b := pattern(exchange.PartSize + 10)
	short, long, other := b[:len(b)-1], append(bytes.Clone(b), 1), bytes.Clone(b)
	other[7] ^= 1
	for name, sent := range map[string][]byte{"short": short, "long": long, "other": other} {
		err := c.Upload(ctx, content("10", b), reader(sent))
		w.wantError(err, "blob-mismatch")
		if _, err := w.blobs.Stat(ctx, exchange.BlobKey("c1", bridge.Private, "10")); err == nil {
			t.Errorf("%s: stored", name)
		}
		if _, err := w.blobs.Put(ctx, exchange.BlobKey("c1", bridge.Public, "20"), bytes.NewReader(sent), int64(len(sent)), ""); err != nil {
			t.Fatal(err)
		}
		w.wantError(c.Download(ctx, content("20", b), io.Discard), "blob-mismatch")
	}
}

func TestContentTooLargeOrMissing(t *testing.T) {
	w := newWorld(t)
	w.handler.MaxBlob = 1000
	c, b := w.joined(), pattern(1001)
	w.wantError(c.Upload(context.Background(), content("10", b), reader(b)), "hub-request")
	w.wantError(c.Download(context.Background(), content("20", b), io.Discard), "blob-missing")
}

func TestContentTeachesNoTime(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.joined(), context.Background()
	b := []byte(`{"now_ms":1}`) // an attachment somebody wrote to move the poller's clock
	w.blobs.Put(ctx, exchange.BlobKey("c1", bridge.Public, "20"), bytes.NewReader(b), int64(len(b)), "")
	if err := c.Download(ctx, content("20", b), io.Discard); err != nil {
		t.Fatal(err)
	}
	if off, _ := c.Clock.Offset(); off != 0 {
		t.Errorf("learnt %s", off)
	}
}

// linked is a blob store that gives out links to a server.
type linked struct {
	blob.Store
	url string
}

func (l linked) Presign(_ context.Context, key, _ string, _ time.Duration) (string, bool, error) {
	return l.url + "/" + key + "?secret=1", true, nil
}

func TestLargeContentGoesByLinkAndFallsBackToParts(t *testing.T) {
	for _, reachable := range []bool{true, false} {
		w := newWorld(t)
		calls := 0
		s3 := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			calls++
			key := strings.TrimPrefix(r.URL.Path, "/")
			switch {
			case !reachable:
				http.Error(rw, "blocked by the firewall", 403)
			case r.Header.Get("Signature") != "":
				http.Error(rw, "our signature has no business here", 400)
			case r.Method == "PUT":
				w.blobs.Put(r.Context(), key, r.Body, r.ContentLength, "")
			default:
				rd, _, _ := w.blobs.Get(r.Context(), key)
				io.Copy(rw, rd)
			}
		}))
		defer s3.Close()
		w.handler.Blobs = linked{w.blobs, s3.URL}
		c, b, ctx := w.joined(), pattern(17<<20), context.Background()
		if err := c.Upload(ctx, content("10", b), reader(b)); err != nil {
			t.Fatalf("reachable %v: %v", reachable, err)
		}
		w.blobs.Put(ctx, exchange.BlobKey("c1", bridge.Public, "20"), bytes.NewReader(b), int64(len(b)), "")
		var got bytes.Buffer
		if err := c.Download(ctx, content("20", b), &got); err != nil || !bytes.Equal(got.Bytes(), b) {
			t.Errorf("reachable %v: %v", reachable, err)
		}
		if calls != 2 || !bytes.Equal(w.stored(exchange.BlobKey("c1", bridge.Private, "10")), b) {
			t.Errorf("reachable %v: %d calls", reachable, calls)
		}
	}
}
