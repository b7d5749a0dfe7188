//go:build linux

package e2e

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A socket is one TCP or UDP socket as /proc/net shows it.
type socket struct {
	local, remote *net.TCPAddr
	listens       bool // or is a UDP socket: anybody may send to it
}

// sockets lists the sockets of a process in a network namespace; pid 0: of every process there.
func (n wired) sockets(t *testing.T, ns string, pid int) (out []socket) {
	t.Helper()
	root := pid
	if pid == 0 {
		root = n.anybody(t, ns)
	}
	mine := inodes(pid)
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", root, table))
		if err != nil {
			continue // the process has ended, or the kernel has no IPv6
		}
		for _, line := range strings.Split(string(raw), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 10 || pid != 0 && !mine[f[9]] {
				continue
			}
			s := socket{local: address(f[1]), remote: address(f[2]), listens: f[3] == "0A" || strings.HasPrefix(table, "udp")}
			if s.local != nil && s.remote != nil {
				out = append(out, s)
			}
		}
	}
	return out
}

// anybody is some process that runs in the namespace.
func (n wired) anybody(t *testing.T, ns string) int {
	t.Helper()
	pids := strings.Fields(n.run(t, "ip", "netns", "pids", ns))
	if len(pids) == 0 {
		t.Fatalf("nobody runs in %s", ns)
	}
	pid, err := strconv.Atoi(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// inodes are the sockets a process holds.
func inodes(pid int) map[string]bool {
	out := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + e.Name()); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				out[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return out
}

// address reads "0100007F:1F90": words in the machine's order, which is little-endian where this runs.
func address(s string) *net.TCPAddr {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil {
		return nil
	}
	ip := make(net.IP, len(raw))
	for i := range raw {
		ip[i] = raw[i-i%4+3-i%4]
	}
	return &net.TCPAddr{IP: ip, Port: int(p)}
}
