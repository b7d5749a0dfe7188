//go:build linux && (amd64 || arm64)

package rig

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// dialInside opens a connection from a network namespace. A socket belongs to the namespace of the thread that made it,
// so a thread goes there, and is not used again.
func dialInside(ns string, d *net.Dialer, network, address string) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := enter(ns); err != nil {
			done <- result{nil, err}
			return
		}
		c, err := d.Dial(network, address)
		done <- result{c, err}
	}()
	r := <-done
	return r.c, r.err
}

// enter moves the calling thread into a network namespace.
func enter(ns string) error {
	f, err := os.Open("/run/netns/" + ns)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, errno := syscall.RawSyscall(sysSetns, f.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return fmt.Errorf("entering network namespace %s: %w", ns, errno)
	}
	return nil
}
