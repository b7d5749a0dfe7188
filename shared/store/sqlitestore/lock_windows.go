package sqlitestore

import (
	"errors"
	"syscall"

	"drawbridge/shared/bridge"
)

// lock is held by the process that owns a state file. The system releases it
// when the process ends, however it ends.
type lock struct{ h syscall.Handle }

const sharingViolation = syscall.Errno(32) // ERROR_SHARING_VIOLATION

// lockFile opens the lock without sharing it, so that a second open fails.
func lockFile(path string) (*lock, error) {
	name, err := syscall.UTF16PtrFromString(fileLock(path))
	if err != nil {
		return nil, bridge.Permanent("state-unwritable", "lock of state file %s: %w", path, err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, inUse(path)
	}
	if err != nil {
		return nil, bridge.Permanent("state-unlockable", "lock of state file %s: %w", path, err)
	}
	return &lock{h}, nil
}

func (l *lock) release() error { return syscall.CloseHandle(l.h) }
