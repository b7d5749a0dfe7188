package exchange

import (
	"encoding/json"
	"fmt"

	"drawbridge/shared/bridge"
)

// Contracts is the part of a message about what the sides publish of what they send and accept.
type Contracts struct {
	Contract *bridge.Contract `json:"contract,omitempty"` // the sender's latest, where the receiver has another
	Heard
	// Knows is what the sender last heard of its own contract; of a Response it is empty.
	Knows Heard `json:"knows,omitzero"`
}

// Heard is what one side has of the other's contracts: the time of publishing tells which.
type Heard struct {
	Has      int64 `json:"has,omitempty"`
	Approved int64 `json:"approved,omitempty"`
}

const maxWord = 255 // characters of a key or value in a contract

// check refuses a contract that is too large, and takes what would drive a terminal out of its words.
func (c *Contracts) check() error {
	if c == nil || c.Contract == nil {
		return nil
	}
	if raw, err := json.Marshal(c.Contract); err != nil || len(raw) > bridge.MaxContract {
		return fmt.Errorf("contract: at most %d bytes are taken", bridge.MaxContract)
	}
	for _, t := range []bridge.Terms{c.Contract.Sends, c.Contract.Accepts} {
		for i := range t.Fields {
			f := &t.Fields[i]
			f.Key, f.Kind = cut(f.Key, maxWord), bridge.Kind(cut(string(f.Kind), maxWord))
			for j := range f.Values {
				f.Values[j] = cut(f.Values[j], maxWord)
			}
		}
		for i := range t.Members {
			t.Members[i] = bridge.MemberKind(cut(string(t.Members[i]), maxWord))
		}
	}
	return nil
}
