// Package sim runs the whole product under random edits and faults, both sites in one process and in fake time, and repeats
// any run from its seed. There is no socket and no waiting: the Jira client calls the simulator's handler, the poller calls
// the hub's, webhooks are letters that a step of the simulation delivers, doubles, delays or loses, and a crash throws a
// process away in the middle of a write.
//
// A run is a list of steps made from a seed ([plan]); each step is carried out by itself, so steps can be left away: a run
// that fails is shrunk to a short story. Start reading at [world.run]; step.go has the steps, check.go what has to hold
// at the end.
package sim

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/poll"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/sign"
	"drawbridge/simulator"
)

// options are what a seed decides before the first step.
type options struct {
	seed       uint64
	policy     bridge.Policy
	lag        time.Duration // of both search indexes
	metadata   bool          // changelogs return what our writes carry
	untrusted  bool          // webhook changelog ids are no history ids
	ari        bool
	hide       bool // webhooks leave out a comment's restriction
	bare       bool // attachment events carry no issue
	textMode   string
	indexLag   int
	indexMiss  float64
	skews      [4]time.Duration // hub, poller's Jira, hub's Jira
	automation bool
	resolvable bool // a resolution can be set without a transition
}

func optionsOf(seed uint64) options {
	r := rand.New(rand.NewPCG(seed, 1))
	one := func(of int) bool { return r.IntN(of) == 0 }
	o := options{seed: seed, policy: []bridge.Policy{bridge.Newest, bridge.Newest, bridge.PublicSite, bridge.PrivateSite}[r.IntN(4)], metadata: !one(3)}
	if one(3) {
		o.lag = time.Duration(1+r.IntN(120)) * time.Second
	}
	o.untrusted, o.ari, o.hide, o.bare = one(6), one(6), one(3), one(3)
	o.textMode = []string{"", "", "trim", "crlf"}[r.IntN(4)]
	o.indexLag = r.IntN(3)
	if one(2) {
		o.indexMiss = 0.2
	}
	for i := range o.skews {
		if one(2) {
			o.skews[i] = time.Duration(r.IntN(10*60)-5*60) * time.Second
		}
	}
	o.automation, o.resolvable = one(4), !one(4)
	return o
}

func (o options) configure(_ bridge.Role, s *simulator.Settings) {
	s.ReturnMetadata, s.WebhookMetadata = o.metadata, o.metadata
	s.UntrustedIDs, s.DescriptionARI, s.HideVisibility, s.BareAttachments = o.untrusted, o.ari, o.hide, o.bare
	s.SearchLag, s.SearchJitter, s.ShortPages = o.lag, o.lag > 0, true
	s.TextMode = o.textMode
}

// rules carry every field there is, both ways; the private workflow has steps, so paths are listed.
func (o options) rules(role bridge.Role) string {
	project := map[bridge.Role]string{bridge.Public: "PUB", bridge.Private: "PRV"}[role]
	paths := ""
	if role == bridge.Private {
		paths = `
  paths:
    - [To Do, In Progress, In Review]
    - [In Review, In Progress, To Do]
    - [Done, To Do, In Progress]
    - [Done, To Do, In Progress, In Review]`
	}
	return fmt.Sprintf(`version: 1
fields:
  - field: Priority
  - field: Labels
  - field: Due date
  - field: Components
  - field: Fix versions
  - field: Assignee
users:
  send: [email]
triggers:
  - jql: project = %s
status:
  fields:
    Done: {Resolution: Done}%s
worklogs:
  direction: both
links:
  direction: both
`, project, paths)
}

// world is two sites and what lies between them.
type world struct {
	o               options
	public, private *half
	mail            *mail
	hubWire         *hubWire
	hubKeys         []sign.Key // the one in force first
	cut             bool       // the firewall lets nothing through
	began           time.Time

	tokens    int
	steps     int
	secrets   []secretText
	gone      map[bridge.Role]map[string]bool // issues that people deleted, by id
	lost      map[string]bool                 // texts and file names of copies that people deleted
	links     map[bridge.Role]map[link]tie    // what people did to the links of either site
	moved     map[string]bool                 // sub-tasks that people put under another issue, by id
	parts     bool                            // there is a sub-task
	elsewhere bool                            // an issue was moved to another project
	leaked    []string
	story     []string
	verbose   bool
	restored  bool            // a backup: its history lacks what came after
	twisted   map[string]bool // fields whose row was another one for a while
}

// secretText is a text that was restricted from the beginning and must never be on the other site.
type secretText struct {
	text string
	home bridge.Role
}

// failed is how a run ends that finds something.
type failed struct{ why string }

func fail(format string, args ...any) { panic(failed{fmt.Sprintf(format, args...)}) }

func must(err error) {
	if err != nil {
		fail("the simulation itself: %v", err)
	}
}

func newWorld(o options, verbose bool) *world {
	w := &world{o: o, mail: &mail{}, began: time.Now(), verbose: verbose, lost: map[string]bool{}, moved: map[string]bool{}, twisted: map[string]bool{},
		links: map[bridge.Role]map[link]tie{bridge.Public: {}, bridge.Private: {}},
		gone:  map[bridge.Role]map[string]bool{bridge.Public: {}, bridge.Private: {}}}
	hubKey, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{1}, 64)))
	must(err)
	w.hubKeys = []sign.Key{hubKey}
	pollerKey, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{2}, 64)))
	must(err)
	w.hubWire = &hubWire{w: w}
	w.public, w.private = newHalf(w, bridge.Public, o), newHalf(w, bridge.Private, o)
	w.public.skew, w.public.jiraSkew, w.private.jiraSkew = o.skews[0], o.skews[1], o.skews[2]
	ctx := context.Background()
	must(poll.Book{Store: w.private.disk}.Save(ctx, poll.Link{Connection: connection, HubURL: hubURL, HubKey: hubKey.Public(), Key: pollerKey}))
	w.public.start()
	w.private.start()
	w.invite()
	w.public.join(ctx, o)
	w.private.join(ctx, o)
	if o.automation {
		w.automate()
	}
	if o.resolvable {
		for _, h := range w.halves() {
			for _, project := range []string{h.demo.ProjectKey, h.demo.ServiceKey} {
				must(h.jira.ChangeProject(project, func(p *simulator.Project) error {
					p.EditScreen = append(p.EditScreen, "resolution")
					return nil
				}))
			}
		}
	}
	return w
}

// invite makes the poller known to the hub.
func (w *world) invite() {
	ctx := context.Background()
	seed := strings.NewReader(strings.Repeat("0123456789", 8))
	inv, err := sign.NewInvitation(seed, hubURL, w.hubKeys[0].Public(), connection, w.public.now().Add(time.Hour))
	must(err)
	must(w.public.site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error { c.State = bridge.Active; return nil }))
	must(w.private.client.HTTP.Transport.(*hubWire).w.bookInvite(ctx, inv))
	_, err = w.private.client.Accept(ctx, inv, "poller", siteOf(w.private))
	must(err)
}

// automate gives each Jira rules and post-functions that react to our writes. The post-functions of the two sites want
// different things: whose edit came later stands.
func (w *world) automate() {
	for _, h := range []*half{w.public, w.private} {
		bob := h.userID("bob")
		h.jira.AddRule(simulator.Rule{When: "updated", By: h.demo.AccountID, JQL: "priority = High", Actor: bob, Set: "labels", Words: []string{"{more}", "robot-" + string(h.role)}})
		h.jira.AddRule(simulator.Rule{When: "created", By: h.demo.AccountID, Actor: bob, Set: "labels", Words: []string{"{more}", "born-" + string(h.role)}, Delay: 2 * time.Second})
		if h == w.private { // on both sites it would be a fight, which is parked
			h.jira.AddRule(simulator.Rule{When: "updated", By: h.demo.AccountID, JQL: "status = Done", Actor: bob, Set: "duedate", Words: []string{"2031-01-01"}, Delay: time.Minute})
		}
		must(h.jira.ChangeWorkflow("Simple", func(f *simulator.Workflow) error {
			for _, t := range f.Transitions {
				if t.Name == "In Progress" || t.Name == "Start Progress" {
					t.Post = append(t.Post, simulator.PostFunction{Field: "priority", Words: []string{map[bridge.Role]string{bridge.Public: "Low", bridge.Private: "High"}[h.role]}},
						simulator.PostFunction{Field: "labels", Words: []string{"started-" + string(h.role)}})
				}
			}
			return nil
		}))
	}
}

func (w *world) say(format string, args ...any) {
	if said := fmt.Sprintf(format, args...); strings.HasPrefix(said, " ") && len(w.story) > 0 && strings.HasSuffix(w.story[len(w.story)-1], said) {
		return // the same again
	}
	line := fmt.Sprintf("%9.3fs  ", time.Since(w.began).Seconds()) + fmt.Sprintf(format, args...)
	w.story = append(w.story, line)
	if w.verbose {
		fmt.Println(line)
	}
}

func (w *world) token(prefix string) string {
	w.tokens++
	return fmt.Sprintf("%s%dx", prefix, w.tokens)
}

// survive runs f as a part of the half's process. A crash of that half ends f, and the process is started anew.
func (w *world) survive(h *half, f func()) (survived bool) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		c, is := r.(crash)
		if !is || c.half != h {
			panic(r)
		}
		w.say("  %s: crash %s", h.role, c.at)
		h.gun.dead = false
		h.start()
	}()
	f()
	if h.gun.dead { // somebody recovered; nothing that came after counts
		panic(crash{h, h.gun.at})
	}
	return true
}

// run carries out the steps, lets the world settle and says what is wrong then; "" if nothing is.
func run(o options, steps []step, verbose bool) (w *world, wrong string) {
	return live(o, verbose, func(w *world) {
		for _, s := range steps {
			w.do(s)
		}
		w.settle()
	})
}

// live makes a world, lets it live and says what is wrong in the end.
func live(o options, verbose bool, life func(*world)) (w *world, wrong string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failed:
			wrong = r.why
			if verbose {
				w.dump()
			}
		default:
			panic(r)
		}
		if w != nil {
			w.public.jira.Close()
			w.private.jira.Close()
			time.Sleep(time.Hour) // timers of calls that crashed run out
		}
	}()
	w = newWorld(o, verbose)
	life(w)
	wrong = w.check()
	if verbose && wrong != "" {
		w.dump()
	}
	return w, wrong
}

// sort takes in the webhooks that Jira has sent, in an order that the seed decides.
func (w *world) sort() {
	synctest.Wait()
	m := w.mail
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.SortFunc(m.arrived, func(a, b letter) int { return strings.Compare(a.id, b.id) })
	m.waiting, m.arrived = append(m.waiting, m.arrived...), nil
	m.late = slices.DeleteFunc(m.late, func(l letter) bool {
		due := !time.Now().Before(l.due)
		if due {
			m.waiting = append(m.waiting, l)
		}
		return due
	})
}

// deliver brings the i-th waiting webhook to the hub; it stays if the hub does not take it.
func (w *world) deliver(i int, keep bool) {
	l := w.mail.waiting[i]
	req, err := http.NewRequest(http.MethodPost, hubURL+l.path, bytes.NewReader(l.body))
	must(err)
	req.Header = l.header
	status := 0
	w.survive(w.public, func() {
		res, err := serve(w.public.ingest, req, w.public.now())
		must(err)
		status = res.StatusCode
	})
	if status >= 400 && status < 500 {
		fail("the hub refuses a webhook: %d: %s", status, l.body)
	}
	if status == 202 && !keep {
		w.mail.waiting = slices.Delete(w.mail.waiting, i, i+1)
	}
}

// search lets a half look for what changed.
func (w *world) search(h *half) (hits int) {
	w.survive(h, func() {
		n, err := h.watch.Once(context.Background())
		if err != nil {
			w.say("  %s: search: %v", h.role, err)
		}
		hits = n
	})
	return hits
}

// exchange does one round of the poller.
func (w *world) exchange() {
	w.survive(w.private, func() {
		if err := w.private.loop.Once(context.Background()); err != nil {
			w.say("  exchange: %v", err)
		}
	})
}

// settle ends all faults and comes to rest.
func (w *world) settle() {
	w.say("--- no more edits, no more faults")
	w.cut, w.hubWire.mishaps = false, nil
	for _, h := range w.halves() {
		h.gun.left, h.disk.fails, h.line.fails, h.wire.mishaps = 0, nil, nil, nil
		if h.unpublished {
			h.putRules()
		}
	}
	w.rest()
}

// rest lets everything happen until nothing moves any more, and a sweep of all pairs finds nothing either.
func (w *world) rest() {
	pauses := []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 6 * time.Minute, 11 * time.Minute, 11 * time.Minute}
	quiet, swept := 0, false
	for i := range 150 {
		if quiet >= 4 && !swept {
			swept = w.sweep(w.public) && w.sweep(w.private)
		}
		if w.round() == 0 && len(w.mail.late) == 0 {
			quiet++
		} else {
			quiet = 0
		}
		if quiet == len(pauses) {
			return
		}
		time.Sleep(pauses[max(quiet, min(i/8, 3))]) // what waits for its time gets it
	}
	fail("the world does not settle: changes keep crossing")
}

// sweep has a half compare all its pairs with Jira.
func (w *world) sweep(h *half) (begun bool) {
	w.survive(h, func() {
		err := reconcile.Start(context.Background(), h.site, connection, "the end of the run", false)
		begun = err == nil
	})
	return begun
}

func (w *world) halves() []*half { return []*half{w.public, w.private} }

func (w *world) half(role bridge.Role) *half {
	if role == bridge.Public {
		return w.public
	}
	return w.private
}

// round lets everything happen once and counts what moved.
func (w *world) round() (moved int) {
	ctx := context.Background()
	w.sort()
	for len(w.mail.waiting) > 0 {
		moved++
		w.deliver(0, false)
	}
	for _, h := range w.halves() {
		moved += w.search(h)
		w.due(h)
		for n := h.work(10); n > 0; n = h.work(10) {
			moved += n
		}
	}
	w.exchange()
	for _, h := range w.halves() {
		live, bulk, _, err := h.site.Book.Depth(ctx, connection, 100)
		must(err)
		moved += live + bulk
	}
	return moved + w.private.loop.Busy()
}
