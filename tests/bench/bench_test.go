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

// plan is what one mode measures.
type plan struct {
	runs                          int
	latencies                     []time.Duration
	writers                       []int
	first, idle, changes          []int
	parallel, growth              []int
	handover, burst, trouble      int
	awayIssues, awayEdits, awayUp int
}

var plans = map[string]plan{
	"full": {
		runs: 5, latencies: []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond}, writers: []int{1, 8},
		first: []int{1000}, idle: []int{1000, 10000}, changes: []int{1000}, parallel: []int{1, 8, 32},
		growth: []int{1000, 10000, 100000, 1000000}, handover: 1000, burst: 5000, trouble: 200, awayIssues: 2000, awayEdits: 100000,
	},
	"times": { // the times that docs/performance.md compares with the physical limit
		runs: 1, latencies: []time.Duration{20 * time.Millisecond}, writers: []int{8}, first: []int{1000}, idle: []int{1000},
		changes: []int{1000}, parallel: []int{8}, growth: []int{1000}, handover: 300, burst: 2000, trouble: 40, awayIssues: 100, awayEdits: 1000,
	},
	"quick": {
		runs: 1, latencies: []time.Duration{20 * time.Millisecond}, writers: []int{8}, first: []int{200}, idle: []int{1000},
		changes: []int{200}, parallel: []int{8}, growth: []int{1000, 100000}, handover: 300, burst: 2000, trouble: 40, awayIssues: 100, awayEdits: 1000,
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
	for run := range p.runs {
		for _, s := range Scenes(p) {
			if strings.Contains(scenes, s.name[:1]) {
				t.Run(fmt.Sprintf("%s run %d", s.name, run+1), func(t *testing.T) { s.run(t, r) })
			}
		}
	}
	r.Print(os.Stdout)
	must(t, r.Save(cmp.Or(os.Getenv("BENCH_OUT"), filepath.Join(t.TempDir(), "bench.json"))))
}

type scene struct {
	name string
	run  func(t *testing.T, r *Report)
}

// Scenes are the scenes of a plan, in the order of their letters.
func Scenes(p plan) (out []scene) {
	add := func(name string, run func(t *testing.T, r *Report)) { out = append(out, scene{name, run}) }
	for _, l := range p.latencies {
		for _, n := range p.writers {
			o := Options{Latency: l, Writers: n}
			where := fmt.Sprintf("%s, %d writers", l, n)
			for _, issues := range p.first {
				add("A "+where, func(t *testing.T, r *Report) { RunFirstSync(t, issues, o).report(r, "A "+where) })
			}
			for _, parallel := range p.parallel {
				o.Deliver = Deliveries{Parallel: parallel, Lost: 0.05}
				where := fmt.Sprintf("%s, %d parallel webhooks", where, parallel)
				for _, changes := range p.changes {
					add("C "+where, func(t *testing.T, r *Report) {
						for _, c := range RunChanges(t, changes, o) {
							c.report(r, "C "+where)
						}
					})
				}
			}
		}
	}
	for _, n := range p.idle {
		add("B", func(t *testing.T, r *Report) { RunIdle(t, n, Options{Latency: 20 * time.Millisecond}).report(r, "B") })
	}
	add("D", func(t *testing.T, r *Report) { RunHandover(t, p.handover, p.burst).report(r, "D") })
	add("D trouble", func(t *testing.T, r *Report) {
		r.Add("D trouble", "lost or out of order: poller away, hub restarted, Jira answers 500", "changes", "0", float64(RunTrouble(t, p.trouble)))
	})
	add("E", func(t *testing.T, r *Report) { RunAway(t, p.awayIssues, p.awayEdits, Options{}).report(r, "E") })
	for _, n := range p.growth {
		add("F", func(t *testing.T, r *Report) { RunGrowth(t, n, Build(t)).report(r, "F") })
	}
	add("M", Micro)
	return out
}

// Micro runs the benchmarks that stand beside the code of the hot path.
func Micro(t *testing.T, r *Report) {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "0.5s",
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
