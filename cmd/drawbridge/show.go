package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

func newSyncShow(s *screen) *cobra.Command {
	var lines int
	c := s.operate(&cobra.Command{
		Use:   "show KEY",
		Short: "Tell everything about one pair: fields, members, history",
		Long: `Shows what this half knows of an issue under sync: its twin, what waits, every field with the edit that stands
and how it came to stand, comments, attachments and worklogs, and what happened, newest last.`,
		Example: "  drawbridge sync show SUP-12 --history 50 --config hub.yaml",
		Args:    words("KEY"),
	}, func(ctx context.Context, h *half, args []string) error {
		found, err := h.mustFind(ctx, args[0])
		if err != nil {
			return err
		}
		var views []pairView
		for _, p := range found {
			v, err := h.pairView(ctx, p, lines)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return h.screen.show(map[string]any{"pairs": views}, func(w io.Writer) {
			for _, v := range views {
				h.printPair(w, v)
			}
		})
	})
	c.Flags().IntVar(&lines, "history", 20, "how many updates of the history to show; 0: all that is kept")
	return c
}

// pairView is a pair in full.
type pairView struct {
	Connection string       `json:"connection"`
	Head       pair.Head    `json:"pair"`
	Fields     []fieldView  `json:"fields"`
	Members    []memberView `json:"members"`
	History    []pair.Event `json:"history"`
}

// fieldView is one field: the value that stands, whose edit it is, and how it won.
type fieldView struct {
	Field   string        `json:"field"`
	Value   bridge.Value  `json:"value"`
	Edit    string        `json:"edit,omitempty"`
	At      int64         `json:"at,omitempty"`
	Verdict merge.Verdict `json:"verdict,omitempty"`
	Shown   bridge.Value  `json:"shown,omitempty"` // what the local Jira was last seen to show
	Open    bool          `json:"open,omitempty"`  // a write of ours whose place is not known yet
	Problem string        `json:"problem,omitempty"`
}

// memberView is a comment, attachment, worklog or link.
type memberView struct {
	Member string `json:"member"` // "comment/10001"
	Origin string `json:"origin"` // local or remote
	Twin   string `json:"twin,omitempty"`
	Author string `json:"author,omitempty"`
	Name   string `json:"name,omitempty"`
	State  string `json:"state"`
	Why    string `json:"why,omitempty"`
}

func (h *half) pairView(ctx context.Context, p *pair.Pair, lines int) (v pairView, err error) {
	c, err := h.book.Connection(ctx, p.Head.Connection)
	if err != nil {
		return v, err
	}
	v = pairView{Connection: p.Head.Connection, Head: p.Head}
	sides := merge.Site{Role: h.role}
	if c != nil {
		v.Connection, sides.Policies = c.Name, c.Policies
	}
	for _, key := range p.State.Keys() {
		v.Fields = append(v.Fields, fieldOf(p, key, sides))
	}
	if v.Members, err = members(ctx, p); err != nil {
		return v, err
	}
	v.History, err = h.book.History(ctx, p.Head.Connection, p.Head.Local.ID, lines)
	return v, err
}

func fieldOf(p *pair.Pair, key string, sides merge.Site) fieldView {
	f := p.State.Fields[key]
	w, verdict := merge.Winner(f.Field, sides)
	v := fieldView{Field: label(key), Verdict: verdict, Shown: f.Shown, Open: p.State.Open(key), Problem: f.Problem}
	if w != nil {
		v.Value, v.Edit, v.At = w.Value, w.ID().String(), w.Stamp.At
	}
	return v
}

// label is a replica key for a person: an element of a set as "labels: urgent".
func label(key string) string {
	if field, element, set := merge.SplitKey(key); set {
		return field + ": " + element
	}
	return key
}

func members(ctx context.Context, p *pair.Pair) ([]memberView, error) {
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, err
	}
	var out []memberView
	for _, o := range owns {
		v := memberOf(o.Offer, "local")
		v.Twin, v.Why, v.State = o.RemoteID, o.Why, "sent"
		switch {
		case o.Why != "":
			v.State = "stays here"
		case o.Rev != 0:
			v.State = "waits"
		case o.Offer.Deleted:
			v.State = "deleted"
		}
		out = append(out, v)
	}
	for _, c := range copies {
		v := memberOf(c.Want, "remote")
		v.Twin, v.Why, v.State = c.LocalID, c.Why, "here"
		switch {
		case c.Why != "":
			v.State = "not taken"
		case c.Tombstone():
			v.State = "deleted"
		case c.LocalID == "":
			v.State = "to be made"
		}
		out = append(out, v)
	}
	return out, nil
}

func memberOf(m bridge.Member, origin string) memberView {
	return memberView{Member: pair.MemberKey(m.Kind, m.ID), Origin: origin, Author: m.Author.Name, Name: m.Name}
}

func (h *half) printPair(w io.Writer, v pairView) {
	head := v.Head
	fmt.Fprintf(w, "%s  <->  %s\n", h.screen.bold(name(head.Local)), h.screen.bold(name(head.Remote)))
	rows := [][]string{{"connection", v.Connection}, {"state", h.pairState(pairRow{Status: head.Status, Parked: head.Parked})}}
	if head.Waits() {
		rows = append(rows, []string{"a change waits", fmt.Sprintf("%s, %s lane, revision %d", h.when(head.Since), head.Lane, head.Revision)})
	} else {
		rows = append(rows, []string{"waiting", "nothing"})
	}
	if head.Parked != nil {
		rows = append(rows, []string{"parked", head.Parked.Reason}, []string{"since", h.when(head.Parked.Since)}, []string{"tried again", h.next(head.Parked)})
	}
	if head.Gone != "" {
		rows = append(rows, []string{"this issue", string(head.Gone)})
	}
	if head.Left != "" {
		rows = append(rows, []string{"its twin", string(head.Left)})
	}
	if head.Answer != nil {
		rows = append(rows, []string{"other side says", answer(head.Answer)})
	}
	table(w, rows)
	h.printFields(w, v.Fields)
	h.printMembers(w, v.Members)
	h.printHistory(w, v.History)
}

func (h *half) next(p *pair.Parked) string {
	if p.Retry == 0 {
		return "when its cause goes, or by drawbridge sync retry"
	}
	return h.when(p.Retry)
}

// answer is what the other side said to our last change, in one line.
func answer(a *bridge.Ack) string {
	parts := []string{string(a.Outcome)}
	if a.Reason != "" {
		parts = append(parts, a.Reason)
	}
	for _, key := range sorted(a.Refused) {
		parts = append(parts, label(key)+": "+a.Refused[key])
	}
	return strings.Join(parts, "; ")
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (h *half) printFields(w io.Writer, fields []fieldView) {
	if len(fields) == 0 {
		return
	}
	rows := [][]string{{"FIELD", "VALUE", "EDIT", "WHEN", ""}}
	for _, f := range fields {
		note := f.Problem
		switch {
		case f.Problem != "":
			note = h.screen.red("refused") + ": " + f.Problem
		case f.Open:
			note = "our write is not seen in the changelog yet"
		case f.Verdict != "":
			note = string(f.Verdict)
		}
		rows = append(rows, []string{f.Field, short(f.Value, 48), f.Edit, h.when(f.At), note})
	}
	fmt.Fprintln(w)
	table(w, rows)
}

func (h *half) printMembers(w io.Writer, list []memberView) {
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"MEMBER", "FROM", "TWIN", "STATE", ""}}
	for _, m := range list {
		about := m.Why
		if about == "" {
			about = strings.TrimSpace(m.Author + " " + m.Name)
		}
		rows = append(rows, []string{m.Member, m.Origin, dash(m.Twin), m.State, about})
	}
	fmt.Fprintln(w)
	table(w, rows)
}

func (h *half) printHistory(w io.Writer, events []pair.Event) {
	if len(events) == 0 {
		return
	}
	rows := [][]string{{"WHEN", "WHAT", "FIELD", ""}}
	for _, e := range events {
		rows = append(rows, []string{h.when(e.At), e.What, label(e.Field), eventNote(e)})
	}
	fmt.Fprintln(w)
	table(w, rows)
	fmt.Fprintln(w)
}

// eventNote is what a line of the history says beside when, what and which field.
func eventNote(e pair.Event) string {
	var parts []string
	switch {
	case e.Old != "" && e.New != "":
		parts = append(parts, short(e.Old, 24)+" -> "+short(e.New, 24))
	case e.New != "":
		parts = append(parts, short(e.New, 48))
	case e.Old != "":
		parts = append(parts, "was "+short(e.Old, 48))
	}
	for _, p := range []struct{ before, text string }{{"edit ", e.Edit}, {"by ", e.Cause}, {"rule ", e.Rule}, {"", e.Outcome}, {"", e.Note}} {
		if p.text != "" {
			parts = append(parts, p.before+p.text)
		}
	}
	return strings.Join(parts, "; ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is a value on one line of at most n characters.
func short(v bridge.Value, n int) string {
	text := string(v)
	switch {
	case v == "":
		return "-"
	case v.Empty():
		return "(empty)"
	case v.Text() != "":
		text = v.Text()
	case strings.HasPrefix(text, "{"):
		var who bridge.Person
		if json.Unmarshal([]byte(text), &who) == nil && cmp.Or(who.Name, who.Email, who.ID) != "" {
			text = cmp.Or(who.Name, who.Email, who.ID)
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > n {
		return string([]rune(text)[:n-1]) + "…"
	}
	return text
}
