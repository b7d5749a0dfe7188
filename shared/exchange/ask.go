package exchange

import "drawbridge/shared/bridge"

// MaxAsks is how many questions one message carries.
const MaxAsks = 20

// Asking is the part of a message that asks what would be, and answers that. Nothing is written for it on either side.
type Asking struct {
	Asks []bridge.Question `json:"asks,omitempty"` // the sender's questions without an answer
	Told []bridge.Preview  `json:"told,omitempty"` // the sender's answers
	// Asked are the hub's questions that the poller has and has not answered yet; of a Response it is empty.
	Asked []string `json:"asked,omitempty"`
}

// checkAsks refuses too many, and makes each speak of the connection whose key signed the message.
func (a *Asking) checkAsks(connection string) error {
	if len(a.Asks) > MaxAsks || len(a.Told) > MaxAsks || len(a.Asked) > MaxMarks {
		return badRequest("asks, told: at most %d of each", MaxAsks)
	}
	for i := range a.Asks {
		if !isToken(a.Asks[i].ID) {
			return badRequest("asks: the id is 1 to 64 of [A-Za-z0-9_-]")
		}
		if err := claim(&a.Asks[i].Connection, connection); err != nil {
			return err
		}
		a.Asks[i].Change.Connection = connection
	}
	for i := range a.Told {
		if err := claim(&a.Told[i].Connection, connection); err != nil {
			return err
		}
	}
	return nil
}
