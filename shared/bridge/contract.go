package bridge

// A Contract is what one side of a connection says it sends and accepts: names, kinds and values, never the rules behind
// them. A side publishes one when its people say so; nothing of it decides what is sent or written.
type Contract struct {
	Revision  int64 `json:"revision"`            // counted by the side that publishes
	At        int64 `json:"at"`                  // hub ms of publishing; tells the contracts of one side apart
	Waits     bool  `json:"waits,omitempty"`     // not in force before the other side has approved it
	Withdrawn bool  `json:"withdrawn,omitempty"` // the side says nothing any more
	Sends     Terms `json:"sends"`
	Accepts   Terms `json:"accepts"`
}

// MaxContract bounds a contract, in bytes of JSON.
const MaxContract = 100 << 10

// Terms are what goes one way under a contract.
type Terms struct {
	Fields  []Term       `json:"fields,omitempty"` // in order of key
	Members []MemberKind `json:"members,omitempty"`
}

// A Term is one replica key.
type Term struct {
	Key    string   `json:"key"`
	Kind   Kind     `json:"kind"`             // Opaque: any
	Values []string `json:"values,omitempty"` // all there are; none: any
}

// Term is the term of a replica key.
func (t Terms) Term(key string) (Term, bool) {
	for _, f := range t.Fields {
		if f.Key == key {
			return f, true
		}
	}
	return Term{}, false
}
