package wire

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/relay"
)

// embedded is the member "_aws" of a log line, by which CloudWatch makes metrics of other members of the same line
// (CloudWatch User Guide, "Specification: Embedded metric format").
type embedded struct {
	Timestamp         int64 // ms
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct{ Name, Unit string }

func embed(now time.Time, ms []metric) embedded {
	return embedded{now.UnixMilli(), []directive{{"Drawbridge", [][]string{{"Stack"}}, ms}}}
}

// Logger writes lines of JSON; those of changes make metrics of the stack.
func Logger(w io.Writer, level slog.Level, stack string) *slog.Logger {
	return slog.New(metrics{slog.NewJSONHandler(bridge.JSONWriter{To: w}, &slog.HandlerOptions{Level: level}), stack})
}

// The metrics of a change's line.
var (
	changesOut    = metric{"ChangesOut", "Count"}
	changesIn     = metric{"ChangesIn", "Count"}
	changesFailed = metric{"ChangesFailed", "Count"}
	changeDelay   = metric{"ChangeDelay", "Milliseconds"}
)

// Metrics are the names of all metrics that functions make, sorted.
func Metrics() (names []string) {
	for _, m := range append([]metric{changesOut, changesIn, changesFailed, changeDelay}, healthMetrics...) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

// metrics is a log handler that makes metrics of the line of a change: how many went out and came in, how many of them
// were not applied, and how long those that went out had waited.
type metrics struct {
	slog.Handler
	stack string
}

// Handle implements slog.Handler.
func (m metrics) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != relay.ChangeLine {
		return m.Handler.Handle(ctx, r)
	}
	r = r.Clone()
	made := []metric{}
	count := func(m metric, n int64) {
		made = append(made, m)
		r.AddAttrs(slog.Int64(m.Name, n))
	}
	failed := int64(0)
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == "direction" && a.Value.String() == "out":
			count(changesOut, 1)
		case a.Key == "direction":
			count(changesIn, 1)
		case a.Key == "delay_ms":
			count(changeDelay, a.Value.Int64())
		case a.Key == "outcome" && a.Value.String() != string(bridge.Applied) && a.Value.String() != string(bridge.Awaits):
			failed = 1
		}
		return true
	})
	count(changesFailed, failed)
	r.AddAttrs(slog.String("Stack", m.stack), slog.Any("_aws", embed(r.Time, made)))
	return m.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (m metrics) WithAttrs(as []slog.Attr) slog.Handler {
	return metrics{m.Handler.WithAttrs(as), m.stack}
}

// WithGroup implements slog.Handler. What is inside a group makes no metrics.
func (m metrics) WithGroup(name string) slog.Handler { return m.Handler.WithGroup(name) }
