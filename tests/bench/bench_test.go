package bench

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// plan is what one mode measures. A single writer gets a fifth of the work: all it does is wait for Jira.
type plan struct {
	runs                     int
	latencies                []time.Duration
	writers                  []int
	first, changes           int
	idle, growth             []int
	parallel                 []int // webhook deliveries, at 20 ms and 8 writers; 8 elsewhere
	handover, burst, trouble int
	awayIssues, awayEdits    int
	micro                    time.Duration // for each microbenchmark
}

var plans = map[string]plan{
	"full": {
		runs: 5, latencies: []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond}, writers: []int{1, 8},
		first: 1000, changes: 1000, idle: []int{1000, 10000}, parallel: []int{1, 8, 32}, growth: []int{1000, 10000, 100000, 1000000},
		handover: 1000, burst: 3500, trouble: 200, awayIssues: 2000, awayEdits: 100000, micro: 100 * time.Millisecond,
	},
	"times": { // the times that docs/performance.md compares with the physical limit
		runs: 1, latencies: []time.Duration{20 * time.Millisecond}, writers: []int{8}, first: 1000, changes: 1000, idle: []int{1000}, parallel: []int{8},
		growth: []int{1000}, handover: 300, burst: 2000, trouble: 40, awayIssues: 100, awayEdits: 1000, micro: 100 * time.Millisecond,
	},
	"quick": {
		runs: 5, latencies: []time.Duration{20 * time.Millisecond}, writers: []int{8},
		first: 100, changes: 100, idle: []int{1000}, parallel: []int{8}, growth: []int{1000, 10000},
		handover: 100, burst: 1000, trouble: 20, awayIssues: 20, awayEdits: 400, micro: 30 * time.Millisecond,
	},
}

// TestBench is `make bench`. SCENES picks some of them ("AC"), BENCH_RUNS another number of runs, BENCH_OUT the file.
func TestBench(t *testing.T) {
	mode := os.Getenv("BENCH")
	p, ok := plans[mode]
	if !ok {
		t.Skip("BENCH=full or BENCH=quick runs it: make bench")
	}
	if n, err := strconv.Atoi(os.Getenv("BENCH_RUNS")); err == nil {
		p.runs = n
	}
	settleTime = 20 * time.Minute
	r, scenes := NewReport(mode), cmp.Or(os.Getenv("SCENES"), "ABCDEFM")
	state := &State{Dir: t.TempDir()}
	for _, s := range Scenes(p, state) {
		for run := range p.runs {
			if strings.Contains(scenes, s.name[:1]) {
				t.Run(fmt.Sprintf("%s run %d", s.name, run+1), func(t *testing.T) { s.run(t, r) })
			}
		}
	}
	if len(state.took) > 1 {
		r.Add("F", "time per change: grows with this power of the number of pairs", "", "0.05", state.Slope())
	}
	r.Print(os.Stdout)
	must(t, r.Save(cmp.Or(os.Getenv("BENCH_OUT"), filepath.Join(t.TempDir(), "bench.json"))))
}

type scene struct {
	name string
	run  func(t *testing.T, r *Report)
}

// Scenes are the scenes of a plan, in the order of their letters; F grows the state.
func Scenes(p plan, state *State) (out []scene) {
	add := func(name string, run func(t *testing.T, r *Report)) { out = append(out, scene{name, run}) }
	for _, l := range p.latencies {
		for _, n := range p.writers {
			out = append(out, timed(p, Options{Latency: l, Writers: n})...)
		}
	}
	for _, n := range p.idle {
		add("B", func(t *testing.T, r *Report) { RunIdle(t, n, Options{Latency: 20 * time.Millisecond}).report(r, "B") })
	}
	add("D", func(t *testing.T, r *Report) { RunHandover(t, p.handover, p.burst).report(r, "D") })
	add("D trouble", func(t *testing.T, r *Report) { RunTrouble(t, p.trouble).report(r, "D trouble") })
	add("E", func(t *testing.T, r *Report) { RunAway(t, p.awayIssues, p.awayEdits, Options{}).report(r, "E") })
	for _, n := range p.growth {
		add("F", func(t *testing.T, r *Report) { RunGrowth(t, state, n).report(r, "F") })
	}
	add("M", func(t *testing.T, r *Report) { Micro(t, r, p.micro) })
	return out
}

// timed are the scenes A and C at one latency.
func timed(p plan, o Options) (out []scene) {
	where, share := fmt.Sprintf("%s, %d writers", o.Latency, o.Writers), 1
	if o.Writers == 1 {
		where, share = fmt.Sprintf("%s, 1 writer", o.Latency), 5
	}
	out = append(out, scene{"A " + where, func(t *testing.T, r *Report) { RunFirstSync(t, p.first/share, o).report(r, "A "+where) }})
	parallel := []int{8}
	if o.Latency == 20*time.Millisecond && o.Writers == 8 {
		parallel = p.parallel
	}
	for _, n := range parallel {
		o.Deliver = Deliveries{Parallel: n, Lost: 0.05}
		where := fmt.Sprintf("%s, %d parallel webhooks", where, n)
		out = append(out, scene{"C " + where, func(t *testing.T, r *Report) {
			for _, c := range RunChanges(t, p.changes/share, o) {
				c.report(r, "C "+where)
			}
			if n == 8 {
				RunLinked(t, p.changes/share, o).report(r, "C "+where)
			}
		}})
	}
	return out
}

// Micro runs the benchmarks that stand beside the code of the hot path.
func Micro(t *testing.T, r *Report, each time.Duration) {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", each.String(),
		"./shared/sign", "./shared/merge", "./shared/rule", "./shared/store/sqlitestore", "./tests/bench")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "BENCH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(words[0], "Benchmark"), "-")
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil && words[i+1] != "MB/s" {
				r.Add("M", name+" "+words[i+1], words[i+1], "", v)
			}
		}
	}
}
