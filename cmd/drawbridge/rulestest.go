package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/rule"
)

func newRulesTest(s *screen) *cobra.Command {
	var o ruleTest
	c := s.withConnection(&cobra.Command{
		Use:   "test KEY | --all",
		Short: "Show what rules would send, and what the other side would do",
		Long: `Works out what leaves of an issue, under the rules in force or those of --rules FILE, and asks the other side
what it would do with it: the other side evaluates its own rules, answers with names and values, and writes
nothing. Both halves have to run; --local asks nobody. Exit code 3 if the other side was not heard.
With --all it says in how many pairs a new rule file would change something, and by field: what would leave
with another value, for the first time or no more, what would be written here, what fails. --jql limits it to
some. What nobody would send or write again because of the new rules is not counted.
Nothing is sent or stored.`,
		Example: `  drawbridge rules test SUP-12 --rules rules.yaml --config hub.yaml
  drawbridge rules test --all --rules rules.yaml --jql "project = SUP" --config hub.yaml`,
		Args:        cobra.MaximumNArgs(1),
		Annotations: map[string]string{"finding": "the other side was not heard"},
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		if len(args) == 1 && o.issue == "" {
			o.issue = args[0]
		}
		return h.ruleTest(ctx, c, o)
	})
	f := c.Flags()
	f.StringVar(&o.issue, "issue", "", "the same as KEY")
	f.StringVar(&o.file, "rules", "", "rule file to try (default: the rules in force)")
	f.BoolVar(&o.local, "local", false, "do not ask the other side")
	f.DurationVar(&o.wait, "wait", 20*time.Second, "how long to wait for the other side")
	f.BoolVar(&o.all, "all", false, "look at all pairs instead of one issue")
	f.StringVar(&o.jql, "jql", "", "with --all: only pairs whose issue here matches")
	return c
}

type ruleTest struct {
	issue, file, jql string
	local, all       bool
	wait             time.Duration
}

func (h *half) ruleTest(ctx context.Context, c *bridge.Connection, o ruleTest) error {
	switch {
	case o.all == (o.issue != ""):
		return usage("drawbridge rules test", "say either KEY or --all")
	case o.all && o.file == "":
		return usage("drawbridge rules test", "--all compares a new rule file with the rules in force: say --rules FILE")
	case o.jql != "" && !o.all:
		return usage("drawbridge rules test", "--jql goes with --all")
	}
	if err := h.withJira(); err != nil {
		return err
	}
	h.site.Content = publish.NoContent{}
	var rules *rule.Rules
	if o.file != "" {
		var err error
		if rules, err = h.bind(ctx, o.file); err != nil {
			return err
		}
	}
	if o.all {
		return h.ruleTestAll(ctx, c, rules, o.jql)
	}
	d, err := (&publish.Flow{Site: h.site}).Draft(ctx, c, strings.ToUpper(o.issue), rules, nil)
	if err != nil {
		return err
	}
	v := draftView{leaving: leavingFrom(d), Kept: d.Kept}
	if !o.local && d.Why == "" {
		v.There, err = h.question(ctx, c, d.Change, o.wait)
		if bridge.NameOf(err) == "preview-silent" || bridge.NameOf(err) == "connection-state" {
			v.Silent, err = err.Error(), nil
		}
	}
	if err != nil {
		return err
	}
	if err := h.screen.show(v, func(w io.Writer) { h.printDraft(w, v) }); err != nil || v.Silent == "" {
		return err
	}
	return errFinding
}

// question asks the other side through the running halves and waits for the answer.
func (h *half) question(ctx context.Context, c *bridge.Connection, change bridge.Change, wait time.Duration) (*bridge.Preview, error) {
	if c.State != bridge.Active {
		return nil, bridge.Permanent("connection-state", "connection %q is %s: the other side cannot be asked; --local asks nobody", c.Name, c.State)
	}
	q := bridge.Question{Connection: c.ID, ID: rand.Text(), Change: change}
	if err := h.site.Ask(ctx, q); err != nil {
		return nil, err
	}
	for until := time.Now().Add(wait); time.Now().Before(until); {
		a, err := h.site.Heard(ctx, c.ID, q.ID)
		if err != nil || a != nil {
			return a, err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, bridge.Temporary("preview-silent",
		"the other side of %s did not answer within %s: do both halves run and exchange (drawbridge status)? --local shows this side alone", c.Name, wait)
}

// draftView is one issue under a rule set.
type draftView struct {
	leaving
	Kept   []publish.Stays `json:"kept,omitempty"` // comments, attachments and worklogs that stay here
	There  *bridge.Preview `json:"there,omitempty"`
	Silent string          `json:"silent,omitempty"` // why the other side was not heard
}

// leaving is what would leave of an issue.
type leaving struct {
	Issue  string         `json:"issue"`
	Send   bool           `json:"send"`
	Why    string         `json:"why,omitempty"`
	Fields []leavingField `json:"fields"`
}

type leavingField struct {
	Field string       `json:"field"`
	Value bridge.Value `json:"value"`
	Rule  string       `json:"rule"`
	Error string       `json:"error,omitempty"`
}

// leavingFrom is the draft's replica, each field with the row that says so.
func leavingFrom(d publish.Draft) leaving {
	v := leaving{Issue: d.Issue.Key, Send: d.Replica.Send && d.Why == "", Why: d.Why, Fields: []leavingField{}}
	for _, name := range sorted(d.Replica.Fields) {
		v.Fields = append(v.Fields, leavingOf(name, d.Replica.Fields[name], d.Rules))
	}
	return v
}

func leavingOf(name string, o rule.Out, rules *rule.Rules) leavingField {
	f := leavingField{Field: name, Value: o.Value}
	if row, ok := rules.Row(name); ok {
		f.Rule = row.Where
	}
	if o.Set != nil {
		elements := []string{}
		for _, e := range o.Set {
			elements = append(elements, e)
		}
		slices.Sort(elements)
		f.Value = bridge.ValueOf(elements)
	}
	if o.Err != nil {
		f.Error = o.Err.Error()
	}
	return f
}

func (h *half) printLeaving(w io.Writer, v leaving) {
	if !v.Send {
		fmt.Fprintf(w, "%s: nothing leaves%s\n", v.Issue, because(v.Why))
		return
	}
	rows := [][]string{{"FIELD", "VALUE", "RULE", ""}}
	for _, f := range v.Fields {
		rows = append(rows, []string{f.Field, short(f.Value, 60), f.Rule, f.Error})
	}
	table(w, rows)
}

func (h *half) printDraft(w io.Writer, v draftView) {
	h.printLeaving(w, v.leaving)
	for _, k := range v.Kept {
		fmt.Fprintf(w, "%s stays here: %s\n", k.Member, k.Why)
	}
	switch {
	case v.There != nil:
		h.printPreview(w, *v.There)
	case v.Silent != "":
		fmt.Fprintf(w, "\n%s\n", h.screen.yellow(v.Silent))
	}
}

// printPreview shows what the other side would do as a diff.
func (h *half) printPreview(w io.Writer, a bridge.Preview) {
	fmt.Fprintln(w)
	switch {
	case a.Outcome != bridge.Applied:
		fmt.Fprintf(w, "the other side would not take it (%s): %s\n", a.Outcome, a.Reason)
		return
	case a.Twin.ID != "":
		fmt.Fprintf(w, "the other side would write to %s (its rules: revision %d)\n", h.screen.bold(a.Twin.Key), a.Rules)
	default:
		fmt.Fprintf(w, "the other side would make a %s in %s (its rules: revision %d)\n", a.Type, h.screen.bold(a.Project), a.Rules)
	}
	slices.SortFunc(a.Fields, func(x, y bridge.PreviewField) int { return strings.Compare(x.Field, y.Field) })
	for _, f := range a.Fields {
		if f.Note != "" {
			value := ""
			if f.New != "" {
				value = short(f.New, 60) + " "
			}
			fmt.Fprintf(w, "  %s: %s%s\n", f.Field, value, h.screen.yellow(f.Note))
			continue
		}
		h.printChange(w, f)
	}
	for _, m := range a.Members {
		fmt.Fprintf(w, "  %s: %s %s\n", m.Member, m.What, m.Note)
	}
	if len(a.Fields)+len(a.Members) == 0 {
		fmt.Fprintln(w, "  nothing: it shows all of it already")
	}
}

// printChange shows one field as a diff: values on a line each, a longer text line by line with what stands around a change.
func (h *half) printChange(w io.Writer, f bridge.PreviewField) {
	was, is := textLines(f.Old), textLines(f.New)
	if len(was) > 1 || len(is) > 1 {
		fmt.Fprintf(w, "  %s:\n", f.Field)
		for _, l := range around(diff(was, is), 2) {
			fmt.Fprintln(w, "  "+h.screen.diffLine(l))
		}
		return
	}
	if f.Old != "" {
		fmt.Fprintln(w, h.screen.diffLine("- "+f.Field+": "+short(f.Old, 1000)))
	}
	fmt.Fprintln(w, h.screen.diffLine("+ "+f.Field+": "+short(f.New, 1000)))
}

// textLines are the lines of a text; of anything else, one.
func textLines(v bridge.Value) []string {
	if text := v.Text(); text != "" {
		return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	}
	if v == "" || v.Empty() {
		return nil
	}
	return []string{short(v, 1000)}
}

// around leaves out the lines of a diff that are the same, but for n before and after one that is not.
func around(lines []string, n int) (out []string) {
	near := func(i int) bool {
		return slices.ContainsFunc(lines[max(0, i-n):min(len(lines), i+n+1)], func(l string) bool { return l[0] != ' ' })
	}
	for i, l := range lines {
		switch {
		case near(i):
			out = append(out, l)
		case i == 0 || near(i-1):
			out = append(out, "  …")
		}
	}
	return out
}

// dryPair shows what joining two existing issues would do.
func (h *half) dryPair(ctx context.Context, c *bridge.Connection, here, there string, values bridge.Values) (bridge.Preview, error) {
	if h.site.Jira == nil {
		if err := h.withJira(); err != nil {
			return bridge.Preview{}, err
		}
		h.site.Content = publish.NoContent{}
	}
	d, err := (&publish.Flow{Site: h.site}).Draft(ctx, c, here, nil, &pair.Joining{Remote: there, Values: values, By: whoAsks()})
	switch {
	case err != nil:
		return bridge.Preview{}, err
	case d.Why != "":
		return bridge.Preview{Outcome: bridge.Unwanted, Reason: "this side: " + d.Why}, nil
	case d.Pair.State.Join == nil || d.Pair.Head.Remote.ID != "":
		return bridge.Preview{Outcome: bridge.Refused, Reason: fmt.Sprintf("%s is in a pair with %s already", here, name(d.Pair.Head.Remote))}, nil
	}
	a, err := h.question(ctx, c, d.Change, 30*time.Second)
	if err != nil {
		return bridge.Preview{}, err
	}
	return *a, nil
}
