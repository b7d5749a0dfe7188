package exchange

import (
	"sync"
	"time"
)

// Kept remembers sessions as this process last stored them, so that a poller that comes every few seconds costs no read.
// What it remembers may be out of date: an exchange is admitted by a conditional write, which tells, and nothing else may
// rest on it. A nil Kept keeps nothing.
type Kept struct {
	mu       sync.Mutex
	sessions map[string]*keptSession
}

type keptSession struct {
	session session
	rev     int64
	at      time.Time
	wary    int // exchanges for which what is remembered is not used
}

const (
	maxKept  = 1000        // bounds the memory a hub of very many connections takes
	keptTime = time.Minute // a table that was restored under the name of the old one takes longer
	// keptWary is for how many exchanges a connection is read again after its memory was found out of date: where several
	// processes answer one poller, a refused write costs more than the reads it was to save.
	keptWary = 20
)

// get returns what is remembered, if that is worth trying.
func (k *Kept) get(connection string, now time.Time) (s session, rev int64, ok bool) {
	if k == nil {
		return s, 0, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.sessions[connection]
	switch {
	case e == nil || e.rev == 0 || now.Sub(e.at) > keptTime:
		return s, 0, false
	case e.wary > 0:
		e.wary--
		return s, 0, false
	}
	return e.session, e.rev, true
}

// put remembers a session that was stored at rev.
func (k *Kept) put(connection string, s session, rev int64, now time.Time) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions == nil || len(k.sessions) >= maxKept {
		k.sessions = map[string]*keptSession{}
	}
	e := k.sessions[connection]
	if e == nil {
		e = new(keptSession)
		k.sessions[connection] = e
	}
	e.session, e.rev, e.at = s, rev, now
}

// stale notes that what was remembered was out of date.
func (k *Kept) stale(connection string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.sessions[connection]; e != nil {
		e.wary = keptWary
	}
}
