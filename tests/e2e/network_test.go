//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestOnlyPrivateDialsOut runs the two sides in network namespaces of their own. Between them is one wire, and on the
// private end a firewall as companies have them: what is opened from inside may be answered, nothing may be opened from
// outside. Sync works both ways; and the poller listens on nothing but loopback, and speaks with nobody but its Jira and
// the hub.
func TestOnlyPrivateDialsOut(t *testing.T) {
	t.Parallel()
	n := wire(t)
	w := rig.New(t, rig.Options{Public: rig.Place(n.public), Private: rig.Place(n.private), HubHost: n.publicIP, PollerWebhook: true})
	watch := n.watch(t, w)
	t.Run("sync works both ways", func(t *testing.T) { workBothWays(t, w) })
	t.Run("nothing can be opened from outside", func(t *testing.T) { n.knock(t, w) })
	seen := watch()
	t.Run("the poller listens on loopback only", func(t *testing.T) {
		for _, s := range n.sockets(t, n.private, w.Poller.PID()) {
			if s.listens && !s.local.IP.IsLoopback() {
				t.Errorf("the poller listens on %s", s.local)
			}
		}
	})
	t.Run("the poller speaks with its Jira and the hub only", func(t *testing.T) {
		allowed := []string{strings.TrimPrefix(w.Private.Base, "http://"), strings.TrimPrefix(w.HubURL, "http://")}
		for to := range seen.poller {
			if !slices.Contains(allowed, to) {
				t.Errorf("the poller was connected to %s", to)
			}
		}
		for _, to := range allowed {
			if !seen.poller[to] {
				t.Errorf("never seen connected to %s: is the watch blind?", to)
			}
		}
		t.Logf("connected to: %v", seen.poller)
	})
	t.Run("the hub opened nothing to the private side", func(t *testing.T) {
		for to := range seen.hub {
			if host, _, err := net.SplitHostPort(to); err != nil || host == n.privateIP {
				t.Errorf("the hub opened a connection to %s", to)
			}
		}
	})
	t.Run("the firewall saw no other traffic", func(t *testing.T) {
		if out := n.run(t, "ip", "netns", "exec", n.private, "nft", "list", "chain", "inet", "wall", "leaves"); !strings.Contains(out, "counter packets 0") {
			t.Errorf("something left the private side that may not:\n%s", out)
		}
	})
}

func workBothWays(t *testing.T, w *rig.World) {
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Across the wall", nil)
	s.there.Edit(twin, rig.Fields{"summary": "Across the wall and back"})
	s.here.Shows(key, "summary", "Across the wall and back")
	large := []byte(strings.Repeat("across the wall\n", 400_000)) // more than one part
	s.here.Attach(key, "down.txt", large)
	s.there.Attach(twin, "up.txt", large)
	for _, c := range []struct {
		j         *rig.Jira
		key, name string
	}{{s.there, twin, "down.txt"}, {s.here, key, "up.txt"}} {
		rig.Eventually(t, rig.Patience, c.name+" arrives whole", func() string {
			for _, a := range c.j.Attachments(c.key) {
				if a.Filename == c.name && string(c.j.Content(a)) == string(large) {
					return ""
				}
			}
			return "not there"
		})
	}
}

// A wired pair of namespaces.
type wired struct{ public, private, publicIP, privateIP string }

// wire makes the namespaces, the wire and the firewall; they go with the test.
func wire(t *testing.T) wired {
	t.Helper()
	if os.Getuid() != 0 {
		without(t, "needs root to make network namespaces")
	}
	for tool, where := range map[string]string{"ip": "iproute2", "nft": "nftables"} {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, fmt.Sprintf("needs %s: run scripts/network-tools.sh, or install %s", tool, where))
		}
	}
	id := os.Getpid() % 10000
	n := wired{fmt.Sprintf("dbpub%d", id), fmt.Sprintf("dbprv%d", id), "10.231.17.1", "10.231.17.2"}
	t.Cleanup(func() {
		for _, ns := range []string{n.public, n.private} {
			_ = exec.Command("ip", "netns", "del", ns).Run() // there may be none
		}
	})
	for _, ns := range []string{n.public, n.private} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			without(t, fmt.Sprintf("network namespaces cannot be made here: %s", strings.TrimSpace(string(out))))
		}
	}
	n.run(t, "ip", "-n", n.public, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", n.private)
	for _, end := range [][]string{{n.public, "out", n.publicIP}, {n.private, "in", n.privateIP}} {
		n.run(t, "ip", "-n", end[0], "addr", "add", end[2]+"/24", "dev", end[1])
		n.run(t, "ip", "-n", end[0], "link", "set", "lo", "up")
		n.run(t, "ip", "-n", end[0], "link", "set", end[1], "up", "addrgenmode", "none")
	}
	for _, line := range []string{
		"add table inet wall",
		"add chain inet wall comes { type filter hook input priority 0; policy drop; }",
		`add rule inet wall comes iifname "lo" accept`,
		"add rule inet wall comes ct state established,related accept",
		"add chain inet wall leaves { type filter hook output priority 0; policy accept; }",
		`add rule inet wall leaves oifname "lo" accept`,
		"add rule inet wall leaves ip daddr " + n.publicIP + " tcp dport != 0 accept",
		"add rule inet wall leaves counter drop",
	} {
		n.run(t, append([]string{"ip", "netns", "exec", n.private, "nft"}, strings.Fields(line)...)...)
	}
	return n
}

// without ends a test that cannot be run here: it is skipped, in CI it fails.
func without(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func (n wired) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// knock tries to open connections from the public side, at every port somebody listens on in there and some others.
func (n wired) knock(t *testing.T, w *rig.World) {
	t.Helper()
	ports := map[int]bool{22: true, 80: true, 443: true}
	for _, s := range n.sockets(t, n.private, 0) {
		if s.listens {
			ports[s.local.Port] = true
		}
	}
	if len(ports) < 5 {
		t.Errorf("only %d ports to knock at: are they not seen?", len(ports))
	}
	var wg sync.WaitGroup
	for port := range ports {
		wg.Go(func() {
			c, err := rig.Place(n.public).DialFor(time.Second, "tcp", fmt.Sprintf("%s:%d", n.privateIP, port))
			if err == nil {
				_ = c.Close() // it should not be open
				t.Errorf("port %d of the private side can be opened from the public side", port)
			} else if !errors.Is(err, os.ErrDeadlineExceeded) && !isTimeout(err) && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("port %d: %v", port, err)
			}
		})
	}
	wg.Wait()
	c, err := rig.Place(n.private).Dial("tcp", strings.TrimPrefix(w.HubURL, "http://"))
	if err != nil {
		t.Fatalf("the other way does not work either: %v", err)
	}
	_ = c.Close() // it opened
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// spoken is with whom each half was seen connected, by address, where it opened the connection itself.
type spoken struct{ poller, hub map[string]bool }

// watch looks at the sockets of both halves all the time, until the returned function is called.
func (n wired) watch(t *testing.T, w *rig.World) (stop func() spoken) {
	t.Helper()
	seen := spoken{map[string]bool{}, map[string]bool{}}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			n.note(t, n.private, w.Poller.PID(), seen.poller)
			n.note(t, n.public, w.Hub.PID(), seen.hub)
			select {
			case <-quit:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() spoken {
		close(quit)
		<-done
		return seen
	}
}

// note adds the remote ends of connections that a process opened: those at whose local port it does not listen.
func (n wired) note(t *testing.T, ns string, pid int, seen map[string]bool) {
	all := n.sockets(t, ns, pid)
	listens := map[int]bool{}
	for _, s := range all {
		if s.listens {
			listens[s.local.Port] = true
		}
	}
	for _, s := range all {
		if !s.listens && !listens[s.local.Port] {
			seen[s.remote.String()] = true
		}
	}
}
