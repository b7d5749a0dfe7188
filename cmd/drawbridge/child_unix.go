//go:build unix && !linux

package main

import "syscall"

// childAttributes keep a child out of our process group, so that Ctrl-C reaches us alone and children stop in order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
