package simulator

import (
	"slices"
	"strings"
	"time"
)

// Rule is an automation: when something happens to an issue that matches, an
// account does something to it. Rules do not react to rules.
type Rule struct {
	ID      int64         `json:"id"`
	When    string        `json:"when"`    // created, updated or commented
	By      string        `json:"by"`      // only what this user (name or id) does; empty: anyone's
	JQL     string        `json:"jql"`     // only issues that match after it
	Actor   string        `json:"actor"`   // user (name or id) the rule acts as
	Set     string        `json:"set"`     // field id to set …
	Words   []string      `json:"words"`   // … to these names, ids or texts; "{more}" first: in addition to what is there
	Status  string        `json:"status"`  // status (name or id) to move to by the first transition that leads there
	Comment string        `json:"comment"` // comment to add
	Delay   time.Duration `json:"delay"`   // 0: right after the call that caused it
	Chain   bool          `json:"chain"`   // reacts to other rules too (never to itself)
	Off     bool          `json:"off"`
}

// AddRule puts a rule in force and returns its id.
func (s *Site) AddRule(r Rule) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ID = s.next("rule")
	for _, who := range []*string{&r.Actor, &r.By} {
		if u := s.userNamed(*who); u != nil {
			*who = u.ID
		}
	}
	s.st.Rules = append(s.st.Rules, &r)
	return r.ID
}

// RemoveRule ends a rule.
func (s *Site) RemoveRule(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Rules = slices.DeleteFunc(slices.Clone(s.st.Rules), func(r *Rule) bool { return r.ID == id })
}

// react starts the rules that what just happened calls for.
func (s *Site) react(when string, is *Issue, by *User) {
	for _, r := range s.st.Rules {
		loop := s.acting != 0 && (!r.Chain || s.acting == r.ID)
		if r.Off || loop || r.When != when || r.By != "" && r.By != by.ID || !s.matches(r.JQL, is, s.user(r.Actor)) {
			continue
		}
		id := is.ID
		run := func() { s.runRule(r, id) }
		if r.Delay > 0 {
			time.AfterFunc(r.Delay, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				run()
				s.drain()
			})
			continue
		}
		s.later(run)
	}
}

// later does something after the current call.
func (s *Site) later(job func()) { s.jobs = append(s.jobs, job) }

// maxJobs ends rules that keep each other busy.
const maxJobs = 50

// drain does what is left for after the call.
func (s *Site) drain() {
	for n := 0; len(s.jobs) > 0; n++ {
		job := s.jobs[0]
		s.jobs = s.jobs[1:]
		if n < maxJobs {
			job()
		}
	}
}

// ruleWords are the words a rule sets a field to.
func (s *Site) ruleWords(r *Rule, f *Field, is *Issue) Value {
	var v Value
	said := r.Words
	if len(said) > 0 && said[0] == "{more}" {
		v, said = slices.Clone(is.Values[f.ID]), said[1:]
	}
	for _, w := range said {
		v = append(v, s.wordFor(f, is, w))
	}
	if f.kind().list {
		slices.Sort(v)
		v = slices.Compact(v)
	}
	return v
}

func (s *Site) runRule(r *Rule, id int64) {
	is, actor := s.st.Issues[id], s.user(r.Actor)
	if is == nil || actor == nil {
		return
	}
	s.acting = r.ID
	defer func() { s.acting = 0 }()
	if f := s.ix.fields[r.Set]; f != nil {
		ch := s.change(is, actor)
		ch.set(f, s.ruleWords(r, f, is))
		ch.commit(eventFor(ch.items), nil)
	}
	if r.Status != "" {
		for _, t := range s.workflow(is).Transitions {
			leads := t.To == r.Status || strings.EqualFold(s.status(t.To).Name, r.Status)
			if leads && is.word("status") != t.To && s.available(t, is, actor) {
				s.transition(is, t, nil, actor, nil)
				break
			}
		}
	}
	if r.Comment != "" {
		s.addComment(is, &Comment{Body: r.Comment}, actor, false)
	}
}
