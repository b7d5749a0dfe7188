package apply

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// plan is what one pair asks of the local Jira, decided and stored as intents before the first call.
type plan struct {
	issue     string
	change    *bridge.Change
	dry       bool // nothing of it is stored or done
	forgotten bool // the changelog has to be read first
	doubts    bool // the issue has to be read for what the remote site has of it

	edit       pair.Intent // fields written in one call
	request    jira.EditRequest
	transition pair.Intent // a status, and the resolution that goes with it
	from, to   string      // statuses
	resolution *pair.IntendedWrite
	project    string // of the local issue, "" if not known
	kind       string // its issue type, likewise
	members    []*deed
	known      map[string]bool // keys of local members of which it is known what they are; only where one is looked for
	link       bool            // the remote link to the twin is to be set
	remote     bridge.Ref      // the twin
	gone       bridge.Gone     // the twin is gone: what the rule says of that is to be done
	fight      error           // two automations undo each other: nothing is written
	rewritten  bool            // something is written for other rules, without an edit of anybody
	over       bool            // there was nothing to do: the outcome is stored with the decision

	// outcome
	edited   *jira.Issue // what Cloud answered to the edit
	problems map[string]string
	notes    map[string]string // of fields in which somebody stands in
	failed   error             // the first temporary or site-wide error: the pair is tried again
	linked   bool
}

// plan takes the change into the pair and stores what is to be written, in one step. The pair is given as it was loaded a
// moment ago, or nil.
func (f *Flow) plan(ctx context.Context, v *observe.View, issue string, p *pair.Pair, c *bridge.Change, insist bool) (*plan, error) {
	var pl *plan
	decide := func(p *pair.Pair) (err error) {
		pl = &plan{issue: issue, change: c, problems: map[string]string{}, notes: map[string]string{}}
		if c != nil {
			if pl.forgotten, err = receive(ctx, p, v, c, insist); err != nil || pl.forgotten {
				return err
			}
			pl.doubts = p.State.Doubts && len(c.Taken) > 0
		}
		if err = f.decide(ctx, v, p, pl); err != nil {
			return err
		}
		if err = f.guard(ctx, v, p, pl); err == nil && pl.idle() && p.Head.Parked == nil {
			f.answered(p, pl)
			pl.over = true
		}
		return err
	}
	var err error
	if p == nil {
		err = f.update(ctx, v, issue, decide)
	} else {
		err = f.ring(f.Site.Book.Change(ctx, p, decide))
	}
	return pl, err
}

func (f *Flow) decide(ctx context.Context, v *observe.View, p *pair.Pair, pl *plan) error {
	p.State.Redo = false
	pl.remote, pl.project, pl.kind = p.Head.Remote, p.State.Project, p.State.Type
	if p.Head.Status == pair.Stopped || p.Head.Gone != "" {
		return nil
	}
	if p.Head.Left != "" {
		pl.gone = p.Head.Left
		return nil
	}
	if pl.project != "" {
		if err := v.Rules.Admits(pl.project, ""); err != nil {
			return err
		}
	}
	links := v.Rules.RemoteLinks()
	pl.link = p.State.Linked != p.Head.Remote.Key && (links == "both" || links == "receiver" && p.Head.Origin != v.Role)
	env := observe.Env(p, v, observe.Known(p, v))
	why, err := v.Rules.Refuses(env)
	if err != nil {
		return err
	}
	if why != "" {
		pl.problems["incoming script"] = why // nothing is decided, so all of it is when the stop is over
		return nil
	}
	incoming, err := v.Rules.Incoming(env)
	if err != nil {
		return err
	}
	d := &decider{f: f, v: v, p: p, pl: pl, incoming: incoming}
	pl.edit = pair.Intent{ID: rand.Text(), Kind: "edit", At: v.Now, Writes: map[string]pair.IntendedWrite{}}
	pl.transition = pair.Intent{ID: rand.Text(), Kind: "transition", At: v.Now, Writes: map[string]pair.IntendedWrite{}}
	pl.request = jira.EditRequest{Fields: map[string]any{}, Update: map[string][]map[string]any{}, Silent: v.Lane == bridge.Bulk}
	pl.fight = fighting(p)
	for _, key := range p.State.Keys() {
		d.field(key)
	}
	if pl.fight != nil {
		return nil
	}
	d.resolve()
	for _, in := range []pair.Intent{pl.edit, pl.transition} {
		if len(in.Writes) > 0 {
			p.State.Intents = append(p.State.Intents, in)
		}
	}
	return f.decideMembers(ctx, v, p, pl)
}

// decider goes through the fields of one pair.
type decider struct {
	f        *Flow
	v        *observe.View
	p        *pair.Pair
	pl       *plan
	incoming map[string]rule.In
}

// field decides one field, or one element of a set.
func (d *decider) field(key string) {
	base, elem, isElem := merge.SplitKey(key)
	row, ok := d.v.Rules.Row(base)
	if !ok || !row.In {
		return
	}
	field := d.p.State.Field(key)
	s := d.v.Merge(row)
	winner, _ := merge.Winner(field.Field, s)
	observe.NoteConflict(d.p, key, s)
	if winner == nil || field.Failed == winner.ID().String() && field.Tried == d.v.Revision {
		return // nothing stands yet, or it was refused and its cause is as it was
	}
	if d.fights(key, field, winner) || d.pl.fight != nil {
		return
	}
	if d.leavesParent(row, winner, d.p.State.Type) {
		return
	}
	value, problem := d.local(row, base, elem, isElem, winner)
	if problem != "" && winner.Stamp.Site != d.v.Role {
		d.refuse(key, winner.ID(), problem)
		return
	}
	again := field.Redo != nil && *field.Redo == field.Item
	decision := merge.Decide(field.Field, s, func(*bridge.Entry) bridge.Value { return value })
	field.Field = merge.Note(field.Field, decision)
	switch {
	case decision.Kind == merge.Write:
		d.pl.rewritten = d.pl.rewritten || again
		d.write(row, key, elem, isElem, decision)
	case field.Failed == winner.ID().String():
		field.Problem, field.Failed = "", "" // it stands all the same
	}
}

// local is what the incoming rule makes of a winner of the remote site, in comparable form; empty: it is left as it is.
func (d *decider) local(row rule.Row, base, elem string, isElem bool, w *bridge.Entry) (bridge.Value, string) {
	if isElem {
		_, leave, err := d.f.element(d.v, row, elem)
		switch {
		case err != nil:
			return "", err.Error()
		case leave:
			return "", ""
		}
		return w.Value, ""
	}
	in, ok := d.incoming[base]
	switch {
	case !ok || in.Leave:
		return "", ""
	case in.Err != nil:
		d.v.Says("in "+row.Where+" "+row.Key, d.p.Head.Local.ID+d.p.Head.Remote.ID, in.Err)
		return "", in.Err.Error()
	case in.User != nil:
		return d.f.user(*in.User, in.Value)
	case row.TargetKind == bridge.Issue:
		return d.parent(in.Value), ""
	}
	d.v.Says("in "+row.Where+" "+row.Key, "", nil) // rows may share a line
	return in.Value, ""
}

// write puts one decided field into the calls to be made.
func (d *decider) write(row rule.Row, key, elem string, isElem bool, dec merge.Decision) {
	field, ok := d.v.Schema.ByID(row.Target)
	if !ok {
		d.refuse(key, dec.Edit, "field "+row.Target+" does not exist on this site any more; check the rules")
		return
	}
	w := pair.IntendedWrite{Field: field.ID, Edit: dec.Edit, Value: dec.Value, Before: d.p.State.Field(key).Item}
	switch {
	case field.ID == "status":
		d.pl.from, d.pl.to = d.p.State.Field(key).Shown.Text(), dec.Value.Text()
		for _, step := range d.v.Rules.Status().Path(d.pl.from, d.pl.to) {
			if step != d.pl.to {
				w.Via = append(w.Via, bridge.ValueOf(step))
			}
		}
		d.pl.transition.Writes[key] = w
	case field.ID == "resolution":
		d.pl.resolution = &w
		d.pl.transition.Writes[key] = w // moved to the edit if no transition is made
	case isElem:
		local, _, err := d.f.element(d.v, row, elem)
		if err != nil {
			d.refuse(key, dec.Edit, err.Error())
			return
		}
		d.element(field, key, local, w)
	case field.Kind == bridge.Issue && dec.Value.Empty():
		d.pl.request.Update[field.ID] = []map[string]any{{"set": map[string]any{"none": true}}}
		d.pl.edit.Writes[key] = w
	default:
		wire, err := field.Wire(dec.Value, d.f.Site.Jira.Flavour())
		if err != nil {
			d.refuse(key, dec.Edit, err.Error())
			return
		}
		d.pl.request.Fields[field.ID] = wire
		d.pl.edit.Writes[key] = w
		d.f.unknownUser(d.v.Rules, d.incoming[key], dec.Value, key, d.pl.notes)
	}
}

func (d *decider) element(field jira.Field, key, local string, w pair.IntendedWrite) {
	wire, err := field.WireElement(local, d.f.Site.Jira.Flavour())
	if err != nil {
		d.refuse(key, w.Edit, err.Error())
		return
	}
	verb := "remove"
	if w.Value == bridge.True {
		verb = "add"
	}
	d.pl.request.Update[field.ID] = append(d.pl.request.Update[field.ID], map[string]any{verb: wire})
	w.Local = local
	d.pl.edit.Writes[key] = w
}

// resolve moves a resolution that goes with no transition into the edit.
func (d *decider) resolve() {
	if d.pl.to != "" || d.pl.resolution == nil {
		return
	}
	for key, w := range d.pl.transition.Writes {
		field, _ := d.v.Schema.ByID(w.Field)
		if wire, err := field.Wire(w.Value, d.f.Site.Jira.Flavour()); err == nil {
			d.pl.request.Fields[w.Field] = wire
			d.pl.edit.Writes[key] = w
		}
		delete(d.pl.transition.Writes, key)
	}
}

// refuse leaves a problem on the field; nothing else changes.
func (d *decider) refuse(key string, e bridge.Edit, why string) {
	refuse(d.p, d.v, key, e, why)
	d.pl.problems[key] = why
}

func refuse(p *pair.Pair, v *observe.View, key string, e bridge.Edit, why string) {
	f := p.State.Field(key)
	if f.Problem != why || f.Failed != e.String() {
		p.Note(pair.Event{What: "refused", Field: key, Edit: e.String(), Note: why})
	}
	f.Problem, f.Failed, f.Tried = why, e.String(), v.Revision
}

// decideMembers lists what the copies need, oldest first, attachments before the comments that show them.
func (f *Flow) decideMembers(ctx context.Context, v *observe.View, p *pair.Pair, pl *plan) error {
	for _, key := range slices.Clone(p.State.Undone) {
		kind, id := pair.SplitMemberKey(key)
		c, err := p.Copy(ctx, kind, id)
		if err != nil {
			return err
		}
		if c == nil {
			p.State.Did(key)
			continue
		}
		look := c.Since != 0 || p.State.Look != 0
		next, what := c.Next(look)
		if what == merge.Leave && c.Want.Deleted && look && c.LocalID == "" {
			what = merge.Delete // an earlier try may have made what is to be gone
		}
		if what == merge.Leave {
			c.Member = next
			p.SetCopy(c)
			p.State.Did(key)
			continue
		}
		m := &deed{key: key, want: c.Want, local: c.LocalID, what: what, next: next, look: look}
		if waits, err := f.ruleLink(ctx, v, p, m, pl.dry); err != nil {
			return err
		} else if waits {
			continue
		}
		f.ruleMember(v, p, m)
		intend(c, m, v.Now)
		p.SetCopy(c)
		m.wrote = slices.Sorted(maps.Keys(c.Wrote))
		pl.members = append(pl.members, m)
	}
	if err := knownMembers(ctx, p, pl); err != nil {
		return err
	}
	slices.SortStableFunc(pl.members, func(a, b *deed) int { return pair.OldestFirst(a.want, b.want) })
	slices.SortStableFunc(pl.members, func(a, b *deed) int { return b.parts() - a.parts() })
	return nil
}

// intend notes that a copy is about to be made, edited or deleted.
func intend(c *pair.Copy, m *deed, now int64) {
	if c.Since == 0 {
		c.Since = now
	}
	if m.what != merge.Create || m.want.Kind != bridge.Worklog && m.want.Kind != bridge.Link || m.skip != "" || m.err != nil {
		return
	}
	if c.Wrote == nil {
		c.Wrote = map[string]string{}
	}
	c.Wrote[m.shows()] = pair.Hash(c.Want)
}

// knownMembers lists the attachments and worklogs that cannot be the copy that is looked for.
func knownMembers(ctx context.Context, p *pair.Pair, pl *plan) error {
	if !slices.ContainsFunc(pl.members, func(m *deed) bool { return m.look && m.local == "" && m.want.Kind != bridge.Comment }) {
		return nil
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return err
	}
	owns, err := p.Owns(ctx)
	pl.known = map[string]bool{}
	for _, c := range copies {
		pl.known[pair.MemberKey(c.Want.Kind, c.LocalID)] = true
	}
	for _, o := range owns {
		pl.known[pair.MemberKey(o.Offer.Kind, o.Offer.ID)] = !o.Ours || !o.Kept // what is kept back may be the very copy that was forgotten
	}
	return err
}

// idle reports whether the plan asks nothing of anybody.
func (pl *plan) idle() bool {
	return !pl.wrote() && len(pl.members) == 0 && !pl.link && pl.gone == "" && pl.fight == nil && !pl.doubts &&
		(pl.change == nil || len(pl.change.Members) == 0)
}

// wrote reports whether the plan edits the issue or moves its status.
func (pl *plan) wrote() bool { return len(pl.edit.Writes)+len(pl.transition.Writes) > 0 }
