package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/poll"
	"drawbridge/shared/sign"
	"drawbridge/shared/store/sqlitestore"
	"drawbridge/simulator"
)

// Growth is what a state of many pairs costs (scene F).
type Growth struct {
	Pairs     int
	Change    time.Duration // median time of a change taken into one pair: read, decided, durable
	Processor time.Duration // per change
	File      int64         // bytes
	Start     time.Duration // of the real poller, from exec until it answers
	Memory    int64         // bytes: the most the poller had resident in its first seconds
}

// State is the private half's state, which grows from one size to the next: making a million pairs takes minutes.
type State struct {
	Dir    string
	pairs  int
	binary string
	took   map[int][]float64 // times per change, by number of pairs
}

// Slope is by which power of the number of pairs the time per change grows: the line through the logarithms of the medians.
// 0.05 is 12 % more for ten times as many.
func (s *State) Slope() float64 {
	var n, x, y, xx, xy float64
	for pairs, took := range s.took {
		slices.Sort(took)
		a, b := math.Log10(float64(pairs)), math.Log10(took[len(took)/2])
		n, x, y, xx, xy = n+1, x+a, y+b, xx+a*a, xy+a*b
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// RunGrowth brings a state to n pairs, changes pairs at random, and starts the real poller on it.
func RunGrowth(t testing.TB, s *State, n int) Growth {
	if s.binary == "" {
		s.binary = build(t, s.Dir)
	}
	path := filepath.Join(s.Dir, "poller.db")
	db, err := sqlitestore.Open(path, sqlitestore.Options{Version: "bench", Exclusive: true})
	must(t, err)
	book := &pair.Book{Store: db.Store(), Site: "private", Now: func() int64 { return time.Now().UnixMilli() }}
	fill(t, book, s.pairs, n)
	s.pairs = max(s.pairs, n)
	out := Growth{Pairs: n}
	out.Change, out.Processor = change(t, book, n)
	if s.took == nil {
		s.took = map[int][]float64{}
	}
	s.took[n] = append(s.took[n], out.Change.Seconds())
	link(t, db)
	must(t, db.Close())
	info, err := os.Stat(path)
	must(t, err)
	out.File = info.Size()
	out.Start, out.Memory = start(t, s.Dir, s.binary)
	return out
}

// fill makes the pairs from one number to another, many at the same time, as they share commits then.
func fill(t testing.TB, book *pair.Book, from, to int) {
	var wg sync.WaitGroup
	const workers = 48
	for k := range workers {
		wg.Go(func() {
			for i := from + k; i < to; i += workers {
				if err := book.Join(context.Background(), samplePair(book, i), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// change takes edits into pairs chosen at random.
func change(t testing.TB, book *pair.Book, n int) (median, processor time.Duration) {
	const edits = 1000
	rng, used := mathrand.New(mathrand.NewPCG(1, uint64(n))), processorTime()
	var took []time.Duration
	for i := range edits {
		began := time.Now()
		_, err := book.Update(context.Background(), Connection, fmt.Sprint(10000+rng.IntN(n)), func(p *pair.Pair) error {
			p.State.Field("summary").Shown = bridge.ValueOf(fmt.Sprint("edit ", i))
			p.Mark(book.Now(), bridge.Live)
			p.Acknowledge(bridge.Ack{Revision: p.Head.Revision, Outcome: bridge.Applied})
			p.Note(pair.Event{What: "observed", Field: "summary"})
			return nil
		})
		must(t, err)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[edits/2], (processorTime() - used) / edits
}

// link gives the state a connection to a hub that is not there.
func link(t testing.TB, db *sqlitestore.DB) {
	key, err := sign.NewKey(rand.Reader)
	must(t, err)
	must(t, poll.Book{Store: db.Store()}.Save(context.Background(), poll.Link{Connection: Connection, HubURL: "http://127.0.0.1:9", HubKey: key.Public(), Key: key}))
	book := &pair.Book{Store: db.Store(), Site: "private", Now: func() int64 { return time.Now().UnixMilli() }}
	must(t, book.UpdateConnection(context.Background(), Connection, func(c *bridge.Connection) error {
		c.Name, c.State, c.Project = Connection, bridge.Pending, PrivateProject // its issues are in no Jira: nothing is to be compared
		return nil
	}))
}

// build builds the drawbridge binary.
func build(t testing.TB, dir string) string {
	path := filepath.Join(dir, "drawbridge")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s", "-o", path, "drawbridge/cmd/drawbridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building drawbridge: %v\n%s", err, out)
	}
	return path
}

const pollerSettings = `state: poller.db
blobs: blobs
metrics: {listen: "%s"}
site:
  name: private
  flavour: datacenter
  api_url: %s
  auth: {token: {file: token}}
watch: {interval: 1s}
`

// start runs the real poller until it answers and has searched, and says how long that took and how much memory.
func start(t testing.TB, dir, binary string) (took time.Duration, memory int64) {
	j := StartJira(t, simulator.DataCenter, PrivateProject)
	defer j.Stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	must(t, os.WriteFile(filepath.Join(dir, "token"), []byte(j.Token), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "poller.yaml"), fmt.Appendf(nil, pollerSettings, addr, j.URL), 0o600))
	var log bytes.Buffer
	cmd := exec.Command(binary, "poller", "run", "--config", filepath.Join(dir, "poller.yaml"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	began := time.Now()
	must(t, cmd.Start())
	for took == 0 && time.Since(began) < settleTime {
		if resp, err := http.Get("http://" + addr + "/healthz"); err == nil {
			_ = resp.Body.Close()
			took = time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(3 * time.Second) // it searches, and the whole file is checked
	memory = peak(cmd.Process.Pid)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if took == 0 {
		t.Errorf("the poller does not answer: %s", log.String())
	}
	return took, memory
}

// peak is the most memory a process had resident, in bytes; 0 where that cannot be asked.
func peak(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64) // 0 if it is none
			return kb << 10
		}
	}
	return 0
}

func (g Growth) report(r *Report, scene string) {
	what := fmt.Sprintf("%d pairs: ", g.Pairs)
	r.Add(scene, what+"time per change", "ms", "flat", float64(g.Change.Microseconds())/1000)
	r.Add(scene, what+"processor time per change", "ms", "flat", float64(g.Processor.Microseconds())/1000)
	r.Add(scene, what+"file per pair", "KB", "", float64(g.File)/1024/float64(g.Pairs))
	r.Add(scene, what+"poller: start", "ms", "100", float64(g.Start.Microseconds())/1000)
	r.Add(scene, what+"poller: memory", "MB", "40 at 100,000", float64(g.Memory)/(1<<20))
}
