//go:build unix

package sqlitestore

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"drawbridge/shared/bridge"
)

// lock is held by the process that owns a state file. The system releases it
// when the process ends, however it ends.
type lock struct{ f *os.File }

func lockFile(path string) (*lock, error) {
	f, err := os.OpenFile(fileLock(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, bridge.Permanent("state-unwritable", "lock of state file %s: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, inUse(path)
		}
		return nil, bridge.Permanent("state-unlockable", "lock of state file %s: %w; give a file on a local disk", path, err)
	}
	if err := f.Truncate(0); err == nil {
		f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0) // only for people
	}
	return &lock{f}, nil
}

func (l *lock) release() error { return l.f.Close() }
