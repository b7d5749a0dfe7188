package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"time"
)

// A Place is where a process runs: this machine as it is, or a network namespace of that name. The zero value is this
// machine.
type Place string

// command makes a command that runs there.
func (p Place) command(binary string, args ...string) *exec.Cmd {
	if p == "" {
		return exec.Command(binary, args...)
	}
	return exec.Command("ip", append([]string{"netns", "exec", string(p), binary}, args...)...)
}

// client is an HTTP client whose connections begin there.
func (p Place) client() *http.Client {
	t := &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}
	if p != "" {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) { return p.Dial(network, address) }
	}
	return &http.Client{Transport: t, Timeout: 60 * time.Second}
}

// Dial opens a connection from there.
func (p Place) Dial(network, address string) (net.Conn, error) {
	return p.DialFor(5*time.Second, network, address)
}

// DialFor tries for that long.
func (p Place) DialFor(d time.Duration, network, address string) (net.Conn, error) {
	return p.dial(&net.Dialer{Timeout: d}, network, address)
}

func (p Place) dial(d *net.Dialer, network, address string) (net.Conn, error) {
	if p == "" {
		return d.Dial(network, address)
	}
	return dialInside(string(p), d, network, address)
}

// freePorts finds ports nobody listens on. They are below those that the system gives out by itself, so that nobody who asks
// it for any port takes one between our finding it and our process's listening there.
func freePorts(n int) ([]string, error) {
	const first, last = 12000, 32000
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close() // it was only held so that no port is given out twice
		}
	}()
	var out []string
	var err error
	for range 100 * n {
		port := strconv.Itoa(first + rand.IntN(last-first))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err != nil {
			continue
		}
		open, out = append(open, l), append(out, port)
		if len(out) == n {
			return out, nil
		}
	}
	return nil, fmt.Errorf("no free port: %w", err)
}
