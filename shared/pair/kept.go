package pair

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
	"drawbridge/shared/walk"
)

// kept is what the two documents of a pair say. It is a function of their bytes and of nothing else, so it holds wherever
// the stored documents are those bytes, whoever wrote them. Nothing of it is ever changed: pairs are made of it.
type kept struct {
	headBody, stateBody []byte

	head    Head // with what is stored in "about"
	carried carried
	now     parts // what the state document holds, and the fresh ones over it
	fields  map[string]*Field
	state   State    // without the fields
	outside []string // ids of the values that it refers to
}

// read makes it of the documents; before is what an earlier version of them said, or nil: what is still the same is not
// decoded again. Later says that the head is later than the state, which has to be read again.
func read(connection, issue string, head, state *store.Doc, before *kept) (k *kept, later bool, err error) {
	if before == nil {
		before = &kept{}
	}
	if bytes.Equal(before.headBody, head.Body) && bytes.Equal(before.stateBody, state.Body) {
		return before, false, nil
	}
	k = &kept{headBody: head.Body, stateBody: state.Body}
	if err := k.openHead(connection, issue, head); err != nil {
		return nil, false, err
	}
	if state.Rev < k.carried.Base {
		return k, true, nil
	}
	return k, false, k.openState(state, before)
}

// openState reads the state document, and lays over it what the head holds.
func (k *kept) openState(d *store.Doc, before *kept) error {
	err := walk.Check(d.Body)
	var stored nested
	if err == nil {
		stored, err = readParts(d.Body)
	}
	if err != nil {
		return damaged(d.Key, err)
	}
	k.now = parts(stored).over(parts(k.carried.Fresh))
	if err = k.assemble(before); err != nil {
		return damaged(d.Key, err)
	}
	s := k.state
	s.Fields = k.fields
	k.outside = s.outside()
	return nil
}

// pair makes a pair of it that may be changed.
func (k *kept) pair(b *Book, headRev, stateRev int64) *Pair {
	p := b.empty()
	p.kept, p.headRev, p.stateRev, p.told = k, headRev, stateRev, k.carried.Told
	p.Head, p.State = k.head, k.state.clone()
	p.Head.Dirty = maps.Clone(k.head.Dirty)
	fields := make([]Field, 0, len(k.fields))
	for key, f := range k.fields {
		fields = append(fields, *f)
		p.State.Fields[key] = &fields[len(fields)-1]
	}
	p.lineWas, p.twinDone = Line{Key: p.Head.Local.Key, Remote: p.Head.Remote.ID}, p.Head.Remote.ID != ""
	return p
}

// clone is a copy of a state without fields of which nothing is shared that is ever changed in place.
func (s State) clone() State {
	s.Fields = map[string]*Field{}
	s.Intents = slices.Clone(s.Intents)
	for i := range s.Intents {
		s.Intents[i].Writes = maps.Clone(s.Intents[i].Writes)
	}
	s.Undone, s.Answered, s.Refused = slices.Clone(s.Undone), maps.Clone(s.Answered), maps.Clone(s.Refused)
	if s.Join != nil {
		j := *s.Join
		s.Join = &j
	}
	return s
}

// raw is a field as it is stored, if the pair was loaded with it as it is.
func (k *kept) raw(key string, f *Field, acked int64) (json.RawMessage, bool) {
	if was := k.fields[key]; was == nil || *was != *f || f.Rev != 0 && f.Rev <= acked {
		return nil, false
	}
	return k.now[fieldPart+key], true
}

// asStored is a head as it is read once it was stored; it shares nothing with the one of the pair that may be changed.
func (h Head) asStored() Head {
	h.Dirty, h.Outcome, h.Answer = some(h.Dirty), ackAsStored(h.Outcome), ackAsStored(h.Answer)
	if h.Parked != nil {
		h.Parked = new(*h.Parked)
	}
	if h.Status == "" {
		h.Status = Synced
	}
	switch {
	case h.Since == 0 && h.Lane == bridge.Live:
		h.Lane = ""
	case h.Since != 0 && h.Lane == "":
		h.Lane = bridge.Live
	}
	return h
}

func ackAsStored(a *bridge.Ack) *bridge.Ack {
	if a == nil {
		return nil
	}
	a = new(*a)
	a.Refused, a.Members = some(a.Refused), some(a.Members)
	return a
}

// some is a copy of what a map holds, nil if that is nothing.
func some[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// asStored is a field as it is read once it was stored: no value is null, and which of the acknowledged revisions it was is
// forgotten, for it says nothing.
func (f Field) asStored(acked int64) *Field {
	if f.Rev <= acked {
		f.Rev = 0
	}
	for _, e := range []**bridge.Entry{&f.Mine, &f.Theirs} {
		if *e != nil && (*e).Value == "" {
			*e = new(**e)
			(*e).Value = bridge.Cleared
		}
	}
	if f.Held != nil && f.Held.Value == "" {
		f.Held = new(*f.Held)
		f.Held.Value = bridge.Cleared
	}
	return &f
}

// faithful reports whether the documents hold every text as it is: JSON puts this sign for what is no UTF-8.
func (k *kept) faithful() bool {
	sign := []byte(`\ufffd`)
	return !bytes.Contains(k.headBody, sign) && !bytes.Contains(k.stateBody, sign)
}

// memory holds what was read of the pairs that were used last, so that a pair is decoded once for the many times it is
// needed while a change passes through. It is never believed: the documents are read every time, and compared.
type memory struct {
	mu         sync.Mutex
	young, old map[string]*kept // by partition
	bytes      int              // of the young
}

// remembered is how many bytes they take, at most twice that.
const remembered = 3 << 20

// size is about how many bytes it takes: five times as many as stored, the stored ones among them, and a few.
func (k *kept) size() int { return 600 + 5*(len(k.headBody)+len(k.stateBody)) }

func (m *memory) get(part string) *kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.young[part]; k != nil {
		return k
	}
	return m.old[part]
}

func (m *memory) put(part string, k *kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || m.bytes > remembered {
		m.young, m.old, m.bytes = map[string]*kept{}, m.young, 0
	}
	if before := m.young[part]; before != nil {
		m.bytes -= before.size()
	}
	m.young[part] = k
	m.bytes += k.size()
}
