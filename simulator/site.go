package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say what kind of site New makes. The zero value is a friendly Cloud
// site.
type Options struct {
	Flavour       string           // Cloud (default) or DataCenter
	Seed          int64            // every random choice follows from it
	Now           func() time.Time // default time.Now
	Version       string           // Data Center's release, such as 8.20.30; default 10.3.24
	ServerTitle   string
	ContextPath   string          // such as "/jira"; default none
	Hostile       bool            // see Settings: turns on Hostility()
	WebhookClient *http.Client    // default: a client with a 20 s time-out
	Configure     func(*Settings) // last word on the settings
}

// Settings is how the site behaves; all of it can be changed while it runs
// (Configure, or the management port).
type Settings struct {
	ReturnMetadata  bool          `json:"returnMetadata"`  // histories are served with historyMetadata
	WebhookMetadata bool          `json:"webhookMetadata"` // webhook changelogs too
	UntrustedIDs    bool          `json:"untrustedIds"`    // webhook changelog ids are not history ids
	DescriptionARI  bool          `json:"descriptionAri"`  // Cloud: changelog `to` of texts is an ARI
	OldestHistories bool          `json:"oldestHistories"` // Cloud search shows the oldest 40, not the newest
	HideVisibility  bool          `json:"hideVisibility"`  // webhooks leave out a comment's restriction
	BareAttachments bool          `json:"bareAttachments"` // attachment events carry no issue
	TextMode        string        `json:"textMode"`        // what Jira makes of text: "", "trim", "crlf", "adf"
	SearchLag       time.Duration `json:"searchLag"`       // how far searches are behind, in nanoseconds
	SearchJitter    bool          `json:"searchJitter"`    // lag is anything from 0 to SearchLag
	ShortPages      bool          `json:"shortPages"`      // search pages may hold fewer issues than asked
	AnonymousEmpty  bool          `json:"anonymousEmpty"`  // a bad credential makes the caller anonymous instead of 401
	RateLimits      bool          `json:"rateLimits"`      // answer 429 where the flavour does
	BurstPerSecond  int           `json:"burstPerSecond"`  // 0: the flavour's defaults
	ConflictRate    float64       `json:"conflictRate"`    // share of edits and transitions answered 409
	TextLimit       int           `json:"textLimit"`       // characters in a text field
	UploadLimit     int64         `json:"uploadLimit"`     // bytes in an attachment
	MediaURL        string        `json:"mediaUrl"`        // base of redirects to attachment content; default own address
	RetryMin        time.Duration `json:"retryMin"`        // Cloud webhook retries wait at least this long …
	RetryMax        time.Duration `json:"retryMax"`        // … and at most this
	AnswerTimeout   time.Duration `json:"answerTimeout"`   // a webhook receiver's time to answer
	Webhooks        WebhookFaults `json:"webhooks"`
}

// Hostility is the settings tests start from: everything a correct client
// survives, at rates that make it happen in a short run.
func Hostility(st *Settings) {
	st.SearchLag, st.SearchJitter = 300*time.Millisecond, true
	st.ShortPages, st.BareAttachments = true, true
	st.ConflictRate = 0.01
	st.Webhooks = WebhookFaults{Duplicate: 0.1, Reorder: 0.2, Delay: 0.1, DelayBy: 200 * time.Millisecond}
	st.RetryMin, st.RetryMax = 50*time.Millisecond, 150*time.Millisecond
}

func defaultSettings(flavour string) Settings {
	return Settings{
		ReturnMetadata: true, WebhookMetadata: true,
		RateLimits:  flavour == Cloud,
		TextLimit:   32767,
		UploadLimit: 10 << 20,
		RetryMin:    5 * time.Minute, RetryMax: 15 * time.Minute,
		AnswerTimeout: 20 * time.Second,
	}
}

// Site is one simulated Jira. Its methods may be called from many goroutines.
type Site struct {
	opt Options

	mu       sync.Mutex // guards everything below it
	st       state
	ix       index
	settings Settings
	base     string
	jobs     []func() // what waits for the current call to end
	// temporary are uploads that wait for a request to take them; a restart forgets them.
	temporary map[string]upload
	acting    int64 // the rule that acts now
	dirty     bool  // something may have changed since the last look

	rng     *chance
	faults  faults
	meter   meter
	post    *postman
	mux     *router
	foreign *router // what only the other flavour has
	routes  []string
}

// New makes an empty site; seed it with SeedDemo, or Load a saved one.
func New(opt Options) *Site {
	if opt.Flavour == "" {
		opt.Flavour = Cloud
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.ServerTitle == "" {
		opt.ServerTitle = "Jira"
	}
	opt.ContextPath = strings.TrimSuffix(opt.ContextPath, "/")
	s := &Site{opt: opt, st: emptyState(opt.Flavour), settings: defaultSettings(opt.Flavour)}
	s.rng = &chance{r: rand.New(rand.NewPCG(uint64(opt.Seed), 0x6a697261))}
	s.base = "http://jira.example" + opt.ContextPath
	if opt.Hostile {
		Hostility(&s.settings)
	}
	if opt.Configure != nil {
		opt.Configure(&s.settings)
	}
	s.post = newPostman(s, opt.WebhookClient)
	s.reindex()
	s.mount()
	return s
}

func emptyState(flavour string) state {
	return state{
		Flavour: flavour, Counters: map[string]int64{}, Issues: map[int64]*Issue{},
		OldKeys: map[string]int64{}, Links: map[int64]*Link{}, Blobs: map[string][]byte{},
	}
}

// Flavour is Cloud or DataCenter.
func (s *Site) Flavour() string { return s.opt.Flavour }

// SetBaseURL tells the site where it is reached; every `self` starts with it.
// The context path is part of it.
func (s *Site) SetBaseURL(u string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = strings.TrimSuffix(u, "/")
	if p := s.opt.ContextPath; p != "" && !strings.HasSuffix(s.base, p) {
		s.base += p
	}
}

// BaseURL is what SetBaseURL was told.
func (s *Site) BaseURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// Configure changes the settings while the site runs.
func (s *Site) Configure(f func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.settings.SearchLag
	f(&s.settings)
	if before == 0 && s.settings.SearchLag > 0 {
		s.ix.freezeAll(s.st.Issues)
	}
}

// Settings returns a copy of the settings in force.
func (s *Site) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Close stops the delivery of webhooks and waits for those under way.
func (s *Site) Close() { s.post.close() }

func (s *Site) cloud() bool { return s.opt.Flavour == Cloud }

// now is the site's clock, in the milliseconds Jira keeps.
func (s *Site) now() time.Time { return s.opt.Now().UTC().Truncate(time.Millisecond) }

// idStart keeps the two flavours' ids apart, so that nothing can rest on their
// being equal.
var idStart = map[string]map[string]int64{
	Cloud: {"issue": 10000, "comment": 10100, "history": 11000, "worklog": 10050, "attachment": 10200, "link": 10300, "remote": 10400,
		"webhook": 1, "field": 10030, "option": 10020, "project": 10000, "type": 10001, "status": 10000, "priority": 0, "resolution": 10000,
		"linktype": 10000, "component": 10000, "version": 10000, "security": 10000, "transition": 0, "request": 1, "user": 1},
	DataCenter: {"issue": 31500, "comment": 45600, "history": 82000, "worklog": 22000, "attachment": 27300, "link": 24100, "remote": 26800,
		"webhook": 40, "field": 12100, "option": 13400, "project": 11700, "type": 3, "status": 10400, "priority": 10, "resolution": 10700,
		"linktype": 10500, "component": 12600, "version": 14200, "security": 10900, "transition": 4, "request": 20, "user": 10100},
}

// next gives the following id of a kind; transition ids go in tens.
func (s *Site) next(kind string) int64 {
	n, ok := s.st.Counters[kind]
	if !ok {
		n = idStart[s.opt.Flavour][kind]
	}
	n++
	s.st.Counters[kind] = n
	return n
}

func (s *Site) nextID(kind string) string { return fmt.Sprint(s.next(kind)) }

// chance is the site's only source of randomness.
type chance struct {
	mu sync.Mutex
	r  *rand.Rand
}

// happens is true with probability p.
func (c *chance) happens(p float64) bool {
	if p <= 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.Float64() < p
}

// upTo is a random duration in [0, d).
func (c *chance) upTo(d time.Duration) time.Duration { return time.Duration(c.below(int64(d))) }

// below is a random number in [0, n).
func (c *chance) below(n int64) int64 {
	if n <= 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.Int64N(n)
}
