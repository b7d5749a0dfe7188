package sign

import (
	"errors"
	"time"
)

// MaxAttempts is how many acceptances with a wrong proof an invitation bears
// before it is locked. The secret has 256 bits; this is for the alarm.
const MaxAttempts = 10

// Errors of accepting an invitation. ErrProof and ErrLocked are for the
// receiver's log alone; the others are reached only by someone who proved the
// secret, and may be told to them.
var (
	ErrProof   = errors.New("the proof does not fit the invitation's secret")
	ErrLocked  = errors.New("the invitation is locked after too many wrong proofs; revoke it and make a new one")
	ErrExpired = errors.New("the invitation has expired; ask for a new one")
	ErrRevoked = errors.New("the invitation was revoked; ask for a new one")
	ErrUsed    = errors.New("the invitation was accepted by another poller; ask for a new one")
)

// Proven says whether err came after the secret had been proven, so that the
// sender may be told.
func Proven(err error) bool {
	return errors.Is(err, ErrExpired) || errors.Is(err, ErrRevoked) || errors.Is(err, ErrUsed)
}

// AcceptRequest is the body of the accept call. The request that carries it is
// signed with the key that is being registered, which proves its possession.
type AcceptRequest struct {
	PollerID  string    `json:"poller"` // 1 to 64 of [A-Za-z0-9_-], chosen by the poller, kept in its state
	PublicKey PublicKey `json:"key"`
	Proof     []byte    `json:"proof"` // see Invitation.Accept
}

// Accept makes the request that accepts the invitation. Its proof is a signature
// by the key derived from the secret over invitation, poller and public key: the
// secret itself never travels, and the proof is worth nothing for another key.
func (inv Invitation) Accept(pollerID string, key PublicKey) AcceptRequest {
	a := AcceptRequest{PollerID: pollerID, PublicKey: key}
	a.Proof = inv.Secret.key().sign(a.message(inv.ID))
	return a
}

func (a AcceptRequest) message(invitation string) []byte {
	return []byte("drawbridge accept invitation\n" + invitation + "\n" + a.PollerID + "\n" + a.PublicKey.String())
}

// InvitationState is the hub's record of an invitation, without its secret. It
// is a value: Accept returns the next state, storing it is the caller's part
// (conditionally on the one it read, so that of two acceptances one wins).
type InvitationState struct {
	ID         string     `json:"id"`
	Connection string     `json:"connection"`
	Hash       SecretHash `json:"hash"`
	Expires    time.Time  `json:"expires"`
	Attempts   int        `json:"attempts,omitempty"` // wrong proofs so far
	Revoked    time.Time  `json:"revoked,omitzero"`
	Accepted   time.Time  `json:"accepted,omitzero"`
	PollerID   string     `json:"poller,omitempty"` // who accepted
	Key        PublicKey  `json:"key,omitzero"`     // with which key
}

// State returns the record a hub stores for a fresh invitation.
func (inv Invitation) State() InvitationState {
	return InvitationState{ID: inv.ID, Connection: inv.Connection, Hash: inv.Hash(), Expires: inv.Expires}
}

// Accept returns the state after the acceptance a, and why it was refused, if it
// was. Store the returned state in either case: a wrong proof counts. The order
// of the cases matters: nobody without the secret learns anything, and an
// acceptance whose answer was lost succeeds again however late.
func (s InvitationState) Accept(a AcceptRequest, now time.Time) (InvitationState, error) {
	switch {
	case s.Attempts >= MaxAttempts && s.Accepted.IsZero():
		return s, ErrLocked
	case !s.proven(a):
		s.Attempts = min(s.Attempts+1, MaxAttempts)
		return s, ErrProof
	case !s.Accepted.IsZero() && s.Key == a.PublicKey && s.PollerID == a.PollerID:
		return s, nil
	case !s.Accepted.IsZero():
		return s, ErrUsed
	case !s.Revoked.IsZero():
		return s, ErrRevoked
	case !now.Before(s.Expires):
		return s, ErrExpired
	}
	s.Accepted, s.PollerID, s.Key = now, a.PollerID, a.PublicKey
	return s, nil
}

func (s InvitationState) proven(a AcceptRequest) bool {
	return isToken(a.PollerID) && !a.PublicKey.IsZero() && s.Hash.public.verify(a.message(s.ID), a.Proof)
}

// Revoke returns the state with the invitation withdrawn. One that was accepted
// stays accepted: end its connection instead.
func (s InvitationState) Revoke(now time.Time) InvitationState {
	if s.Accepted.IsZero() && s.Revoked.IsZero() {
		s.Revoked = now
	}
	return s
}
