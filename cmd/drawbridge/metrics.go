package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
)

// metrics counts what a half does, in Prometheus' text format.
type metrics struct {
	mu    sync.Mutex
	calls map[callLabel]callCount
}

type callLabel struct {
	method, route string
	status        int
}

type callCount struct {
	n    int64
	took time.Duration
}

func newMetrics() *metrics { return &metrics{calls: map[callLabel]callCount{}} }

// call counts one call to Jira; status 0: no answer came.
func (m *metrics) call(method, route string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := callLabel{method, route, status}
	c := m.calls[l]
	m.calls[l] = callCount{c.n + 1, c.took + took}
}

// serveMetrics answers /metrics.
func (e *engine) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if err := e.writeMetrics(r.Context(), w); err != nil {
		e.log.Warn("metrics", "error", err)
	}
}

func (e *engine) writeMetrics(ctx context.Context, w io.Writer) error {
	e.metrics.write(w)
	up := 1
	if e.problem() != "" {
		up = 0
	}
	gauge(w, "drawbridge_site_up", "1 if the local Jira answers and knows us", sample{nil, int64(up)})
	depth, err := e.site.Queue.Depth(ctx)
	if err != nil {
		return err
	}
	gauge(w, "drawbridge_queue_messages", "messages in the work queue", sample{[]string{"state", "waiting"}, int64(depth.Waiting)},
		sample{[]string{"state", "in_work"}, int64(depth.InFlight)}, sample{[]string{"state", "dead"}, int64(depth.Dead)})
	all, err := e.site.Book.Connections(ctx)
	if err != nil {
		return err
	}
	var waiting, oldest []sample
	for _, c := range all {
		live, bulk, since, err := e.site.Book.Depth(ctx, c.ID, depthMax)
		if err != nil {
			return err
		}
		waiting = append(waiting, sample{[]string{"connection", c.Name, "lane", "live"}, int64(live)}, sample{[]string{"connection", c.Name, "lane", "bulk"}, int64(bulk)})
		age := int64(0)
		if since != 0 {
			age = max(0, e.site.Now()-since) / 1000
		}
		oldest = append(oldest, sample{[]string{"connection", c.Name}, age})
	}
	gauge(w, "drawbridge_outbox_changes", "changes the other site has not acknowledged", waiting...)
	gauge(w, "drawbridge_outbox_oldest_seconds", "age of the oldest of them", oldest...)
	return nil
}

func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n, took []string
	for l, c := range m.calls {
		labels := labelled([]string{"method", l.method, "route", l.route, "status", strconv.Itoa(l.status)})
		n = append(n, fmt.Sprintf("drawbridge_jira_calls_total%s %d\n", labels, c.n))
		took = append(took, fmt.Sprintf("drawbridge_jira_call_seconds_total%s %.3f\n", labels, c.took.Seconds()))
	}
	slices.Sort(n)
	slices.Sort(took)
	fmt.Fprintf(w, "# HELP drawbridge_jira_calls_total calls to the local Jira\n# TYPE drawbridge_jira_calls_total counter\n%s", strings.Join(n, ""))
	fmt.Fprintf(w, "# HELP drawbridge_jira_call_seconds_total time spent in them\n# TYPE drawbridge_jira_call_seconds_total counter\n%s", strings.Join(took, ""))
}

// sample is one number with its label names and values.
type sample struct {
	labels []string
	value  int64
}

func gauge(w io.Writer, name, help string, samples ...sample) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
	for _, s := range samples {
		fmt.Fprintf(w, "%s%s %d\n", name, labelled(s.labels), s.value)
	}
}

// escaped knows the only escapes that the format has; another one, and none of the numbers can be read.
var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func labelled(pairs []string) string {
	if len(pairs) == 0 {
		return ""
	}
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, pairs[i]+`="`+escaped.Replace(bridge.OneLine(pairs[i+1]))+`"`)
	}
	return "{" + strings.Join(out, ",") + "}"
}
