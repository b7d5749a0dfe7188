package bridge

// A Role says on which side of the firewall a site stands. Every connection has exactly one site of each role.
type Role string

// The two roles.
const (
	Public  Role = "public"  // the site the hub can reach
	Private Role = "private" // the site inside the firewall; only its poller opens connections
)

// Other is the role of the remote site.
func (r Role) Other() Role {
	if r == Public {
		return Private
	}
	return Public
}

// Valid reports whether r is one of the two roles.
func (r Role) Valid() bool { return r == Public || r == Private }

// A Flavour is the kind of Jira a site runs.
type Flavour string

// The flavours. They differ in API paths, users, search, webhooks and in what an edit answers.
const (
	Cloud      Flavour = "cloud"
	DataCenter Flavour = "datacenter"
)

// Valid reports whether f is a known flavour.
func (f Flavour) Valid() bool { return f == Cloud || f == DataCenter }

// A Lane is the urgency of a change or message. Live always overtakes bulk.
type Lane string

// The lanes.
const (
	Live Lane = "live"
	Bulk Lane = "bulk"
)

// A Policy decides a conflict: two edits of one field made without knowledge of each other.
type Policy string

// The conflict policies of a connection.
const (
	Newest      Policy = "newest"       // the later stamp wins
	PublicSite  Policy = "public-site"  // the public site's edit wins
	PrivateSite Policy = "private-site" // the private site's edit wins
	Ask         Policy = "ask"          // nobody wins until a person picks
)

// Valid reports whether p is a known policy.
func (p Policy) Valid() bool {
	return p == Newest || p == PublicSite || p == PrivateSite || p == Ask
}

// A ConnectionState is where a connection is in its life.
type ConnectionState string

// The states of a connection.
const (
	Pending ConnectionState = "pending" // invited, not accepted yet
	Active  ConnectionState = "active"
	Paused  ConnectionState = "paused" // changes are marked, nothing is applied or exchanged
	Broken  ConnectionState = "broken" // a rule fails for every issue, or safety stopped it; a person must act
	Ended   ConnectionState = "ended"
)

// A Connection is the agreement of two sites on what is kept in sync, as each half stores it.
type Connection struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	State       ConnectionState `json:"state"`
	Why         string          `json:"why,omitempty"` // of paused and broken: the reason, for a person
	// Holds are what each side has against carrying changes; State and Why follow from them.
	Holds map[Role]Hold `json:"holds,omitempty"`
	// Theirs is the connection's name at the other site: each names it as it likes.
	Theirs string `json:"theirs,omitempty"`
	// Policies are the conflict policies by revision; the highest known revision stamps new edits. The first is 1, each later
	// one the time it was published (see Decide).
	Policies map[int64]Policy `json:"policies"`
	Created  int64            `json:"created"` // ms on the hub's timeline
	// Project is where this site creates issues unless its rules say otherwise; the other site has its own.
	Project string `json:"project,omitempty"`
}

// Policy returns the policy of the given revision and whether this site knows it.
func (c *Connection) Policy(revision int64) (Policy, bool) {
	p, ok := c.Policies[revision]
	return p, ok
}

// Decide makes p the policy for edits from now (hub ms) on. The revision is the time: a hub that was restored from an older
// backup never gives a number again to another policy.
func (c *Connection) Decide(p Policy, now int64) {
	if top := c.Revision(); c.Policies[top] != p {
		c.Policies[max(top+1, now)] = p
	}
}

// Revision is the highest policy revision this site knows.
func (c *Connection) Revision() int64 {
	var top int64
	for r := range c.Policies {
		top = max(top, r)
	}
	return top
}
