package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Reason says why a message was refused. The set is closed. It is for the log
// and the metrics of the receiver; the sender learns none of it.
type Reason string

const (
	ReasonUnsigned   Reason = "unsigned"      // neither Signature nor Signature-Input
	ReasonMalformed  Reason = "malformed"     // a field that is not in the one form we write
	ReasonSeveral    Reason = "several"       // more than one signature or digest
	ReasonComponents Reason = "components"    // another list of components, or in another order
	ReasonParameter  Reason = "parameter"     // created, expires, nonce, keyid or tag missing or odd
	ReasonAlgorithm  Reason = "algorithm"     // an alg parameter
	ReasonTag        Reason = "tag"           // a signature made for another purpose
	ReasonTarget     Reason = "target"        // a method, path or query that cannot be signed
	ReasonDigest     Reason = "digest"        // Content-Digest missing or not that of the body
	ReasonUnknownKey Reason = "unknown key"   // the key id belongs to nobody here
	ReasonSignature  Reason = "signature"     // the signature is not that of this message by this key
	ReasonExpired    Reason = "expired"       // too old: a replay, or the sender's clock is behind
	ReasonFuture     Reason = "not yet valid" // from the future: the sender's clock is ahead
	ReasonLifetime   Reason = "lifetime"      // expires before created, or asks to live too long
	ReasonOther      Reason = "other request" // a response that answers another request
	ReasonReplay     Reason = "replay"        // a nonce seen before; for callers that remember nonces
)

// Reasons lists every reason, for tests and documentation.
var Reasons = []Reason{ReasonUnsigned, ReasonMalformed, ReasonSeveral, ReasonComponents, ReasonParameter, ReasonAlgorithm,
	ReasonTag, ReasonTarget, ReasonDigest, ReasonUnknownKey, ReasonSignature, ReasonExpired, ReasonFuture, ReasonLifetime,
	ReasonOther, ReasonReplay}

// Refusal is the error for a message that is not authentic. Its text is one
// sentence for the receiver's log: hostile parts are quoted and cut, secrets do
// not occur. It must not be sent to the peer; see PublicAnswer.
type Refusal struct {
	Reason Reason
	Detail string
}

// Error is the sentence for the receiver's log.
func (r *Refusal) Error() string { return fmt.Sprintf("refused (%s): %s", r.Reason, r.Detail) }

// Is makes errors.Is(err, &Refusal{Reason: ReasonExpired}) work.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Reason == r.Reason
}

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// ReasonOf returns the reason of the Refusal in err, "" if there is none: then
// err is a failure of the receiver's own, and temporary.
func ReasonOf(err error) Reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// ErrUnknownKey is what Verifier.Key returns, wrapped or bare, for a key id that
// belongs to nobody. Any other error of Key counts as the receiver's own failure.
var ErrUnknownKey = errors.New("unknown key id")

// PublicAnswer is the whole of what a refused sender is told, whatever the
// reason: status 401 and a JSON body that says "refused" and the receiver's
// time in RFC 3339 with milliseconds, so that a sender whose clock is wrong can
// learn the right time. The hub signs it, see SignResponse and RequestIDOf.
func PublicAnswer(now time.Time) (status int, body []byte) {
	body, _ = json.Marshal(publicAnswer{Error: "refused", Now: now.UTC().Truncate(time.Millisecond)})
	return http.StatusUnauthorized, body
}

type publicAnswer struct {
	Error string    `json:"error"`
	Now   time.Time `json:"now"`
}

// PublicNow reads the time out of the body of a PublicAnswer. Believe it only
// after ReadResponse has accepted the response it came in.
func PublicNow(body []byte) (time.Time, error) {
	var a publicAnswer
	if err := json.Unmarshal(body, &a); err != nil || a.Now.IsZero() {
		return time.Time{}, errors.New("the refusal carries no time")
	}
	return a.Now, nil
}
