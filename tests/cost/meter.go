package cost

import (
	"bytes"
	"context"
	"io"
	"math"
	"sync"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/queue"
	"drawbridge/shared/relay"
	"drawbridge/shared/store"
	"drawbridge/shared/store/dynamostore"
)

// meter is what the metered ports of one hub count into.
type meter struct {
	p Prices

	mu   sync.Mutex
	bill Bill
	ms   float64 // of the task or request at work: the calls it waited for
	say  func(format string, args ...any)
}

// reset begins a new bill.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill = Bill{Invocations: map[string]float64{}}
}

// call counts a call that somebody waits for.
func (m *meter) call(to string, count func(*Bill)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ms += m.p.Latency[to]
	count(&m.bill)
}

// lap returns the time of the calls since the last lap, in ms.
func (m *meter) lap() (ms float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ms, m.ms = m.ms, 0
	return ms
}

// invoked counts an invocation that took so long.
func (m *meter) invoked(function string, ms float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.Invocations[function]++
	m.bill.GBSeconds += (ms + m.p.Latency["base"]) / 1000 * m.p.Memory[function] / 1024
	m.bill.Logged += m.p.PlatformLog
}

// requested counts a request through API Gateway.
func (m *meter) requested(sent int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.API++
	m.bill.Logged += m.p.AccessLog
	m.bill.Sent += float64(sent)
}

var changeLine = []byte(`"msg":"` + relay.ChangeLine + `"`)

// Write takes log lines.
func (m *meter) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.Logged += float64(len(b))
	if bytes.Contains(b, changeLine) {
		m.bill.Lines++
	}
	return len(b), nil
}

// table is the store port as dynamostore uses DynamoDB (Amazon DynamoDB Developer Guide, "Read and write operations"): a
// write unit is 1 KB of an item, twice that in a transaction; a consistent read unit is 4 KB; what changes in the index is
// written there as well.
type table struct {
	store.Store
	m *meter
}

func units(bytes, size int) float64 { return max(1, math.Ceil(float64(bytes)/float64(size))) }

// Apply implements store.Store.
func (t table) Apply(ctx context.Context, ops ...store.Op) error {
	if len(ops) == 0 {
		return nil
	}
	sum := t.cost(ctx, ops)
	t.m.call("dynamodb", func(b *Bill) { b.WriteCalls++; b.Writes += sum })
	return t.Store.Apply(ctx, ops...)
}

// Sequence implements store.Store.
func (t table) Sequence(ctx context.Context, ops ...store.Op) error {
	return store.OneByOne(ctx, t.Apply, ops)
}

func (t table) cost(ctx context.Context, ops []store.Op) (sum float64) {
	for _, o := range ops {
		before, err := t.Store.Get(ctx, o.Key())
		if err != nil {
			return sum
		}
		size, index := 0, 0.0
		var was *store.Index
		if before[0] != nil {
			size, was = dynamostore.Size(*before[0]), before[0].Index
		}
		var is *store.Index
		if o.Writes() {
			size, is = max(size, dynamostore.Size(o.Doc)), o.Doc.Index
		}
		if o.Kind == store.OpCheck {
			is = was
		}
		switch {
		case was == nil && is == nil, was != nil && is != nil && *was == *is:
		case was == nil || is == nil:
			index = 1
		default:
			index = 2
		}
		each := units(size, 1<<10)
		if len(ops) > 1 {
			each *= 2
		}
		if t.m.say != nil {
			t.m.say("    %s %s: %d bytes, %g units and %g of the index: %.1500s", o.Kind, o.Key(), size, each, index, o.Doc.Body)
		}
		sum += each + index
	}
	return sum
}

// Get implements store.Store.
func (t table) Get(ctx context.Context, keys ...store.Key) ([]*store.Doc, error) {
	docs, err := t.Store.Get(ctx, keys...)
	sum := 0.0
	for i, d := range docs {
		if d != nil {
			sum += units(dynamostore.Size(*d), 4<<10)
		} else {
			sum++
		}
		if t.m.say != nil {
			t.m.say("    get %s", keys[i])
		}
	}
	t.m.call("dynamodb", func(b *Bill) { b.ReadCalls++; b.Reads += sum })
	return docs, err
}

// List implements store.Store.
func (t table) List(ctx context.Context, part string, r store.Range) ([]store.Doc, error) {
	docs, err := t.Store.List(ctx, part, r)
	size := 0
	for _, d := range docs {
		size += dynamostore.Size(d)
	}
	if t.m.say != nil {
		t.m.say("    list %s %s: %d", part, r.Prefix, len(docs))
	}
	t.m.call("dynamodb", func(b *Bill) { b.ReadCalls++; b.Reads += units(size, 4<<10) })
	return docs, err
}

// Indexed implements store.Store. An index is read eventually consistent, at half the price.
func (t table) Indexed(ctx context.Context, name string, r store.IndexRange) ([]store.IndexHit, error) {
	hits, err := t.Store.Indexed(ctx, name, r)
	t.m.call("dynamodb", func(b *Bill) { b.ReadCalls++; b.Reads += units(len(hits)*150, 4<<10) / 2 })
	return hits, err
}

// fifo is the queue port as sqsqueue uses SQS: each 64 KB of a request is billed as a request.
type fifo struct {
	queue.Queue
	m *meter
}

const (
	sqsBatch = 10
	sqsChunk = 64 << 10
)

// Send implements queue.Queue.
func (q fifo) Send(ctx context.Context, ms ...queue.Message) error {
	for len(ms) > 0 {
		n, size := 0, 0
		for n < min(sqsBatch, len(ms)) && (n == 0 || size+len(ms[n].Body) <= 900<<10) {
			size += len(ms[n].Body)
			n++
		}
		if err := q.Queue.Send(ctx, ms[:n]...); err != nil {
			return err
		}
		q.m.call("sqs", func(b *Bill) { b.SQS += units(size, sqsChunk) })
		ms = ms[n:]
	}
	return nil
}

// take is one batch of the event source: a receive and, where all went well, a delete.
func (q fifo) take(ctx context.Context, n int) ([]queue.Delivery, error) {
	ds, err := q.Queue.Receive(ctx, n, time.Minute)
	if len(ds) == 0 || err != nil {
		return nil, err
	}
	size := 0
	for _, d := range ds {
		size += len(d.Body)
	}
	q.m.mu.Lock()
	defer q.m.mu.Unlock()
	q.m.bill.SQS += units(size, sqsChunk) + 1
	return ds, nil
}

// objects is the blob port as s3blob uses S3.
type objects struct {
	blob.Store
	m *meter
}

// Put implements blob.Store.
func (o objects) Put(ctx context.Context, key string, r io.Reader, size int64, sum string) (blob.Info, error) {
	o.m.call("s3", func(b *Bill) { b.S3Puts++ })
	return o.Store.Put(ctx, key, r, size, sum)
}

// Get implements blob.Store.
func (o objects) Get(ctx context.Context, key string) (io.ReadCloser, blob.Info, error) {
	o.m.call("s3", func(b *Bill) { b.S3Gets++ })
	return o.Store.Get(ctx, key)
}

// Stat implements blob.Store.
func (o objects) Stat(ctx context.Context, key string) (blob.Info, error) {
	o.m.call("s3", func(b *Bill) { b.S3Gets++ })
	return o.Store.Stat(ctx, key)
}
