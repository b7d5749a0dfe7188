package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/rule"
	"drawbridge/shared/store"
)

// What only commands do is no method here: a method of Site is in every function on AWS, called or not.

// A Standing is where the contract of one side stands.
type Standing struct {
	Latest *bridge.Contract `json:"latest,omitempty"` // nil: none was published
	Before *bridge.Contract `json:"before,omitempty"` // in force when Latest was published
	// Approved is the At of the contract that the side it is shown to has approved; of ours as that side last told.
	Approved int64 `json:"approved,omitempty"`
	// Has is the At of our contract that the other side keeps, as it last told.
	Has int64 `json:"has,omitempty"`
	// Names says that ours was published with the names that our rows let pass as they are.
	Names bool `json:"names,omitempty"`
}

// Waiting reports whether the latest contract waits to be approved.
func (s Standing) Waiting() bool {
	return s.Latest != nil && s.Latest.Waits && s.Approved != s.Latest.At
}

// InForce is the contract that counts, nil if there is none.
func (s Standing) InForce() *bridge.Contract {
	c := s.Latest
	if s.Waiting() {
		c = s.Before
	}
	if c == nil || c.Withdrawn {
		return nil
	}
	return c
}

// String tells it in a few words, for the audit.
func (s Standing) String() string {
	switch {
	case s.Latest == nil:
		return ""
	case s.Latest.Withdrawn:
		return fmt.Sprintf("revision %d: withdrawn", s.Latest.Revision)
	case s.Waiting():
		return fmt.Sprintf("revision %d: waits for approval", s.Latest.Revision)
	case s.Latest.Waits:
		return fmt.Sprintf("revision %d: approved", s.Latest.Revision)
	}
	return fmt.Sprintf("revision %d", s.Latest.Revision)
}

// Contracts are where the contracts of both sides stand, as this half knows it.
type Contracts struct{ Ours, Theirs Standing }

const (
	oursSort   = "contract"
	theirsSort = "their-contract"
)

// Contracts reads where both sides' contracts stand.
func (s *Site) Contracts(ctx context.Context, connection string) (c Contracts, err error) {
	docs, err := s.Book.Store.Get(ctx, rulesKey(connection, oursSort), rulesKey(connection, theirsSort))
	if err != nil {
		return c, err
	}
	for i, into := range []*Standing{&c.Ours, &c.Theirs} {
		if docs[i] != nil {
			err = errors.Join(err, json.Unmarshal(docs[i].Body, into))
		}
	}
	return c, err
}

// restand changes where one contract stands; change reports whether it did.
func (s *Site) restand(ctx context.Context, connection, sort string, change func(*Standing) (bool, error)) (now Standing, err error) {
	for try := 0; ; try++ {
		docs, err := s.Book.Store.Get(ctx, rulesKey(connection, sort))
		if err != nil {
			return now, err
		}
		d := store.Doc{Key: rulesKey(connection, sort)}
		now = Standing{}
		if docs[0] != nil {
			d.Rev = docs[0].Rev
			if err := json.Unmarshal(docs[0].Body, &now); err != nil {
				return now, err
			}
		}
		if changed, err := change(&now); err != nil || !changed {
			return now, err
		}
		if d.Body, err = json.Marshal(now); err != nil {
			return now, err
		}
		op := store.Create(d)
		if d.Rev > 0 {
			op = store.Replace(d)
		}
		if err = s.Book.Store.Apply(ctx, op, s.Book.Tell(connection)); !errors.Is(err, store.ErrConflict) || try == 5 {
			return now, err
		}
	}
}

// ring has the running half exchange now.
func (s *Site) ring(ctx context.Context, connection, what string) error {
	return s.Send(ctx, Task{Kind: RingTask, Connection: connection, Issue: what + "-" + connection}, bridge.Live, "")
}

// PublishContract makes c our contract, with the next revision.
func PublishContract(ctx context.Context, s *Site, connection string, c bridge.Contract, names bool) (Standing, error) {
	if raw, err := json.Marshal(c); err != nil || len(raw) > bridge.MaxContract-100 {
		return Standing{}, bridge.Permanent("contract-too-large", "the contract has %d bytes, at most %d travel: leave the names of this site out, or shorten value tables", len(raw), bridge.MaxContract)
	}
	now, err := s.restand(ctx, connection, oursSort, func(was *Standing) (bool, error) {
		c.Revision, c.At = 1, s.Now()
		next := Standing{Latest: &c, Before: was.InForce(), Approved: was.Approved, Has: was.Has, Names: names}
		if was.Latest != nil {
			c.Revision, c.At = was.Latest.Revision+1, max(c.At, was.Latest.At+1)
		}
		*was = next
		return true, nil
	})
	if err != nil {
		return now, err
	}
	return now, s.ring(ctx, connection, "contract")
}

// ApproveContract approves the other side's latest contract, which has to be of that revision.
func ApproveContract(ctx context.Context, s *Site, connection string, revision int64) (Standing, error) {
	now, err := s.restand(ctx, connection, theirsSort, func(t *Standing) (bool, error) {
		switch {
		case t.Latest == nil:
			return false, bridge.Permanent("contract-unknown", "the other side has published no contract")
		case t.Latest.Revision != revision:
			return false, bridge.Permanent("contract-unknown", "the other side's latest contract is revision %d, not %d: look at it first, with drawbridge contract diff", t.Latest.Revision, revision)
		}
		changed := t.Approved != t.Latest.At
		t.Approved = t.Latest.At
		return changed, nil
	})
	if err != nil {
		return now, err
	}
	return now, s.ring(ctx, connection, "contract")
}

// LearnContract keeps the other side's contract, and records that it came.
func (s *Site) LearnContract(ctx context.Context, connection string, c bridge.Contract) error {
	return s.Watched(ctx, s.otherSide(), "told by the other side", connection, func() error { return s.learnContract(ctx, connection, c) })
}

func (s *Site) otherSide() string { return "the " + string(s.Role.Other()) + " side" }

func (s *Site) learnContract(ctx context.Context, connection string, c bridge.Contract) error {
	_, err := s.restand(ctx, connection, theirsSort, func(t *Standing) (bool, error) {
		if t.Latest != nil && t.Latest.At == c.At {
			return false, nil
		}
		t.Latest, t.Before = &c, t.InForce()
		return true, nil
	})
	return err
}

// LearnHeard keeps which contract of ours the other side has, and which it approved, and records an approval.
func (s *Site) LearnHeard(ctx context.Context, connection string, has, approved int64) error {
	return s.Watched(ctx, s.otherSide(), "told by the other side", connection, func() error { return s.learnHeard(ctx, connection, has, approved) })
}

func (s *Site) learnHeard(ctx context.Context, connection string, has, approved int64) error {
	_, err := s.restand(ctx, connection, oursSort, func(o *Standing) (bool, error) {
		changed := o.Latest != nil && (o.Has != has || o.Approved != approved)
		o.Has, o.Approved = has, approved
		return changed, nil
	})
	return err
}

// Exceeds is what rules send that our contract in force does not have, if it is one that the other side had to approve. To
// send less is always allowed.
func Exceeds(s Standing, r *rule.Rules) []string {
	in := s.InForce()
	if in == nil || !in.Waits {
		return nil
	}
	sends, _ := rule.ContractOf(r, true)
	return rule.Exceeds(in.Sends, sends)
}

// keeps refuses rules that exceed our contract.
func keeps(ctx context.Context, s *Site, connection string, r *rule.Rules) error {
	c, err := s.Contracts(ctx, connection)
	if err != nil {
		return err
	}
	if more := Exceeds(c.Ours, r); len(more) > 0 {
		return bridge.Permanent("contract-exceeded", "these rules send what contract revision %d, which the other side approved, does not have: %s; "+
			"have a new one approved first (drawbridge contract publish --rules FILE --wait), or publish one that does not wait", c.Ours.InForce().Revision, strings.Join(more, "; "))
	}
	return nil
}
