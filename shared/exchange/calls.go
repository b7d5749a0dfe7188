package exchange

import (
	"context"
	"errors"
	"net/http"

	"drawbridge/shared/bridge"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

// hubSubject is the subject of rotations of the hub's key.
const hubSubject = "hub"

// accept registers a poller. The request is signed with the key it brings; the
// right to bring it is proven inside. It needs no nonce: a replay of it gets the
// answer the original got, and registers what is registered.
func (c *call) accept(ctx context.Context, id string) (reply, error) {
	var a AcceptRequest
	if err := decode(c.body, maxSmallDecoded, &a); err != nil {
		return reply{}, &sign.Refusal{Reason: sign.ReasonMalformed, Detail: err.Error()}
	}
	key := func(string) (sign.PublicKey, error) { return a.PublicKey, nil }
	if _, err := sign.VerifyRequest(c.r, c.body, sign.Verifier{Authority: c.h.Authority, Key: key, Now: c.now}); err != nil {
		return reply{}, err
	}
	a.Site = a.Site.clean()
	inv, err := c.h.Book.accept(ctx, id, a, c.now)
	c.connection = inv.Connection
	if err != nil {
		return reply{}, acceptError(id, err)
	}
	connection, site, err := c.h.Backend.Accepted(ctx, inv.Connection, a.Site)
	if err != nil {
		return reply{}, err
	}
	c.h.Log.Info("invitation accepted", "connection", inv.Connection, "poller", a.PollerID, "key", a.PublicKey.ID())
	return message(AcceptResponse{Protocol: c.protocol, Connection: connection, Site: site, NowMS: c.now.UnixMilli()})
}

// acceptError tells those who proved the secret what is wrong, and nobody else.
func acceptError(id string, err error) error {
	switch {
	case sign.Proven(err):
		return &fault{Code: codeInvitation, Message: err.Error(), status: http.StatusForbidden}
	case errors.Is(err, sign.ErrProof), errors.Is(err, sign.ErrLocked):
		return &sign.Refusal{Reason: sign.ReasonUnknownKey, Detail: "invitation " + id + ": " + err.Error()}
	}
	return err
}

// exchange admits the poller, then lets the Backend do its part.
func (c *call) exchange(ctx context.Context) (reply, error) {
	in := new(Request)
	if err := decode(c.body, MaxDecoded, in); err != nil {
		return reply{}, err
	}
	if err := in.check(c.protocol); err != nil {
		return reply{}, err
	}
	if err := in.claim(c.connection); err != nil {
		return reply{}, err
	}
	if err := in.checkAsks(c.connection); err != nil {
		return reply{}, err
	}
	if err := in.Contracts.check(); err != nil {
		return reply{}, badRequest("%v", err)
	}
	cleanHold(in.Hold)
	in.Name = cut(in.Name, 100)
	if err := c.admit(ctx, in); err != nil {
		return reply{}, err
	}
	out, err := c.h.Backend.Exchange(ctx, Session{c.connection, in.From, c.session.Fence, c.session.Rejoin, c.now}, in)
	if err != nil {
		return reply{}, err
	}
	c.complete(&out)
	return c.fit(&out)
}

// admit stores nonce, lease and heartbeat in one conditional write. Where
// somebody wrote first, it judges the session anew.
func (c *call) admit(ctx context.Context, in *Request) error {
	return c.update(ctx, func(s session) (session, bool, error) {
		next, err := s.admit(c.proof, in, c.now)
		return next, sign.ReasonOf(err) == "", err
	})
}

// update stores what change makes of the session, if it says so, and returns
// change's error. When somebody wrote first, or what is not stored was decided
// by a remembered session, it reads the session again; a key that is gone
// meanwhile is refused.
func (c *call) update(ctx context.Context, change func(session) (next session, store bool, err error)) error {
	for try := 0; ; try++ {
		next, worth, verdict := change(c.session)
		if !worth && !c.kept {
			return verdict
		}
		if worth {
			err := c.h.Book.saveSession(ctx, c.connection, next, c.rev)
			if err == nil {
				c.session = next
				c.h.Kept.put(c.connection, next, c.rev+1, c.now)
				return verdict
			}
			if !errors.Is(err, store.ErrConflict) || try == maxRetries {
				return err
			}
			if c.kept {
				c.h.Kept.stale(c.connection)
			}
		}
		if err := c.again(ctx); err != nil {
			return err
		}
	}
}

// complete adds what this package knows to the Backend's answer.
func (c *call) complete(out *Response) {
	out.Protocol = c.protocol
	out.CameMS, out.NowMS = c.now.UnixMilli(), c.h.Now().UnixMilli()
	out.Hub.Number = c.session.Count
	if c.session.Rejoin != 0 {
		out.Rejoin, out.YourRules = c.session.Rejoin, c.session.Rules
	}
	out.Lease = Lease{Fence: c.session.Fence, UntilMS: c.session.Until}
	for i := range out.Changes {
		out.Changes[i].Connection = c.connection
	}
	for i := range out.Acks {
		out.Acks[i].Connection = c.connection
	}
	if pinned, current := c.signingKey(), c.h.Keys[0]; pinned.ID() != current.ID() {
		rotation := sign.NewRotation(hubSubject, pinned, current)
		out.HubKey = &rotation
	}
}

// fit cuts the changes until the answer is within MaxEncoded. A single change
// that is too large by itself is left out, so that it cannot hold up the others.
func (c *call) fit(out *Response) (reply, error) {
	if len(out.Changes) > MaxChanges {
		out.Changes, out.More = out.Changes[:MaxChanges], true
	}
	for {
		rep, err := message(out)
		if err != nil || len(rep.bytes) <= MaxEncoded {
			return rep, err
		}
		switch n := len(out.Changes); n {
		case 0:
			return reply{}, bridge.Permanent("exchange-too-large", "the answer has %d bytes without any change", len(rep.bytes)).At(bridge.LevelConnection)
		case 1:
			c.h.Log.Error("change left out", "error_name", "exchange-too-large", "connection", c.connection, "issue", out.Changes[0].Issue.Key, "bytes", len(rep.bytes))
			out.Changes = nil
		default:
			out.Changes, out.More = out.Changes[:n/2], true
		}
	}
}

// rotate announces the poller's next key. Both keys are good until the new one
// is used in an exchange, so a lost answer locks nobody out.
func (c *call) rotate(ctx context.Context) (reply, error) {
	var r sign.Rotation
	if err := decode(c.body, maxSmallDecoded, &r); err != nil {
		return reply{}, err
	}
	if err := c.h.Book.remember(ctx, c.connection, c.proof); err != nil {
		return reply{}, err
	}
	err := c.update(ctx, func(s session) (session, bool, error) {
		next, err := r.Verify(c.connection, s.Key)
		if err != nil {
			return s, false, &sign.Refusal{Reason: sign.ReasonSignature, Detail: err.Error()}
		}
		s.Next = next
		return s, true, nil
	})
	if err != nil {
		return reply{}, err
	}
	c.h.Log.Info("key rotation announced", "connection", c.connection, "old", r.Old, "new", r.New.ID())
	if err := c.h.Backend.Rotated(ctx, c.connection, r.Old, r.New.ID()); err != nil {
		return reply{}, err
	}
	return message(KeyResponse{Key: r.New.ID()})
}
