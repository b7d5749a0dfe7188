package rule

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

var update = flag.Bool("update", false, "rewrite the wanted part of testdata/*.txt")

// TestGolden runs every file of testdata: a rule file, what is put in, and what must come out. Sections begin with
// "-- name --": rules.yaml, issue (merged over the fixture), replica, comment, arriving, worklog, link, attachment, theirs.yaml (the
// rules of the other site, whose contract these are checked against), want. The text
// before the first section is a comment; "site: cloud" in it chooses the public site, "created" that the local issue is
// still to be made.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) { golden(t, name) })
	}
}

func golden(t *testing.T, name string) {
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parts := sections(string(raw))
	got := play(t, parts)
	if *update {
		at := strings.Index(string(raw), "-- want --\n")
		if err := os.WriteFile(name, []byte(string(raw)[:at]+"-- want --\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != parts["want"] {
		t.Errorf("got\n%s\nwant\n%s", got, parts["want"])
	}
}

// sections cuts a golden file at its "-- name --" lines.
func sections(text string) map[string]string {
	out, name := map[string]string{}, ""
	for _, line := range strings.SplitAfter(text, "\n") {
		if l := strings.TrimSpace(line); strings.HasPrefix(l, "-- ") && strings.HasSuffix(l, " --") {
			name = strings.TrimSpace(l[3 : len(l)-3])
			out[name] = ""
			continue
		}
		out[name] += line
	}
	return out
}

func play(t *testing.T, parts map[string]string) string {
	sc := privateSite()
	if strings.Contains(parts[""], "site: cloud") {
		sc = publicSite()
	}
	if ps := Check("rules.yaml", []byte(parts["rules.yaml"]), sc); ps != nil {
		return ps.Error() + "\n"
	}
	r := mustBind(t, parts["rules.yaml"], sc)
	env := Env{Issue: supportIssue(), Local: sc.Role, Remote: sc.Role.Other(), First: strings.Contains(parts[""], "created"), Name: directory,
		Pair: PairView{LocalKey: "SUP-1", RemoteKey: "DEV-7", RemoteURL: "https://dev.example.com/browse/DEV-7", Connection: "desk"}}
	merge(t, parts["issue"], env.Issue)
	if strings.Contains(parts[""], "created") {
		env.Issue = nil
	}
	var b strings.Builder
	b.WriteString(playFields(t, r, env, parts))
	b.WriteString(playMembers(t, r, env, parts))
	b.WriteString(playContract(t, r, parts))
	return b.String()
}

// playContract tells the contract of these rules, and where they do not fit to that of the other site.
func playContract(t *testing.T, r *Rules, parts map[string]string) string {
	theirs, asked := parts["theirs.yaml"]
	if !asked {
		return ""
	}
	var b strings.Builder
	for _, side := range []struct {
		name string
		*Rules
	}{{"ours", r}, {"theirs", mustBind(t, theirs, publicSite())}} {
		sends, accepts := ContractOf(side.Rules, strings.Contains(parts[""], "names"))
		fmt.Fprintf(&b, "%s:\n  %s\n", side.name, strings.Join(DiffContracts(bridge.Contract{}, bridge.Contract{Sends: sends, Accepts: accepts}), "\n  "))
		if side.name == "theirs" {
			fmt.Fprintf(&b, "does not fit:\n%s\n", Disagreements(r, bridge.Contract{Sends: sends, Accepts: accepts}).Error())
		}
	}
	return b.String()
}

func directory(id string) bridge.Person {
	return map[string]bridge.Person{"ann": {Name: "Ann Lee"}, "712020:11111111-1111-1111-1111-111111111111": {Name: "Cy [Ops]"}}[id]
}

// merge puts JSON over an issue: members by their Go names, fields by id.
func merge(t *testing.T, text string, i *Issue) {
	if strings.TrimSpace(text) == "" {
		return
	}
	var over struct {
		Issue
		Drop []string
	}
	over.Issue = *i
	over.Fields = nil
	if err := json.Unmarshal([]byte(text), &over); err != nil {
		t.Fatal(err)
	}
	fields := i.Fields
	*i = over.Issue
	i.Fields = fields
	for k, v := range over.Fields {
		if m, ok := v.(map[string]any); ok && k != "parent" {
			v = personOf(m)
		}
		i.Fields[k] = v
	}
	for _, k := range over.Drop {
		delete(i.Fields, k)
	}
}

func playFields(t *testing.T, r *Rules, env Env, parts map[string]string) string {
	var b strings.Builder
	if _, asked := parts["issue"]; asked {
		rep, err := r.Outgoing(env)
		fmt.Fprintf(&b, "outgoing: send %v%s%s\n", rep.Send, note(rep.Why), failed(err))
		for _, k := range sortedKeys(rep.Fields) {
			b.WriteString("  " + k + " " + shownOut(rep.Fields[k]) + "\n")
		}
	}
	if text, asked := parts["replica"]; asked {
		if err := json.Unmarshal([]byte(text), &env.Replica); err != nil {
			t.Fatal(err)
		}
		in, err := r.Incoming(env)
		fmt.Fprintf(&b, "incoming:%s\n", failed(err))
		for _, k := range sortedKeys(in) {
			b.WriteString("  " + k + " -> " + shownIn(in[k]) + "\n")
		}
		if env.Issue == nil {
			target, err := r.Create(env)
			fmt.Fprintf(&b, "create: %+v%s\n", target, failed(err))
		}
	}
	return b.String()
}

func shownOut(o Out) string {
	switch {
	case o.Err != nil:
		return "fails: " + o.Err.Error()
	case o.Set != nil:
		var all []string
		for _, k := range sortedKeys(o.Set) {
			all = append(all, k+" -> "+o.Set[k])
		}
		return "{" + strings.Join(all, ", ") + "}"
	}
	return "= " + string(o.Value)
}

func shownIn(in In) string {
	switch {
	case in.Err != nil:
		return in.Field + " fails: " + in.Err.Error()
	case in.Leave:
		return in.Field + " left" + note(in.Why)
	}
	s := in.Field + " = " + string(in.Value)
	if in.User != nil {
		s += fmt.Sprintf(" %+v", *in.User)
	}
	if in.Constant {
		s += " (constant)"
	}
	return s
}

func playMembers(t *testing.T, r *Rules, env Env, parts map[string]string) string {
	var b strings.Builder
	if text, asked := parts["comment"]; asked {
		for _, line := range nonempty(text) {
			var c Comment
			decode(t, line, &c)
			send, m, why, err := r.CommentOut(env, c)
			fmt.Fprintf(&b, "comment leaves %v%s%s", send, note(why), failed(err))
			if send {
				fmt.Fprintf(&b, ": %q by %+v restricted %v", m.Body, m.Author, m.Restricted)
			}
			b.WriteString("\n")
		}
	}
	if text, asked := parts["arriving"]; asked {
		for _, line := range nonempty(text) {
			var m bridge.Member
			decode(t, line, &m)
			w, err := r.CommentIn(env, m)
			fmt.Fprintf(&b, "comment taken: %+v%s\n", w, failed(err))
		}
	}
	if text, asked := parts["worklog"]; asked {
		for _, line := range nonempty(text) {
			var w Worklog
			decode(t, line, &w)
			send, m, why, err := r.WorklogOut(env, w)
			fmt.Fprintf(&b, "worklog leaves %v%s%s: %q by %+v, %d s from %d, restricted %v\n", send, note(why), failed(err), m.Body, m.Author, m.Seconds, m.Started, m.Restricted)
			in, err := r.WorklogIn(env, bridge.Member{Author: w.Author, Body: w.Body, Created: w.Created, Started: w.Started, Seconds: w.Seconds, Restricted: w.Restricted})
			fmt.Fprintf(&b, "the same taken: %+v%s\n", in, failed(err))
		}
	}
	if text, asked := parts["link"]; asked {
		for _, line := range nonempty(text) {
			var l Link
			decode(t, line, &l)
			send, name, why, err := r.LinkOut(env, l)
			fmt.Fprintf(&b, "%s leaves %v%s%s as %q", l.Type, send, note(why), failed(err), name)
			local, why, err := r.LinkIn(env, bridge.Member{Name: l.Type}, l.Key)
			fmt.Fprintf(&b, ", taken as %q%s%s\n", local, note(why), failed(err))
		}
	}
	if text, asked := parts["attachment"]; asked {
		for _, line := range nonempty(text) {
			var a Attachment
			decode(t, line, &a)
			out, why := r.AttachmentOut(env, a)
			in, whyIn := r.AttachmentIn(env, bridge.Member{Name: a.Name, Type: a.Type, Size: a.Size, Author: a.Author})
			fmt.Fprintf(&b, "%s leaves %v%s, taken %v%s\n", a.Name, out, note(why), in, note(whyIn))
		}
	}
	return b.String()
}

func decode(t *testing.T, line string, to any) {
	if err := json.Unmarshal([]byte(line), to); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

func nonempty(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if strings.TrimSpace(l) != "" {
			out = append(out, l)
		}
	}
	return out
}

func note(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func failed(err error) string {
	if err == nil {
		return ""
	}
	return " fails: " + err.Error()
}

func privateSite() Schema {
	return Schema{Role: bridge.Private, Flavour: bridge.DataCenter, Fields: siteFields(),
		Statuses:   []string{"Open", "Accept", "Root Cause", "Provide Workaround", "Resolve", "Close"},
		Priorities: []string{"Highest", "High", "Medium", "Low"}, Resolutions: []string{"Fixed", "Won't Fix"},
		Types: []string{"Bug", "Task", "Story"}, Projects: []string{"DEV", "OPS", "SUP"}, LinkTypes: []string{"Blocks", "Relates"}, Users: []string{"ann", "bob", "sync-bot"}}
}

func publicSite() Schema {
	s := privateSite()
	s.Role, s.Flavour = bridge.Public, bridge.Cloud
	s.Users = nil
	return s
}

func siteFields() []Field {
	return []Field{
		{ID: "customfield_10100", Name: "Root Cause", Kind: bridge.RichText, Custom: true},
		{ID: "customfield_10101", Name: "Story Points", Kind: bridge.Number, Custom: true},
		{ID: "customfield_10102", Name: "Severity", Kind: bridge.Name, Custom: true},
		{ID: "customfield_10103", Name: "Customer", Kind: bridge.Text, Custom: true},
		{ID: "customfield_10104", Name: "Customer", Kind: bridge.Text, Custom: true},
		{ID: "customfield_10105", Name: "Customer PIN", Kind: bridge.Text, Custom: true},
		{ID: "customfield_10106", Name: "Affected Teams", Kind: bridge.Names, Custom: true},
		{ID: "customfield_10107", Name: "Approver", Kind: bridge.User, Custom: true},
		{ID: "customfield_10108", Name: "Reviewers", Kind: bridge.Users, Custom: true},
		{ID: "customfield_10109", Name: "Blob", Kind: bridge.Opaque, Custom: true},
		{ID: "customfield_10110", Name: "Reported On", Kind: bridge.DateTime, Custom: true},
		{ID: "duedate", Name: "Due Date", Kind: bridge.Date},
	}
}
