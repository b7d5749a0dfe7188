package exchange

import (
	"net/url"

	"drawbridge/shared/bridge"
	"drawbridge/shared/sign"
)

const (
	protocolHeader = "Drawbridge-Protocol"
	hubKeyHeader   = "Drawbridge-Hub-Key" // id of the hub key the poller has pinned
)

// Limits of messages. What is larger is refused before it is parsed.
const (
	MaxEncoded = 4 << 20  // bytes on the wire, after compression
	MaxDecoded = 32 << 20 // bytes of JSON
	MaxDepth   = 64       // nesting of JSON
	MaxChanges = 200      // changes in one message
	MaxMarks   = 5000     // acks, and marks of each kind, in one message
	PartSize   = 4 << 20  // bytes of an attachment in one call, except the last part

	maxSmall        = 64 << 10 // bytes on the wire of everything that is neither an exchange nor content
	maxSmallDecoded = 256 << 10
)

// Request is what a poller sends in an exchange.
type Request struct {
	Protocol int      `json:"protocol"`
	From     Identity `json:"from"`
	// Status is how the poller is; the hub shows it and raises the alarm when it stops coming.
	Status Status `json:"status"`
	// Bye gives the lease back: the poller stops.
	Bye bool `json:"bye,omitempty"`

	// Acks are the poller's statements about changes of the hub.
	Acks []bridge.Ack `json:"acks,omitempty"`
	// Changes are the poller's own, at most MaxChanges. A 200 means that the hub holds them durably.
	Changes []bridge.Change `json:"changes,omitempty"`
	// Awaits are changes the hub holds and the poller has no ack for yet.
	Awaits []Mark `json:"awaits,omitempty"`
	// Holds are changes of the hub the poller has durably and not acked yet: they need not be sent again.
	Holds []Mark `json:"holds,omitempty"`

	Knows Knows `json:"knows"`
	// Count is how many messages this state has sent in which something flowed, this one included. It is stored before
	// the message is sent: a state that counts less than it did was restored from a backup.
	Count int64 `json:"count,omitempty"`
	Asking
	// Hold is what the private side has against carrying changes; nil: nothing.
	Hold *bridge.Hold `json:"hold,omitempty"`
	// Again are issues of the hub's site that it is asked to offer anew: their twins may be made now.
	Again []string `json:"again,omitempty"`
	// Name is what the private side calls the connection.
	Name string `json:"name,omitempty"`
	// Contracts is nil from a poller that knows none; then the answer has none either.
	Contracts *Contracts `json:"contracts,omitempty"`

	// WaitMS is how long the hub may hold its answer until it has something to send; a hub that cannot wait does not.
	WaitMS int64 `json:"wait_ms,omitempty"`
	// IdleMS is for how long nothing has flowed, as the poller saw it; the hub paces it by that.
	IdleMS int64 `json:"idle_ms,omitempty"`
}

// Identity tells pollers apart: one that was restarted from one that was copied.
type Identity struct {
	Poller     string `json:"poller"`     // id chosen when the invitation was accepted
	State      string `json:"state"`      // random id of the poller's state
	Generation int64  `json:"generation"` // raised at each start from that state
	Instance   string `json:"instance"`   // random, new at each start, never stored
	// Resumes is the count of messages that the state held when this instance opened it.
	Resumes int64 `json:"resumes,omitempty"`
}

// Status is the heartbeat of a poller. The numbers count pairs.
type Status struct {
	Version  string `json:"version"`
	LiveOut  int    `json:"live_out"`  // waiting for the hub in the live lane
	BulkOut  int    `json:"bulk_out"`  // and in the bulk lane
	OldestMS int64  `json:"oldest_ms"` // hub time since when the oldest of them waits; 0: none
	Parked   int    `json:"parked"`
	Rules    int64  `json:"rules,omitempty"`   // revision of the private site's rules in force
	Problem  string `json:"problem,omitempty"` // what stops the site, for a person; cut at 300 characters
	Site     string `json:"site,omitempty"`    // what the private site is called now
}

// Mark names one revision of one pair by the issue id at the site that sent it.
type Mark struct {
	Issue    string `json:"issue"`
	Revision int64  `json:"revision"`
}

// Knows is what the poller has of the things the hub hands out.
type Knows struct {
	Policy int64 `json:"policy"` // highest policy revision
	// Policies are sent where there is more than the first: a hub that was restored has lost some.
	Policies map[int64]bridge.Policy `json:"policies,omitempty"`
	State    bridge.ConnectionState  `json:"state"`           // of the connection
	Rules    int64                   `json:"rules,omitempty"` // revision of the rule set
	Hold     *bridge.Hold            `json:"hold,omitempty"`  // the hub's own, as last told
	Name     string                  `json:"name,omitempty"`  // the hub's name of the connection
	HubKey   string                  `json:"hub_key"`         // id of the hub key it has pinned; Client sets it
	Hub      Generation              `json:"hub,omitzero"`    // the hub's state it last spoke with
	// Rejoined is the last Response.Rejoin that was carried out.
	Rejoined int64 `json:"rejoined,omitempty"`
}

// Generation names the state of the hub. When it is not the one known, or its
// number is lower, state was lost or restored, and both sides send their entries
// again.
type Generation struct {
	State  string `json:"state"`
	Number int64  `json:"number"` // of exchanges admitted for the connection
}

// Response is what the hub answers to an exchange.
type Response struct {
	Protocol   int    `json:"protocol"`
	Version    string `json:"version,omitempty"` // of the hub's Drawbridge
	CameMS     int64  `json:"came_ms"`           // hub time when the request came: an answer may be held
	NowMS      int64  `json:"now_ms"`            // hub time when the answer was made
	NextPollMS int64  `json:"next_poll_ms"`      // when to come again, unless something of the poller's own waits
	Lease      Lease  `json:"lease"`

	Acks    []bridge.Ack    `json:"acks,omitempty"`
	Changes []bridge.Change `json:"changes,omitempty"`
	More    bool            `json:"more,omitempty"` // more changes wait: come again at once

	Connection *bridge.Connection `json:"connection,omitempty"` // if it is not what the poller knows
	Rules      *RuleSet           `json:"rules,omitempty"`      // likewise
	Contracts  *Contracts         `json:"contracts,omitempty"`  // likewise
	Again      []string           `json:"again,omitempty"`      // issues of the private site to be offered anew
	HubKey     *sign.Rotation     `json:"hub_key,omitempty"`    // the hub's next key; Client verifies it
	Asking
	Hub Generation `json:"hub"`
	// Rejoin names a request to offer everything again. While it is not 0 nothing flows: of what came with the request
	// nothing was taken, and it is sent again.
	Rejoin int64 `json:"rejoin,omitempty"`
	// YourRules, with Rejoin, is the highest revision of the poller's rules that the hub was ever told.
	YourRules int64 `json:"your_rules,omitempty"`
}

// Lease says that this poller, and no other, works for the connection.
type Lease struct {
	Fence   int64 `json:"fence"`    // grows whenever another instance takes over
	UntilMS int64 `json:"until_ms"` // hub time
}

// RuleSet is a published set of rules as it was written.
type RuleSet struct {
	Revision int64  `json:"revision"`
	Source   string `json:"source,omitempty"` // left out: each site keeps its rules to itself
}

// AcceptRequest accepts an invitation. The request that carries it is signed with
// the key it registers.
type AcceptRequest struct {
	Protocol int `json:"protocol"`
	sign.AcceptRequest
	Site Site `json:"site"`
}

// Site is what the other site may know about the one that joins.
type Site struct {
	Name    string         `json:"name"`
	Flavour bridge.Flavour `json:"flavour"`
	URL     string         `json:"url,omitempty"` // base URL for links people click
	Version string         `json:"version"`       // of Drawbridge
}

// AcceptResponse is the hub's answer: the connection the poller now belongs to.
type AcceptResponse struct {
	Protocol   int               `json:"protocol"`
	Connection bridge.Connection `json:"connection"`
	Site       Site              `json:"site"` // the public one
	NowMS      int64             `json:"now_ms"`
}

// KeyResponse confirms a key rotation. Both keys are good until the new one is
// used for the first time.
type KeyResponse struct {
	Key string `json:"key"` // id of the new key
}

// Link is where content can be fetched or put without going through the hub. An
// empty URL: there is no such place, use parts.
type Link struct {
	URL string `json:"url,omitempty"`
}

// clean bounds what is stored and shown of a site, and drops a URL that is none:
// people will click on it.
func (s Site) clean() Site {
	s.Name, s.Version = cut(s.Name, 100), cut(s.Version, 60)
	if u, err := url.Parse(s.URL); err != nil || len(s.URL) > 300 || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		s.URL = ""
	}
	if !s.Flavour.Valid() {
		s.Flavour = ""
	}
	return s
}

// cleanHold bounds what is stored and shown of a hold.
func cleanHold(h *bridge.Hold) {
	if h != nil {
		h.Name, h.Why, h.By = cut(h.Name, 60), cut(h.Why, 300), cut(h.By, 100)
	}
}

func (st Status) clean() Status {
	st.Problem, st.Version, st.Site = cut(st.Problem, 300), cut(st.Version, 60), cut(st.Site, 60)
	return st
}

// cut bounds a text for people and keeps it in one line.
func cut(text string, limit int) string {
	text = bridge.OneLine(text)
	if r := []rune(text); len(r) > limit {
		return string(r[:limit])
	}
	return text
}

// check refuses a request whose lists are too long or whose names are odd. The
// error says which; it is for a sender whose signature was good.
func (r *Request) check(protocol int) error {
	switch {
	case r.Protocol != protocol:
		return badRequest("the message says protocol %d, its header %d", r.Protocol, protocol)
	case !isToken(r.From.Poller) || !isToken(r.From.State) || !isToken(r.From.Instance) || r.From.Generation < 1:
		return badRequest("from: poller, state and instance are 1 to 64 of [A-Za-z0-9_-], the generation counts from 1")
	case r.Knows.HubKey != "" && !isToken(r.Knows.HubKey):
		return badRequest("knows: the hub key is an id of 1 to 64 of [A-Za-z0-9_-]")
	case !policiesFit(r.Knows.Policies):
		return badRequest("knows: at most %d conflict policies, all of them known ones", MaxMarks)
	case r.Hold != nil && !r.Hold.Valid():
		return badRequest("hold: its state is paused, broken or ended")
	case len(r.Changes) > MaxChanges:
		return badRequest("changes: %d, at most %d", len(r.Changes), MaxChanges)
	case len(r.Acks) > MaxMarks || len(r.Awaits) > MaxMarks || len(r.Holds) > MaxMarks || len(r.Again) > MaxMarks:
		return badRequest("acks, awaits, holds: at most %d of each", MaxMarks)
	}
	return nil
}

func policiesFit(all map[int64]bridge.Policy) bool {
	for r, p := range all {
		if r < 1 || r > 1<<52 || !p.Valid() {
			return false
		}
	}
	return len(all) <= MaxMarks
}

// claim makes every change and ack speak of the connection whose key signed the
// request; one that names another is refused.
func (r *Request) claim(connection string) error {
	for i := range r.Changes {
		if err := claim(&r.Changes[i].Connection, connection); err != nil {
			return err
		}
	}
	for i := range r.Acks {
		if err := claim(&r.Acks[i].Connection, connection); err != nil {
			return err
		}
	}
	return nil
}

func claim(named *string, connection string) error {
	if *named != "" && *named != connection {
		return badRequest("a change or ack names another connection")
	}
	*named = connection
	return nil
}

// isToken says whether s may stand in a path: 1 to 64 of [A-Za-z0-9_-].
func isToken(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
