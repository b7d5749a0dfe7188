package engine

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the engine killed when this test binary ends, however it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
