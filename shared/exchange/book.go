package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

const invitationsPart = "invitations"

// maxRetries bounds how often a conditional write is tried again because
// somebody else wrote meanwhile.
const maxRetries = 10

// ErrNone is returned where there is no such invitation.
var ErrNone = errors.New("exchange: no such invitation")

// Book keeps invitations and sessions on a store.
type Book struct {
	Store store.Store
}

// Invite stores a fresh invitation, without its secret.
func (b Book) Invite(ctx context.Context, inv sign.Invitation) error {
	body, err := json.Marshal(inv.State())
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Create(store.Doc{Key: invitationKey(inv.ID), Body: body}))
}

// Invitations lists all invitations, in order of their ids.
func (b Book) Invitations(ctx context.Context) ([]sign.InvitationState, error) {
	docs, err := b.Store.List(ctx, invitationsPart, store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]sign.InvitationState, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, damaged(d.Key, err)
		}
	}
	return out, nil
}

// Revoke withdraws an invitation that was not accepted yet; ErrNone if there is
// no such one.
func (b Book) Revoke(ctx context.Context, id string, now time.Time) error {
	return retry(func() error {
		inv, rev, err := b.invitation(ctx, id)
		if err != nil {
			return err
		}
		if rev == 0 {
			return ErrNone
		}
		inv = inv.Revoke(now)
		op, err := replace(invitationKey(id), inv, rev)
		if err != nil {
			return err
		}
		return b.Store.Apply(ctx, op)
	})
}

// invitation reads one; revision 0 if there is none.
func (b Book) invitation(ctx context.Context, id string) (sign.InvitationState, int64, error) {
	var inv sign.InvitationState
	rev, err := b.read(ctx, invitationKey(id), &inv)
	return inv, rev, err
}

// accept runs the acceptance against the stored state. Of two at the same time
// one wins the conditional write; the other reads again and is judged anew. A
// success makes the session in the same transaction: whoever was the poller of
// the connection before, on an earlier invitation, is not any more.
func (b Book) accept(ctx context.Context, id string, a AcceptRequest, now time.Time) (sign.InvitationState, error) {
	var inv sign.InvitationState
	var refused error
	err := retry(func() error {
		var rev int64
		var err error
		if inv, rev, err = b.invitation(ctx, id); err != nil {
			return err
		}
		before := inv
		inv, refused = before.Accept(a.AcceptRequest, now)
		if rev == 0 || inv == before {
			return nil
		}
		return b.saveAcceptance(ctx, inv, rev, a, refused == nil, now)
	})
	if err != nil {
		return inv, err
	}
	return inv, refused
}

func (b Book) saveAcceptance(ctx context.Context, inv sign.InvitationState, rev int64, a AcceptRequest, joined bool, now time.Time) error {
	op, err := replace(invitationKey(inv.ID), inv, rev)
	if err != nil {
		return err
	}
	if !joined {
		return b.Store.Apply(ctx, op)
	}
	old, oldRev, err := b.session(ctx, inv.Connection)
	if err != nil {
		return err
	}
	s := session{Key: a.PublicKey, Poller: a.PollerID, Site: a.Site, Fence: old.Fence, Count: old.Count, Rules: old.Rules, Seen: now.UnixMilli()}
	if oldRev > 0 { // another poller, or the one that was here with nothing of its state
		s.Rejoin = now.UnixMilli()
	}
	sessionOp, err := replace(sessionKey(inv.Connection), s, oldRev)
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, sessionOp, op)
}

// session reads the session of a connection; revision 0 if there is none.
func (b Book) session(ctx context.Context, connection string) (session, int64, error) {
	var s session
	rev, err := b.read(ctx, sessionKey(connection), &s)
	return s, rev, err
}

// saveSession is the one conditional write of an exchange.
func (b Book) saveSession(ctx context.Context, connection string, s session, rev int64) error {
	op, err := replace(sessionKey(connection), s, rev)
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, op)
}

// Restored has both sides offer everything of a connection again: somebody says that the hub's state is an older one. Where
// exchanges tell so, nobody has to.
func (b Book) Restored(ctx context.Context, connection string, now time.Time) error {
	return retry(func() error {
		s, rev, err := b.session(ctx, connection)
		if err != nil || rev == 0 {
			return err
		}
		s.Rejoin = now.UnixMilli()
		return b.saveSession(ctx, connection, s, rev)
	})
}

// Dismiss forgets the poller of a connection: from now on every request of it is
// refused. For connections that end, and for keys that leaked.
func (b Book) Dismiss(ctx context.Context, connection string) error {
	return retry(func() error {
		old, rev, err := b.session(ctx, connection)
		if err != nil || rev == 0 {
			return err
		}
		op, err := replace(sessionKey(connection), session{Fence: old.Fence, Count: old.Count}, rev)
		if err != nil {
			return err
		}
		return b.Store.Apply(ctx, op)
	})
}

// Seen is when the poller of a connection last came; zero: never, or there is none.
func (b Book) Seen(ctx context.Context, connection string) (time.Time, error) {
	s, rev, err := b.session(ctx, connection)
	if err != nil || rev == 0 || s.Seen == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(s.Seen), nil
}

// Poller is what the hub knows of the poller of a connection.
type Poller struct {
	ID     string
	KeyID  string
	HubKey string // id of the hub key it has pinned: keep that one
	Site   Site
	Seen   time.Time // last exchange; zero: only accepted so far
	Lease  Lease
	Status Status
}

// Poller describes the poller of a connection; nil if there is none.
func (b Book) Poller(ctx context.Context, connection string) (*Poller, error) {
	s, rev, err := b.session(ctx, connection)
	if err != nil || rev == 0 || s.Poller == "" {
		return nil, err
	}
	return &Poller{ID: s.Poller, KeyID: s.Key.ID(), HubKey: s.HubKey, Site: s.Site, Seen: time.UnixMilli(s.Seen).UTC(),
		Lease: Lease{s.Fence, s.Until}, Status: s.Status}, nil
}

// remember implements what sign.Nonces asks for, outside exchanges: one
// conditional write, so that of two uses of a nonce one fails.
func (b Book) remember(ctx context.Context, connection string, p sign.Proof) error {
	d := store.Doc{
		Key:  store.Key{Part: "exchange/" + connection, Sort: "nonce/" + p.KeyID + "/" + p.Nonce},
		Body: []byte("{}"), Expires: p.Expires.Add(time.Second),
	}
	err := b.Store.Apply(ctx, store.Create(d))
	if errors.Is(err, store.ErrConflict) {
		return &sign.Refusal{Reason: sign.ReasonReplay, Detail: "the nonce was used before by key " + p.KeyID}
	}
	return err
}

func (b Book) read(ctx context.Context, key store.Key, into any) (int64, error) {
	docs, err := b.Store.Get(ctx, key)
	if err != nil || docs[0] == nil {
		return 0, err
	}
	if err := json.Unmarshal(docs[0].Body, into); err != nil {
		return 0, damaged(key, err)
	}
	return docs[0].Rev, nil
}

func invitationKey(id string) store.Key { return store.Key{Part: invitationsPart, Sort: id} }

func sessionKey(connection string) store.Key {
	return store.Key{Part: "exchange/" + connection, Sort: "session"}
}

// replace writes what was read at rev; 0: what was not there.
func replace(key store.Key, v any, rev int64) (store.Op, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return store.Op{}, fmt.Errorf("exchange: writing %s: %w", key, err)
	}
	d := store.Doc{Key: key, Body: body, Rev: rev}
	if rev == 0 {
		return store.Create(d), nil
	}
	return store.Replace(d), nil
}

// retry does f again while it fails because somebody else wrote first.
func retry(f func() error) error {
	for try := 0; ; try++ {
		if err := f(); !errors.Is(err, store.ErrConflict) || try == maxRetries {
			return err
		}
	}
}

func damaged(key store.Key, err error) error {
	return bridge.Permanent("state-damaged", "exchange: the stored document %s cannot be read: %w", key, err)
}
