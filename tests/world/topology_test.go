package world

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// net is any number of halves, and the connections between them. Everybody watches by search.
type net struct {
	t     *testing.T
	blobs blob.Store
	all   []*Half
	links []link
}

type link struct {
	connection      string
	public, private *Half
}

func newNet(t *testing.T) *net { return &net{t: t, blobs: blob.NewMemory()} }

// half adds a site with a Jira of its own.
func (n *net) half(role bridge.Role) *Half {
	h := newHalf(n.t, role, n.blobs, Options{})
	n.all = append(n.all, h)
	return h
}

// another adds a second half, with a state of its own, to a Jira that is there: a poller of one connection beside the hub of
// another.
func (n *net) another(of *Half, role bridge.Role) *Half {
	h := &Half{T: n.t, Jira: of.Jira, Demo: of.Demo, URL: of.URL, Store: store.NewMemory(store.Faults{}), Queue: queue.NewMemory(queue.Faults{})}
	h.blobs = n.blobs
	h.build(role, n.blobs, Options{})
	n.all = append(n.all, h)
	return h
}

// join connects two halves; each side's rules are triggered by that query.
func (n *net) join(connection string, public, private *Half, publicJQL, privateJQL string) {
	n.links = append(n.links, link{connection, public, private})
	ctx := context.Background()
	for h, jql := range map[*Half]string{public: publicJQL, private: privateJQL} {
		h.must(h.Site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
			c.Name, c.State, c.Project = connection, bridge.Active, h.Demo.ProjectKey
			c.Policies[1] = bridge.Newest
			return nil
		}))
		if connection != Connection {
			h.must(h.Site.Book.UpdateConnection(ctx, Connection, func(c *bridge.Connection) error {
				if _, used := n.find(Connection, h); !used {
					c.State = bridge.Ended
				}
				return nil
			}))
		}
		source := strings.Replace(Everything(h.Demo.ProjectKey), "project = "+h.Demo.ProjectKey, jql, 1)
		_, err := site.Publish(ctx, h.Site, connection, site.Revision{File: connection + ".yaml", Source: source})
		h.must(err)
	}
}

func (n *net) find(connection string, h *Half) (link, bool) {
	for _, l := range n.links {
		if l.connection == connection && (l.public == h || l.private == h) {
			return l, true
		}
	}
	return link{}, false
}

// settle lets everything happen that is going to happen.
func (n *net) settle() {
	n.t.Helper()
	quiet := 0
	for range 200 {
		moved := 0
		for _, h := range n.all {
			flush, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			h.must(h.Jira.Flush(flush))
			cancel()
			hits, err := h.Watch.Once(context.Background())
			h.must(err)
			_, err = reconcile.Due(context.Background(), h.Site)
			h.must(err)
			moved += hits + h.Drain()
		}
		for _, l := range n.links {
			there, _ := l.public.cross(l.connection, l.private)
			back, _ := l.private.cross(l.connection, l.public)
			moved += there + back
		}
		if quiet++; moved > 0 {
			quiet = 0
		}
		if quiet == 3 {
			return
		}
	}
	n.t.Fatal("it does not settle: something goes round and round")
}

// twin is the key of the issue's twin in a connection.
func (h *Half) twin(connection, key string) string {
	h.T.Helper()
	ps, err := h.Site.Book.ByKey(context.Background(), []bridge.Connection{{ID: connection}}, key)
	h.must(err)
	if len(ps) == 0 {
		return ""
	}
	return ps[0].Head.Remote.Key
}

func TestOneHubWithThreePollers(t *testing.T) {
	n := newNet(t)
	hub := n.half(bridge.Public)
	var inside []*Half
	for i := range 3 {
		inside = append(inside, n.half(bridge.Private))
		n.join(fmt.Sprintf("c%d", i+1), hub, inside[i], fmt.Sprintf("project = PUB AND labels = to-%d", i+1), "project = PRV")
	}
	key := hub.Create("for two", map[string]any{"labels": []string{"to-2"}})
	back := inside[2].Create("from three", nil)
	n.settle()
	for i, want := range []int{0, 1, 1} {
		if got := inside[i].issueCount(); got != want {
			t.Errorf("site %d has %d issues, want %d", i+1, got, want)
		}
	}
	inside[1].Edit(hub.twin("c2", key), map[string]any{"summary": "two says"})
	there := inside[2].twin("c3", back)
	hub.Edit(there, map[string]any{"summary": "hub says"})
	n.settle()
	if a, b := hub.Field(key, "summary"), inside[2].Field(back, "summary"); a != `"two says"` || b != `"hub says"` {
		t.Errorf("%s and %s", a, b)
	}
}

func TestOneIssueInTwoConnections(t *testing.T) {
	n := newNet(t)
	hub := n.half(bridge.Public)
	one, two := n.half(bridge.Private), n.half(bridge.Private)
	n.join("c1", hub, one, "project = PUB AND labels = both", "project = PRV AND labels = nothing")
	n.join("c2", hub, two, "project = PUB AND labels = both", "project = PRV AND labels = nothing")
	key := hub.Create("shared", map[string]any{"labels": []string{"both"}})
	n.settle()
	a, b := hub.twin("c1", key), hub.twin("c2", key)
	if a == "" || b == "" {
		t.Fatalf("twins %q and %q", a, b)
	}
	one.Edit(a, map[string]any{"summary": "one says", "duedate": "2027-02-02"})
	n.settle()
	two.Edit(b, map[string]any{"priority": map[string]string{"name": "High"}})
	n.settle()
	one.OK("alice", "POST", "/rest/api/2/issue/"+a+"/comment", map[string]any{"body": "from one"}, nil)
	n.settle()
	for name, h := range map[string]struct {
		*Half
		key string
	}{"hub": {hub, key}, "one": {one, a}, "two": {two, b}} {
		if got := h.Field(h.key, "summary") + h.Field(h.key, "duedate") + h.Name(h.key, "priority"); got != `"one says""2027-02-02"High` {
			t.Errorf("%s shows %s", name, got)
		}
		if got := len(h.texts(h.key)); got > 1 || got == 0 && name != "two" {
			t.Errorf("%s has %d comments", name, got)
		}
		if got := h.issueCount(); got != 1 {
			t.Errorf("%s has %d issues", name, got)
		}
	}
}

func TestAChainOfThreeSitesHasNoLoops(t *testing.T) {
	n := newNet(t)
	a := n.half(bridge.Public)
	b := n.half(bridge.Private) // the poller of the first connection …
	b2 := n.another(b, bridge.Public)
	c := n.half(bridge.Private)
	n.join("c1", a, b, "project = PUB", "project = PRV")
	n.join("c2", b2, c, "project = PRV", "project = PRV")
	key := a.Create("from a", nil)
	n.settle()
	middle := a.twin("c1", key)
	end := b2.twin("c2", middle)
	if middle == "" || end == "" || a.issueCount() != 1 || b.issueCount() != 1 || c.issueCount() != 1 {
		t.Fatalf("%s - %s - %s; %d, %d and %d issues", key, middle, end, a.issueCount(), b.issueCount(), c.issueCount())
	}
	c.Edit(end, map[string]any{"summary": "from c", "labels": []string{"seen"}})
	n.settle()
	a.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "hello from a"}, nil)
	n.settle()
	b.Edit(middle, map[string]any{"duedate": "2027-03-03"})
	n.settle()
	for name, h := range map[string]struct {
		*Half
		key string
	}{"a": {a, key}, "b": {b, middle}, "c": {c, end}} {
		if got := h.Field(h.key, "summary") + h.Field(h.key, "labels") + h.Field(h.key, "duedate"); got != `"from c"["seen"]"2027-03-03"` {
			t.Errorf("%s shows %s", name, got)
		}
		if got := h.texts(h.key); len(got) != 1 {
			t.Errorf("%s has the comments %q", name, got)
		}
	}
	if w := a.writes() + b.writes() + c.writes(); w > 8 {
		t.Errorf("%d edits were written for 3 made", w)
	}
}

// TestEveryPairOfFlavours: a Jira of either kind may be on either site.
func TestEveryPairOfFlavours(t *testing.T) {
	for _, f := range topologies {
		t.Run(f.String(), func(t *testing.T) {
			sides(t, Options{Flavours: f}, func(t *testing.T, w *World, here, there *Half) {
				key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"a"}})
				here.Edit(key, map[string]any{"summary": "two", "priority": map[string]string{"name": "High"}})
				here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "hello"}, nil)
				here.attach(key, "a.txt", "content")
				w.Settle()
				there.Edit(twin, map[string]any{"labels": []string{"a", "b"}})
				w.Settle()
				if got := there.Field(twin, "summary") + there.Name(twin, "priority") + there.files(twin); got != `"two"Higha.txt` {
					t.Errorf("the twin shows %s", got)
				}
				if len(there.texts(twin)) != 1 || here.Field(key, "labels") != `["a","b"]` {
					t.Errorf("comments %q, labels back %s", there.texts(twin), here.Field(key, "labels"))
				}
			})
		})
	}
}
