package sign

import "errors"

// Rotation replaces a key. The old key signs the new one, and the new key signs
// too, which proves that its owner has it. Pollers send it to POST /keys; a hub
// announces its own next key with it in an exchange answer.
type Rotation struct {
	Subject string    `json:"subject"` // whose key: the connection for a poller, "hub" for a hub
	Old     string    `json:"old"`     // id of the key being replaced
	New     PublicKey `json:"new"`
	ByOld   []byte    `json:"by_old"`
	ByNew   []byte    `json:"by_new"`
}

// ErrRotation is the error for a rotation that does not verify.
var ErrRotation = errors.New("the key rotation is not signed by both the old and the new key")

// NewRotation makes the message that replaces old by next for the subject.
func NewRotation(subject string, old, next Key) Rotation {
	r := Rotation{Subject: subject, Old: old.ID(), New: next.Public()}
	r.ByOld, r.ByNew = old.sign(r.message()), next.sign(r.message())
	return r
}

func (r Rotation) message() []byte {
	return []byte("drawbridge key rotation\n" + r.Subject + "\n" + r.Old + "\n" + r.New.String())
}

// Verify returns the new key if the rotation is for this subject and signed by
// both keys, old being the one in force.
func (r Rotation) Verify(subject string, old PublicKey) (PublicKey, error) {
	if r.Subject != subject || r.Old != old.ID() || r.New == old {
		return PublicKey{}, ErrRotation
	}
	if !old.verify(r.message(), r.ByOld) || !r.New.verify(r.message(), r.ByNew) {
		return PublicKey{}, ErrRotation
	}
	return r.New, nil
}
