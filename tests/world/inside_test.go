package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/reconcile"
	"drawbridge/simulator"
)

// The matrix of "inside by default". Everything that must not leave has a token of its own, and so has everything that may:
// after each step the whole other side is searched for all of them, its Jira, its state, the contents that wait, and what
// crossed. A token that may leave and is not found fails as well, so the search cannot be blind.

// audience is who may see a comment.
type audience struct {
	name       string
	restricted bool
	service    bool // only in a service project
	cloud      bool // only Cloud has it
	by         string
	visibility map[string]string
	internal   bool
	parent     string // the audience of the comment it replies to
}

var audiences = []audience{
	{name: "open", by: "alice"},
	{name: "role", by: "alice", restricted: true, visibility: map[string]string{"type": "role", "value": "Developers"}},
	{name: "group", by: "bob", restricted: true, visibility: map[string]string{"type": "group", "value": "jira-software-users"}},
	{name: "public", by: "bob", service: true},
	{name: "internal", by: "bob", service: true, restricted: true, internal: true},
	{name: "reply", by: "alice", cloud: true, parent: "open"},
	{name: "rolereply", by: "alice", cloud: true, parent: "role", restricted: true},
	{name: "internalreply", by: "bob", cloud: true, service: true, parent: "internal", restricted: true},
}

// secretive is one side's issue, whose comments of all audiences are watched from the other side.
type secretive struct {
	t           *testing.T
	w           *World
	here, there *Half
	service     bool
	key, twin   string
	ids         map[string]string // of comments, by audience
	begun       int               // how much had crossed when the issue was under sync
}

func (s *secretive) fits(a audience) bool {
	return (s.service || !a.service) && (!a.cloud || s.here.Jira.Flavour() == simulator.Cloud)
}

// token is a word that is found nowhere else.
func token(what, when string) string { return "tkn" + what + when + "tkn" }

// fileOf is the file a comment refers to; its content is a token too.
func fileOf(what, when string) (name, content string) {
	return token("file"+what, when) + ".txt", token("content"+what, when)
}

// body is a comment with everything in it: text, a mention, a picture.
func (s *secretive) body(what, when string) string {
	name, _ := fileOf(what, when)
	return token(what, when) + " for " + s.here.mention("carol") + " see !" + name + "!"
}

func (h *Half) mention(user string) string {
	if h.Jira.Flavour() == simulator.DataCenter {
		return "[~" + user + "]"
	}
	return "[~accountid:" + h.user(user)["accountId"] + "]"
}

// write sends a comment as it shall be: new, or over the one that there is.
func (s *secretive) write(a audience, when string, change map[string]any) {
	s.t.Helper()
	req := map[string]any{"body": s.body(a.name, when)}
	for k, v := range change {
		req[k] = v
	}
	path := "/rest/api/2/issue/" + s.key + "/comment"
	if id := s.ids[a.name]; id != "" {
		s.here.OK(a.by, "PUT", path+"/"+id, req, nil)
		return
	}
	var made struct{ ID string }
	s.here.OK(a.by, "POST", path, req, &made)
	s.ids[a.name] = made.ID
}

func (s *secretive) first(a audience, when string) {
	change := map[string]any{}
	if a.visibility != nil {
		change["visibility"] = a.visibility
	}
	if a.internal {
		change["properties"] = internalIs(true)
	}
	if a.parent != "" {
		change["parentId"] = s.ids[a.parent]
	}
	s.write(a, when, change)
}

func internalIs(yes bool) []map[string]any {
	return []map[string]any{{"key": "sd.public.comment", "value": map[string]bool{"internal": yes}}}
}

// jira is everything in the other Jira: all that the simulator keeps, but for the contents of files that are no more, and their
// names in the changelog, which no Jira gives up.
func (s *secretive) jira() string {
	s.t.Helper()
	raw, err := s.there.Jira.Snapshot()
	s.w.must(err)
	var all map[string]any
	s.w.must(json.Unmarshal(raw, &all))
	delete(all, "Blobs")
	for _, is := range all["Issues"].(map[string]any) {
		histories, _ := is.(map[string]any)["Histories"].([]any)
		for _, h := range histories {
			h := h.(map[string]any)
			h["Items"] = slices.DeleteFunc(h["Items"].([]any), func(it any) bool { return it.(map[string]any)["Field"] == "Attachment" })
		}
	}
	rest, err := json.Marshal(all)
	s.w.must(err)
	for _, a := range s.there.attachments(s.twin) {
		rest = append(rest, s.there.content(a)...)
	}
	return string(rest)
}

// holds is everything the other side has got: in its Jira, in its state, and waiting for it.
func (s *secretive) holds() string {
	s.t.Helper()
	b := bytes.NewBufferString(s.jira())
	for _, d := range s.there.Store.All() {
		b.WriteString(d.Key.String())
		b.Write(d.Body)
	}
	for _, content := range s.w.blobs.All() {
		b.Write(content)
	}
	return b.String()
}

// inside checks that what has the token is not on the other side; never: nor ever crossed.
func (s *secretive) inside(what, tok string, never bool) {
	s.t.Helper()
	if in := s.holds(); strings.Contains(in, tok) {
		s.t.Errorf("%s: the other side holds %s: %s", what, tok, around(in, tok))
	}
	if never {
		if in := s.w.crossed.String()[s.begun:]; strings.Contains(in, tok) {
			s.t.Errorf("%s: %s crossed: %s", what, tok, around(in, tok))
		}
	}
}

func (s *secretive) outside(what, tok string) {
	s.t.Helper()
	if !strings.Contains(s.jira(), tok) {
		s.t.Errorf("%s: %s did not arrive", what, tok)
	}
}

func around(in, tok string) string {
	at := strings.Index(in, tok)
	return in[max(0, at-200):min(len(in), at+120)]
}

// check checks a comment and all that is in it.
func (s *secretive) check(step string, a audience, when string, restricted, never bool) {
	s.t.Helper()
	name, content := fileOf(a.name, when)
	for _, tok := range []string{token(a.name, when), name, content} {
		if restricted {
			s.inside(step+", "+a.name, tok, never)
		} else {
			s.outside(step+", "+a.name, tok)
		}
	}
}

// eachSecretive runs a test for each pair of flavours and each direction, in both kinds of project, with events that prove who may
// see a comment and with events that do not. Out of the private site there are none: it is searched.
func eachSecretive(t *testing.T, test func(s *secretive)) {
	for _, f := range topologies {
		for _, from := range []bridge.Role{bridge.Public, bridge.Private} {
			for _, service := range []bool{false, true} {
				for _, mute := range []bool{false, true} {
					if mute && from == bridge.Private {
						continue
					}
					t.Run(fmt.Sprintf("%v, out of the %s site, service %v, unproven %v", f, from, service, mute), func(t *testing.T) {
						t.Parallel()
						test(newSecretive(t, f, from, service, mute))
					})
				}
			}
		}
	}
}

func newSecretive(t *testing.T, f Flavours, from bridge.Role, service, mute bool) *secretive {
	rules := func(project string) string {
		return fmt.Sprintf("version: 1\nfields:\n  - field: Labels\ncreate: {project: %s}\ntriggers:\n  - jql: project in (%s, %sSD)\n", project, project, project)
	}
	w := New(t, Options{
		Flavours: f, PublicRules: rules(PublicProject), PrivateRules: rules(PrivateProject),
		Configure: func(_ bridge.Role, s *simulator.Settings) {
			s.HideVisibility, s.BareAttachments, s.RateLimits = mute, mute, false
		},
	})
	s := &secretive{t: t, w: w, here: w.Private, there: w.Public, service: service, ids: map[string]string{}}
	if from == bridge.Public {
		s.here, s.there = w.Public, w.Private
	}
	fields := map[string]any{}
	if service {
		fields = map[string]any{"project": map[string]string{"key": s.here.Demo.ServiceKey}, "issuetype": map[string]string{"name": "Task"}}
	}
	s.key, s.twin = pairUp(t, w, s.here, fields)
	s.begun = w.crossed.Len()
	return s
}

// TestInsideByDefault: comments of every audience, each with a mention and a file, written one after the other and read at once.
func TestInsideByDefault(t *testing.T) {
	eachSecretive(t, func(s *secretive) {
		for _, when := range []string{"filefirst", "filelast"} {
			s.ids = map[string]string{}
			for _, a := range audiences {
				if !s.fits(a) {
					continue
				}
				name, content := fileOf(a.name, when)
				if when == "filefirst" {
					s.here.attach(s.key, name, content)
				}
				s.first(a, when)
				if when == "filelast" {
					s.w.Settle() // the comment is known, then the file comes
					s.here.attach(s.key, name, content)
				}
			}
			s.w.Settle()
			for _, a := range audiences {
				if s.fits(a) {
					s.check(when, a, when, a.restricted, when == "filelast")
				}
			}
		}
	})
}

// hidden is what makes a comment restricted, or open again, of each audience that is not a reply's.
func hidden(a audience, yes bool) map[string]any {
	switch {
	case a.service:
		return map[string]any{"properties": internalIs(yes)}
	case yes:
		return map[string]any{"visibility": map[string]string{"type": "role", "value": "Developers"}}
	}
	return map[string]any{"visibility": nil}
}

// TestInsideOverTime: what was open becomes restricted and is withdrawn, with everything in it; what was restricted is opened
// and comes out; and both back. A reply goes with the comment it replies to.
func TestInsideOverTime(t *testing.T) {
	eachSecretive(t, func(s *secretive) {
		restricted := map[string]bool{}
		for _, a := range audiences {
			if !s.fits(a) {
				continue
			}
			name, content := fileOf(a.name, "")
			s.first(a, "")
			s.w.Settle()
			s.here.attach(s.key, name, content)
			restricted[a.name] = a.restricted
		}
		s.w.Settle()
		for turn, change := range []map[string]bool{
			{"open": true, "public": true}, {"role": false, "group": false, "internal": false},
			{"open": false, "public": false}, {"role": true, "group": true, "internal": true},
		} {
			for _, a := range audiences {
				if yes, changes := change[a.name]; changes && s.fits(a) {
					req := hidden(a, yes)
					req["body"] = s.body(a.name, "") + fmt.Sprintf(" edited in turn %d", turn)
					s.write(a, "", req)
					restricted[a.name] = yes
				}
			}
			s.w.Settle()
			for _, a := range audiences {
				if s.fits(a) {
					s.check(fmt.Sprintf("turn %d", turn), a, "", restricted[a.name] || restricted[a.parent], false)
				}
			}
		}
	})
}

// TestASecurityLevelStaysInside: an issue with a level gets no twin; one that gets a level later tells nothing more, in no field,
// comment or file, until the level is taken away.
func TestASecurityLevelStaysInside(t *testing.T) {
	eachSecretive(t, func(s *secretive) {
		level := map[string]any{"security": map[string]string{"name": "Team only"}}
		hidden := s.here.Create(token("summary", "born"), level)
		s.here.say(hidden, token("comment", "born"))
		s.here.attach(hidden, token("file", "born")+".txt", token("content", "born"))
		s.w.Settle()
		for _, what := range []string{"summary", "comment", "file", "content"} {
			s.inside("born with a level", token(what, "born"), true)
		}
		s.here.say(s.key, token("comment", "before"))
		s.w.Settle()
		s.outside("before the level", token("comment", "before"))
		s.here.Edit(s.key, level)
		s.w.Settle()
		s.here.Edit(s.key, map[string]any{"summary": token("summary", "later"), "labels": []string{token("label", "later")}})
		s.here.say(s.key, token("comment", "later"))
		s.here.attach(s.key, token("file", "later")+".txt", token("content", "later"))
		s.w.Settle()
		for _, what := range []string{"summary", "label", "comment", "file", "content"} {
			s.inside("under a level", token(what, "later"), true)
		}
		s.here.Edit(s.key, map[string]any{"security": nil})
		s.w.Settle()
		for _, what := range []string{"summary", "label", "comment", "file", "content"} {
			s.outside("after the level", token(what, "later"))
		}
	})
}

// TestASilentRestrictionIsFoundByASweep: who may see a comment can change without an event and without a new "updated". What reads
// the issue next finds it.
func TestASilentRestrictionIsFoundByASweep(t *testing.T) {
	eachSecretive(t, func(s *secretive) {
		if !s.service {
			return
		}
		a := audiences[3]
		s.first(a, "")
		s.w.Settle()
		s.outside("public", token(a.name, ""))
		s.here.OK("bob", "PUT", "/rest/api/2/comment/"+s.ids[a.name]+"/properties/sd.public.comment", map[string]bool{"internal": true}, nil)
		s.w.Settle()
		s.here.must(reconcile.Start(context.Background(), s.here.Site, Connection, "asked", true))
		s.w.Settle()
		s.inside("made internal in silence", token(a.name, ""), false)
	})
}

// TestAnOldListDeletesNothing: two changes in one tick of Jira's clock, or its clock was set back between them, and the event of the
// first comes after the second is known.
func TestAnOldListDeletesNothing(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.attach(key, "a.txt", "content")
		w.Settle()
		for _, later := range []time.Duration{0, 7 * time.Second} {
			ctx := context.Background()
			is, err := here.Site.Jira.Issue(ctx, key, jira.IssueOptions{Histories: true, Comments: true})
			here.must(err)
			is.Fields["updated"] = json.RawMessage(strconv.Quote(is.Attachments[0].Created.Add(later).Format("2006-01-02T15:04:05.000-0700")))
			is.Attachments = nil
			here.must(here.Pub.Hit(ctx, is, here.Site.Now(), "late"))
			w.Settle()
			if n := len(there.attachments(twin)); n != 1 {
				t.Errorf("an old list deleted an attachment: %d are left", n)
			}
		}
	})
}
