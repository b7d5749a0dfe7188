package relay

import (
	"sync"
	"time"
)

// Unready remembers which of the remote site's changes are not done yet, so that an exchange over thousands in hand looks at
// those only of which something became. What this process worked on is looked at at once, what another did within a second.
// A nil Unready remembers nothing.
type Unready struct {
	mu  sync.Mutex
	all map[string]unready // by connection and remote issue
}

type unready struct {
	revision int64
	seen     time.Time // zero: it is being looked at
}

const (
	unreadyTime = time.Second
	maxUnready  = 20000 // bounds the memory; more changes than that are hardly ever in hand
)

// Worked forgets what was seen of a change: it has just been worked on.
func (u *Unready) Worked(connection, remoteIssue string) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, connection+"/"+remoteIssue)
}

// known reports that this revision, or an earlier one, was not done a moment ago.
func (u *Unready) known(connection, remoteIssue string, revision int64) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	k, ok := u.all[connection+"/"+remoteIssue]
	return ok && k.revision <= revision && time.Since(k.seen) < unreadyTime
}

// look comes before a change is looked at, and what it returns after that: it notes that the change is not done, unless it was
// worked on in between.
func (u *Unready) look(connection, remoteIssue string, revision int64) (notDone func()) {
	if u == nil {
		return func() {}
	}
	key := connection + "/" + remoteIssue
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil || len(u.all) >= maxUnready {
		u.all = map[string]unready{}
	}
	u.all[key] = unready{revision: revision}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if _, ok := u.all[key]; ok {
			u.all[key] = unready{revision, time.Now()}
		}
	}
}
