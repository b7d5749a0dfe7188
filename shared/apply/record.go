package apply

import (
	"context"
	"maps"

	"drawbridge/shared/bridge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// record keeps the outcome of a plan, and hands on what has to be tried again.
func (f *Flow) record(ctx context.Context, v *observe.View, pl *plan) error {
	if v2, err := f.answeredView(ctx, v, pl); err == nil {
		v = v2
	}
	redo := false
	was := ""
	err := f.update(ctx, v, pl.issue, func(p *pair.Pair) error {
		now := f.Site.Now()
		if p.Head.Parked != nil {
			was = p.Head.Parked.Name
		}
		noteStandIns(p, pl.notes)
		f.settle(p, v, pl, pl.edit)
		f.settle(p, v, pl, pl.transition)
		if pl.edited != nil {
			observe.Fold(p, v, observe.Seen{Issue: pl.edited, Histories: pl.edited.Histories, All: true, ReadAt: now + 1, Later: pl.transition.ID, Cause: "answer to our write"})
			p.Head.Updated = max(p.Head.Updated, pl.edited.Updated().UnixMilli()) // its event brings nothing new then
		}
		if err := recordMembers(ctx, p, pl, now); err != nil {
			return err
		}
		f.answered(p, pl)
		freed := pl.failed == nil && granted[was] && pl.wrote() && p.State.Forgive(false)
		redo = freed || p.State.Redo || pl.wrote() && p.State.Holding()
		return nil
	})
	if err != nil {
		return err
	}
	if pl.failed != nil {
		return pl.failed
	}
	if redo {
		t := site.Task{Kind: site.RetryTask, Connection: v.Connection.ID, Issue: pl.issue, By: "an edit made meanwhile"}
		if err := f.Site.Send(ctx, t, bridge.Live, ""); err != nil {
			return err
		}
	}
	return f.freed(ctx, v, was)
}

// answeredView is the view with the issue that Cloud answered, for the rules to see.
func (f *Flow) answeredView(ctx context.Context, v *observe.View, pl *plan) (*observe.View, error) {
	if pl.edited == nil {
		return v, nil
	}
	with := *v
	var err error
	with.Issue, err = f.Site.View(ctx, pl.edited)
	return &with, err
}

// settle brings the stored intent to what became of the call: fields that were refused are closed with their problem;
// the rest is closed if the call was certainly not made, else it stays open until its place is seen.
func (f *Flow) settle(p *pair.Pair, v *observe.View, pl *plan, in pair.Intent) {
	stored, ok := p.State.Intent(in.ID)
	if !ok {
		return
	}
	for key, w := range maps.Clone(stored.Writes) {
		if made, ok := in.Writes[key]; ok && made.Value != w.Value {
			w.Value = made.Value // somebody stood in
			stored.Writes[key] = w
		}
		if why, refused := pl.problems[key]; refused {
			p.State.Close(in.ID, key)
			refuse(p, v, key, w.Edit, why)
			continue
		}
		if in.Until == 0 && (pl.failed == nil || certain(pl.failed)) {
			p.State.Close(in.ID, key)
			continue
		}
		if in.Until != 0 {
			field := p.State.Field(key)
			field.Problem, field.Failed = "", ""
			p.Note(pair.Event{What: "applied", Field: key, Old: field.Shown, New: w.Value, Edit: w.Edit.String()})
		}
	}
	p.State.Ended(in.ID, in.Until)
}

// answered notes what the remote site is to be told.
func (f *Flow) answered(p *pair.Pair, pl *plan) {
	if pl.linked {
		p.State.Linked = pl.remote.Key
	}
	if pl.gone != "" && pl.failed == nil {
		p.Head.Status = pair.Stopped
		p.Note(pair.Event{What: "stopped", Note: "the twin " + pl.remote.Key + " is " + string(pl.gone)})
	}
	if pl.change != nil {
		p.State.Answered = answeredMembers(pl)
	}
	if pl.failed != nil {
		return
	}
	// Parked for a permission, and nothing was tried that needs it: what was refused is waiting still.
	if k := p.Head.Parked; k == nil || !granted[k.Name] || pl.wrote() || !p.State.Refuses() {
		p.Unpark()
	}
	if c := pl.change; c != nil && c.Revision >= p.State.Look && len(c.Members) < listedMembers {
		p.State.Look = 0
	}
	p.Head.Applied = max(p.Head.Applied, p.Head.Received)
	p.Head.Outcome = nil
	refused := map[string]string{}
	for _, key := range p.State.Keys() {
		if why := p.State.Fields[key].Problem; why != "" {
			refused[key] = why
		}
	}
	for key, why := range pl.problems {
		refused[key] = why
	}
	maps.Copy(refused, p.State.Refused)
	if len(refused) > 0 {
		p.Head.Outcome = &bridge.Ack{Outcome: bridge.Applied, Refused: refused}
	}
}

// listedMembers is how many members a change lists at most: where there are as many, others may follow.
const listedMembers = 12

func answeredMembers(pl *plan) map[string]string {
	out := map[string]string{}
	for _, m := range pl.change.Members {
		out[pair.MemberKey(m.Kind, m.ID)] = ""
	}
	for _, m := range pl.members {
		if m.local != "" {
			out[m.key] = m.local
		}
	}
	return out
}
