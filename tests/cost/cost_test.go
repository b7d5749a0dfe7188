package cost

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"drawbridge/functions/wire"
)

const (
	pairs   = 100
	changes = 1000
	burst   = 10 // changes of one exchange
	million = 1e6
	month   = 730 * time.Hour
)

// Targets, in USD, list prices without a free tier.
const (
	mostWrites  = 5.0 // DynamoDB write units of a change
	mostOut     = 6.5 // a million changes public -> private
	mostBack    = 8.5 // and back, the echo included
	mostIdle    = 1.2 // a month of an idle connection, polled every 5 s
	mostIdleLow = 0.35
)

// out is where the bills go: make cost shows them.
func out(t *testing.T) io.Writer {
	if testing.Verbose() {
		return os.Stdout
	}
	return io.Discard
}

// TestCost counts a run of 1,000 changes each way, and idle exchanges.
func TestCost(t *testing.T) {
	tn := newTown(t)
	if os.Getenv("COST_SAY") != "" {
		tn.m.say = t.Logf
	}
	var keys, twins []string
	for range pairs {
		keys = append(keys, tn.w.Public.Create("the printer burns", map[string]any{"description": "It *smokes*."}))
	}
	tn.settleAll()
	for _, k := range keys {
		twins = append(twins, tn.w.Public.Twin(k))
	}
	fmt.Fprintf(out(t), "\nPrices: %s. %d changes each way to %d pairs, %d in an exchange and in a batch of the worker.\n\n", tn.m.p.Source, changes, pairs, burst)
	there := tn.run(keys, tn.publicly)
	there.Print(out(t), "public -> private: one change, and a million of them", tn.m.p, million)
	back := tn.run(twins, tn.privately)
	back.Print(out(t), "private -> public, the echo included: one change, and a million of them", tn.m.p, million)
	at5, at20 := tn.idly(5*time.Second), tn.idly(20*time.Second)
	at5.Print(out(t), "idle, polled every 5 s: one exchange, and a month of them", tn.m.p, polls(5*time.Second))
	at20.Print(out(t), "idle, polled every 20 s: one exchange, and a month of them", tn.m.p, polls(20*time.Second))
	tn.alone(keys, out(t))

	atMost(t, "write units of a change public -> private", there.Writes, mostWrites)
	atMost(t, "write units of a change private -> public", back.Writes, mostWrites)
	atMost(t, "USD for a million changes public -> private", there.USD(tn.m.p)*million, mostOut)
	atMost(t, "USD for a million changes private -> public", back.USD(tn.m.p)*million, mostBack)
	atMost(t, "USD for an idle month at 5 s", at5.USD(tn.m.p)*polls(5*time.Second), mostIdle)
	atMost(t, "USD for an idle month at 20 s", at20.USD(tn.m.p)*polls(20*time.Second), mostIdleLow)
	if there.Lines != 1 || back.Lines != 1 {
		t.Errorf("%g and %g lines are logged of a change, want one", there.Lines, back.Lines)
	}
	if at5.WriteCalls != 1 || at5.Writes != 1 {
		t.Errorf("an idle exchange makes %g writes of %g units, want one of one", at5.WriteCalls, at5.Writes)
	}
}

func atMost(t *testing.T, what string, got, most float64) {
	t.Helper()
	if got > most {
		t.Errorf("%s: %.3f, at most %.2f", what, got, most)
	}
}

func polls(every time.Duration) float64 { return float64(month / every) }

// run makes the changes in bursts and returns what one costs.
func (tn *town) run(keys []string, step func([]string, int)) Bill {
	tn.settleAll()
	tn.m.reset()
	for n := 0; n < changes; n += burst {
		if tn.m.say != nil {
			tn.m.say("=== burst %d", n)
		}
		at := n % len(keys)
		step(keys[at:at+burst], n/len(keys)+n/burst)
	}
	tn.settleAll()
	return tn.m.bill.Per(changes)
}

// publicly is a burst of edits on the public site and the exchange that takes them; the acks go with the next.
func (tn *town) publicly(keys []string, n int) {
	for _, k := range keys {
		edit(tn.w.Public, k, n)
	}
	tn.flush()
	tn.work()
	tn.round()
	tn.private()
}

// privately is a burst of edits on the private site; their echoes come before the exchange that asks for the acks.
func (tn *town) privately(keys []string, n int) {
	for _, k := range keys {
		edit(tn.w.Private, k, n+4) // another value than the last one of the way there
	}
	tn.private()
	tn.round()
	tn.work()
	tn.flush()
	tn.work()
}

// idly is an exchange in which there is nothing to say.
func (tn *town) idly(every time.Duration) Bill {
	const n = 200
	tn.every, tn.idle = every, time.Hour
	for range n { // nonces of what was before run out
		tn.round()
	}
	tn.m.reset()
	for range n {
		tn.round()
	}
	tn.every, tn.idle = time.Second, 0
	return tn.m.bill.Per(n)
}

// alone prints what a change costs that comes by itself: one exchange, one batch of the worker, for each.
func (tn *town) alone(keys []string, w io.Writer) {
	const n = 50
	tn.settleAll()
	tn.m.reset()
	for i := range n {
		tn.publicly(keys[i:i+1], 4*(i+pairs)) // the summary
	}
	tn.settleAll()
	tn.m.bill.Per(n).Print(w, "public -> private, each change by itself: one, and a million of them", tn.m.p, million)
}

// TestFixedCost prints what a stack costs that has nothing to do: alarms, metrics, dashboard, schedules, and the polls by
// which Lambda waits for messages (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": five at a time of 20 s).
func TestFixedCost(t *testing.T) {
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	count := func(pattern string) float64 {
		found := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
		return float64(len(found))
	}
	alarms := count(`(?m)^  (\w+):\n    Type: AWS::CloudWatch::Alarm`)
	metrics := float64(len(wire.Metrics()))
	sources := count(`(?m)^        (\w+):\n          Type: SQS`)
	minutes := float64(month / time.Minute)
	schedules := minutes + minutes/5 + minutes/10
	rows := []line{
		{"alarms", alarms, p.Alarm},
		{"metrics of our own", metrics, p.Metric},
		{"dashboard", 1, p.Dashboard},
		{"polls of idle queues", sources * 5 * float64(month/(20*time.Second)), p.SQS},
		{"schedules: invocations", schedules, p.Invocation},
		{"schedules: GB-seconds", schedules * 0.05 * p.Memory["reconcile"] / 1024, p.GBSecond},
	}
	sum := 0.0
	fmt.Fprintln(out(t), "\nfixed, a month of a stack, whatever it does")
	for _, r := range rows {
		fmt.Fprintf(out(t), "  %-32s %12s       %8.3f USD\n", r.what, short(r.count), r.count*r.usd)
		sum += r.count * r.usd
	}
	fmt.Fprintf(out(t), "  %-32s %12s       %8.2f USD\n\n", "", "", sum)
	if alarms == 0 || sources == 0 {
		t.Errorf("%g alarms, %g event sources found in template.yaml: it is written in another way now", alarms, sources)
	}
}
