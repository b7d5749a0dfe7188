//go:build unix

package sqlitestore

import (
	"os"
	"syscall"

	"drawbridge/shared/bridge"
)

// guests tells the owner of a state file whether other processes write to it. Each that may does two things before it can,
// with a file beside the state file: it takes a share of its lock, which the system takes back when the process ends, and it
// makes the file a byte longer. So a glance at the length tells whether anybody came, and the lock whether all have gone.
type guests struct {
	f    *os.File
	size int64 // when all had gone
}

func guestBook(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".guests", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, bridge.Permanent("state-unwritable", "guest book of state file %s: %w", path, err)
	}
	return f, nil
}

// newGuests is for the owner; it has not looked yet.
func newGuests(path string) (*guests, error) {
	f, err := guestBook(path)
	return &guests{f, -1}, err
}

// look reports whether this process is alone, and whether it met or missed somebody since the last look.
func (g *guests) look() (alone, met bool) {
	if n, err := g.length(); err == nil && n == g.size {
		return true, false
	}
	if syscall.Flock(int(g.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, true
	}
	n, err := g.length()
	g.size = n
	syscall.Flock(int(g.f.Fd()), syscall.LOCK_UN)
	return err == nil, true
}

func (g *guests) length() (int64, error) {
	info, err := g.f.Stat()
	if err != nil {
		return -1, err
	}
	return info.Size(), nil
}

// visit is what a guest does. The file that it returns is closed when it goes.
func visit(path string) (*os.File, error) {
	f, err := guestBook(path)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err == nil {
		_, err = f.Write([]byte{'.'})
	}
	if err != nil {
		f.Close()
		return nil, bridge.Temporary("store-unavailable", "guest book of state file %s: %w", path, err).At(bridge.LevelSite)
	}
	return f, nil
}
