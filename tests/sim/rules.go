package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

// Rules that are published in the middle of a run, and what they make of the end.

// twist is how published rules differ from those that carry everything both ways.
type twist struct {
	name     string
	field    string // its row is another one
	row      string // "" for none
	oneWay   bool   // what the sites show in the field may differ
	swapping bool   // High here is Low over there
}

var twists = []twist{
	{name: "everything"},
	{name: "everything"},
	{name: "no due date", field: "Due date", oneWay: true},
	{name: "labels off", field: "Labels", row: "{field: Labels, direction: off}", oneWay: true},
	{name: "components only leave", field: "Components", row: "{field: Components, direction: out}", oneWay: true},
	{name: "the assignee is only taken", field: "Assignee", row: "{field: Assignee, direction: in}", oneWay: true},
	{name: "high and low swapped", field: "Priority", row: "{field: Priority, values: {High: Low, Low: High}}", swapping: true},
}

// key is the field's name in a replica.
func (t twist) key() string { return strings.ReplaceAll(strings.ToLower(t.field), " ", "") }

// source is a rule file with the twist; the number makes it another one than all before.
func (t twist) source(rules string, number int) string {
	if t.field != "" {
		row := ""
		if t.row != "" {
			row = "  - " + t.row + "\n"
		}
		rules = strings.Replace(rules, "  - field: "+t.field+"\n", row, 1)
	}
	return fmt.Sprintf("%s# %d\n", rules, number)
}

// called is what a value of the half's Jira is called on the way.
func (h *half) called(field, value string) string {
	other := map[string]string{"High": "Low", "Low": "High"}[value]
	if h.twist.swapping && h.twist.key() == field && other != "" {
		return other
	}
	return value
}

// publishRules puts the rules in force again, or others, as a new revision: everything is evaluated anew.
func (w *world) publishRules(r *rand.Rand) {
	h := w.side(r)
	h.twist = twists[r.IntN(len(twists))]
	w.twisted[h.twist.key()] = true
	h.putRules()
}

// putRules puts the rules in force that the half shall have.
func (h *half) putRules() {
	w := h.w
	w.tokens++
	w.say("%s: rules are published: %s", h.role, h.twist.name)
	h.unpublished = true
	w.survive(h, func() {
		ctx := context.Background()
		_, err := site.Publish(ctx, h.site, connection, site.Revision{File: string(h.role) + ".yaml", Source: h.twist.source(w.o.rules(h.role), w.tokens), Author: "admin"})
		if err == nil {
			err = reconcile.Start(ctx, h.site, connection, "rules published", true)
		}
		if err != nil {
			w.say("  %s: %v", h.role, err)
		}
		h.unpublished = err != nil
	})
}

// changePolicy has the hub decide conflicts otherwise from now on.
func (w *world) changePolicy(r *rand.Rand) {
	policy := []bridge.Policy{bridge.Newest, bridge.PublicSite, bridge.PrivateSite}[r.IntN(3)]
	w.say("the policy is %s from now on", policy)
	w.survive(w.public, func() {
		err := w.public.site.Book.UpdateConnection(context.Background(), connection, func(c *bridge.Connection) error {
			c.Decide(policy, w.public.site.Now())
			return nil
		})
		if err != nil {
			w.say("  public: %v", err)
		}
	})
}

// apart reports whether the rules in force let the sites show different things in a field.
func (w *world) apart(field string) bool {
	for _, h := range w.halves() {
		if h.twist.oneWay && h.twist.key() == field {
			return true
		}
	}
	return false
}
