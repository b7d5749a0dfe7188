package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"drawbridge/shared/sign"
)

// LeaseTime is how long a poller that stopped coming keeps others out. It is
// longer than the longest time a hub lets a poller sleep (20 s).
const LeaseTime = 60 * time.Second

// session is the stored document about the poller of a connection.
type session struct {
	Key    sign.PublicKey `json:"key"`
	Next   sign.PublicKey `json:"next,omitzero"`     // announced by a rotation, in force once used
	HubKey string         `json:"hub_key,omitempty"` // id of the hub key the poller has pinned
	Poller string         `json:"poller"`
	Site   Site           `json:"site"`

	Holder Identity `json:"holder"`   // who has the lease
	Fence  int64    `json:"fence"`    // grows at each change of the holder
	Until  int64    `json:"until_ms"` // end of the lease

	Count  int64 `json:"count,omitempty"`  // exchanges admitted
	Sent   int64 `json:"sent,omitempty"`   // the poller's own count, as last told
	Rejoin int64 `json:"rejoin,omitempty"` // names a request to offer everything again; 0: none
	Rules  int64 `json:"rules,omitempty"`  // the highest revision of its rules that the poller ever told

	Seen   int64  `json:"seen_ms"` // last exchange
	Status Status `json:"status"`
	Nonces []byte `json:"nonces,omitempty"` // see nonceSet
}

// key finds one of the two keys that are good now.
func (s *session) key(id string) (sign.PublicKey, error) {
	for _, k := range []sign.PublicKey{s.Key, s.Next} {
		if !k.IsZero() && k.ID() == id {
			return k, nil
		}
	}
	return sign.PublicKey{}, sign.ErrUnknownKey
}

// admit decides about a verified exchange and returns the session after it. All
// of it is stored in one conditional write: the nonce, the lease, the heartbeat.
// A replay is a *sign.Refusal and leaves the session as it is. A lease held by
// another is a fault that leaves all but the nonce, which has to be stored: the
// same request must not get in when the lease is over.
func (s session) admit(p sign.Proof, in *Request, now time.Time) (session, error) {
	nonces, fresh := nonceSet(s.Nonces).add(p.KeyID, p.Nonce, p.Expires, now)
	if !fresh {
		return s, &sign.Refusal{Reason: sign.ReasonReplay, Detail: "the nonce was used before by key " + p.KeyID}
	}
	if in.From.Poller != s.Poller {
		return s, &sign.Refusal{Reason: sign.ReasonUnknownKey, Detail: "the key belongs to another poller id"}
	}
	s.Nonces = nonces
	if !s.mayHold(in.From, now) {
		return s, busy(time.UnixMilli(s.Until), now)
	}
	s.rejoin(in, now)
	if s.Holder != in.From {
		s.Holder, s.Fence = in.From, s.Fence+1
	}
	s.Until = now.Add(LeaseTime).UnixMilli()
	if in.Bye {
		s.Until = now.UnixMilli()
	}
	s.Seen, s.Status = now.UnixMilli(), in.Status.clean()
	s.HubKey = in.Knows.HubKey
	if !s.Next.IsZero() && p.KeyID == s.Next.ID() {
		s.Key, s.Next = s.Next, sign.PublicKey{}
	}
	return s, nil
}

// mayHold says who gets the lease: whoever has it; anybody once it is over; and
// at once a poller restarted from the very state that held it, for its
// generation is higher and the process before it is dead. A copy of the state
// that runs beside the original has no higher generation and waits.
func (s *session) mayHold(who Identity, now time.Time) bool {
	switch {
	case who.Instance == s.Holder.Instance && who.State == s.Holder.State:
		return true
	case now.UnixMilli() >= s.Until:
		return true
	}
	return who.State == s.Holder.State && who.Generation > s.Holder.Generation
}

// nonceSet remembers nonces until they expire: eight bytes of Unix seconds, then six bytes for each nonce, two of its
// expiry in seconds after those and four of the hash of key id and nonce. Two nonces that share a hash (one in 10^7
// exchanges) cost the later one a second try. Small, it keeps the session in one write unit of DynamoDB.
type nonceSet []byte

const (
	nonceHead  = 8
	nonceBytes = 6
	nonceSpan  = 1<<16 - 1 // seconds
)

func nonceHash(keyID, nonce string) [4]byte {
	sum := sha256.Sum256([]byte(keyID + "\n" + nonce))
	return [4]byte(sum[:4])
}

// add drops what has expired and adds the nonce; fresh is false if it was there.
func (n nonceSet) add(keyID, nonce string, expires, now time.Time) (next nonceSet, fresh bool) {
	hash, since := nonceHash(keyID, nonce), int64(0)
	if len(n) >= nonceHead {
		since = int64(binary.BigEndian.Uint64(n))
		n = n[nonceHead:]
	}
	next = binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	keep := func(until int64, hash [4]byte) {
		next = binary.BigEndian.AppendUint16(next, uint16(min(max(until-now.Unix(), 0), nonceSpan)))
		next = append(next, hash[:]...)
	}
	for ; len(n) >= nonceBytes; n = n[nonceBytes:] {
		known := [4]byte(n[2:nonceBytes])
		if known == hash {
			return nil, false
		}
		if until := since + int64(binary.BigEndian.Uint16(n)); until >= now.Unix() {
			keep(until, known)
		}
	}
	keep(expires.Unix(), hash)
	return next, true
}
