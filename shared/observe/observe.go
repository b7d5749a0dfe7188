// Package observe folds what a Jira shows of an issue into its pair: changelog items become edits or the places of our
// own writes, the body gives their values, the outgoing rule says what leaves. Publish uses it for every event and
// search hit, apply for the changelog it reads when the place of a write is unknown. It is a function of values: nothing
// here calls Jira.
//
// Start reading at [Fold]; carries.go decides whose a changelog item is; set.go handles set-valued fields.
package observe

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// View is everything a fold needs besides the pair and what was seen.
type View struct {
	Connection *bridge.Connection
	Role       bridge.Role
	Rules      *rule.Rules
	Revision   int64 // of the rules
	Schema     *jira.Schema
	Names      *jira.Names
	Account    jira.User             // who we are
	HubTime    func(time.Time) int64 // Jira's time on the hub's timeline, ms
	Now        int64                 // hub ms
	Issue      *rule.Issue           // what was seen, as rules see it
	Lane       bridge.Lane
	Name       func(id string) bridge.Person // the people mentioned in texts
	// Twins are pairs by the id of their remote issue: of the issues that the remote site's values name, as far as they have a twin here.
	Twins map[string]*pair.Pair
	// Ruled is told what became of each line of the rules for an issue; nil: nobody wants to know.
	Ruled func(where, issue string, err error)
}

// Says tells what became of a line of the rules for an issue.
func (v *View) Says(where, issue string, err error) {
	if v.Ruled != nil {
		v.Ruled(where, issue, err)
	}
}

// Merge is the view of one row as the merge protocol wants it.
func (v *View) Merge(row rule.Row) merge.Site {
	return merge.Site{Role: v.Role, Policies: v.Connection.Policies, Way: Way(row)}
}

// Way is the direction of a row.
func Way(row rule.Row) merge.Way {
	switch {
	case row.Out && row.In:
		return merge.Both
	case row.In:
		return merge.In
	}
	return merge.Out
}

// Seen is what a Jira showed of one issue at one moment.
type Seen struct {
	Issue *jira.Issue
	// Histories are changelog entries with ids to be trusted, in any order.
	Histories []jira.History
	// All says that Histories is the whole changelog as it was after ReadAt (hub ms).
	All    bool
	ReadAt int64
	// Now says that the issue was read after the pair was loaded, with nobody else at work on it: it is newer than all that
	// is known, whatever any clock says.
	Now bool
	// Later is the id of an intent whose call was made after this was seen: it says nothing of that.
	Later string
	// Base says that this is the first observation: every value shown is an entry of the edit with id First.
	Base  bool
	First int64
	// Out says that the issue may leave again after it was kept in: what came and went meanwhile never leaves.
	Out   bool
	Cause string // for the history: "webhook jira:issue_updated", "search", …
}

// Fold takes what was seen into the pair. It reports whether the remote site has something to learn; the pair is marked
// then.
func Fold(p *pair.Pair, v *View, seen Seen) (changed bool) {
	slices.SortFunc(seen.Histories, func(a, b jira.History) int { return int(min(1, max(-1, a.ID-b.ID))) })
	f := &fold{p: p, v: v, seen: seen, landed: map[string]bool{}}
	f.whose, f.mute = whose(p, v, seen.Histories)
	if seen.All {
		v.Remember(seen.Histories)
	}
	f.closeFound()
	f.republish()
	for _, row := range v.Rules.Rows() {
		if row.Kind.Set() {
			f.set(row)
		} else {
			f.scalar(row)
		}
	}
	f.closeLanded()
	f.closeDecided()
	f.whereabouts()
	f.redo()
	if seen.Base {
		p.Head.Rules = v.Revision
	}
	if len(f.changed) == 0 {
		return false
	}
	revision := p.Mark(v.Now, v.Lane)
	for _, key := range f.changed {
		p.State.Field(key).Rev = revision
	}
	return true
}

// redo asks for a projection where what was seen leaves Jira showing something else than the winner (a write of ours and an
// edit crossed), or holds an edit back behind a write whose call has returned.
func (f *fold) redo() {
	for _, key := range f.changed {
		base, _, _ := merge.SplitKey(key)
		row, ok := f.v.Rules.Row(base)
		if !ok || !row.In || f.p.State.Open(key) {
			continue
		}
		d := merge.Decide(f.p.State.Field(key).Field, f.v.Merge(row), func(*bridge.Entry) bridge.Value { return unlike })
		f.p.State.Redo = f.p.State.Redo || d.Kind == merge.Write
	}
	f.p.State.Redo = f.p.State.Redo || f.p.State.Holding()
}

// unlike is the value of no field: what the incoming rule makes of an edit is not asked here.
const unlike = bridge.Value(`{"$":"unlike"}`)

// fold is one Fold under way.
type fold struct {
	p       *pair.Pair
	v       *View
	seen    Seen
	whose   map[place]put   // our writes among the items, by history and replica key
	mute    map[int64]bool  // histories by our account that do not say what they carry
	landed  map[string]bool // intents of ours whose history is among those seen
	replica *rule.Replica   // the outgoing rule's view of the issue, evaluated once when first needed
	changed []string
}

// out evaluates the outgoing rule for the issue as seen.
func (f *fold) out() rule.Replica {
	if f.replica == nil {
		r := f.evaluate(f.v.Issue)
		f.replica = &r
	}
	return *f.replica
}

func (f *fold) evaluate(is *rule.Issue) rule.Replica {
	if f.p.State.Kept != "" {
		return rule.Replica{Why: f.p.State.Kept}
	}
	r, err := f.v.Rules.Outgoing(Env(f.p, f.v, is))
	if err != nil {
		f.v.Says("rules", f.p.Head.Local.ID, err)
	}
	if err != nil || !r.Send {
		return rule.Replica{}
	}
	return r
}

// Env is the environment in which rules see a pair.
func Env(p *pair.Pair, v *View, is *rule.Issue) rule.Env {
	h := &p.Head
	return rule.Env{
		Issue: is, Name: v.Name, First: h.Acked == 0, Local: v.Role, Remote: v.Role.Other(), Now: v.Now,
		Replica:  values(p, func(f *pair.Field) *bridge.Entry { return f.Theirs }),
		Previous: values(p, func(f *pair.Field) *bridge.Entry { return f.Mine }),
		Pair: rule.PairView{LocalKey: h.Local.Key, RemoteKey: h.Remote.Key, LocalURL: h.Local.URL, RemoteURL: h.Remote.URL,
			Connection: cmp.Or(v.Connection.Name, v.Connection.ID)},
	}
}

// values are what one site's entries say, sets gathered from their elements.
func values(p *pair.Pair, entry func(*pair.Field) *bridge.Entry) map[string]any {
	out := map[string]any{}
	for key, f := range p.State.Fields {
		e := entry(f)
		if e == nil {
			continue
		}
		base, elem, isElem := merge.SplitKey(key)
		switch {
		case !isElem:
			out[key] = e.Value.Any()
		case e.Value == bridge.True:
			set, _ := out[base].([]string)
			out[base] = append(set, elem)
		}
	}
	for _, set := range out {
		if s, ok := set.([]string); ok {
			slices.Sort(s)
		}
	}
	return out
}

// local is the local field a row watches: where its value comes from, or, for an incoming row, where it goes. It is empty
// where the outgoing rule makes the value of other things.
func local(row rule.Row) string {
	if row.Out && row.Source != "" {
		return row.Source
	}
	return row.Target
}

// watched is the local field of a row; the zero field where it has none.
func (f *fold) watched(row rule.Row) (jira.Field, bool) {
	if local(row) == "" {
		return jira.Field{}, row.Out
	}
	return f.v.Schema.ByID(local(row))
}

// touches reports whether the item changes what the row reads.
func (f *fold) touches(row rule.Row, it jira.Item) bool {
	if row.History {
		return true
	}
	id := f.v.Schema.Resolve(it)
	return id != "" && (id == local(row) || row.Out && slices.Contains(row.Reads, id))
}

// scalar folds one row of a plain field.
func (f *fold) scalar(row rule.Row) {
	field, ok := f.watched(row)
	if !ok {
		return
	}
	items := f.items(row, field)
	if f.seen.Base || f.untold(row) {
		items = append(items, f.base(row, field)...)
	}
	if len(items) > 0 {
		f.observe(row, row.Key, items)
	}
	f.standing(row, field)
}

// untold reports that the whole issue is at hand and nothing was said yet of the parent that it came under sync with: it may be in a
// pair by now.
func (f *fold) untold(row rule.Row) bool {
	return row.Kind == bridge.Issue && f.seen.All && f.p.Head.Origin == f.v.Role && !f.knows(row)
}

// standing notes what a field shows of which the whole changelog says nothing: what it was created with.
func (f *fold) standing(row rule.Row, field jira.Field) {
	if known := f.p.State.Fields[row.Key]; !f.seen.All || known == nil || known.Shown != "" {
		return
	}
	if v, _, ok := site.Shown(field, f.seen.Issue); ok {
		f.p.State.Field(row.Key).Shown = v
	}
}

// items are the changelog items of a row, with values.
func (f *fold) items(row rule.Row, field jira.Field) []merge.Item {
	var out []merge.Item
	for _, h := range f.seen.Histories {
		if i := slices.IndexFunc(h.Items, func(it jira.Item) bool { return f.touches(row, it) }); i >= 0 {
			out = append(out, f.item(row.Key, h))
		}
	}
	for i := range out {
		f.value(row, field, &out[i], i == len(out)-1)
	}
	return out
}

func (f *fold) item(key string, h jira.History) merge.Item {
	it := merge.Item{ID: h.ID, At: f.v.HubTime(h.Created), Rules: f.v.Revision}
	if put, ours := f.whose[place{h.ID, key}]; ours {
		it.Carries, it.Halt = &put.edit, put.halt
	}
	return it
}

// value gives an item its value: the body's, if the item is its field's newest and does not itself say otherwise (a body
// may be older or newer than the item it comes with), else what the item shows.
func (f *fold) value(row rule.Row, field jira.Field, it *merge.Item, newest bool) {
	if field.ID == "" {
		it.Out = f.outValue(row, f.out())
		it.Value = it.Out
		return
	}
	shown, _, known := site.Shown(field, f.seen.Issue)
	own := f.ownItem(field, it.ID)
	if said, exact := says(field, own, f.v.Names); known && (newest || own.Field == "") && (!exact || said == shown) {
		it.Value = shown
		it.Out = f.outValue(row, f.out())
		return
	}
	it.Value = past(field, own, f.v.Names)
	it.Out = f.outValue(row, f.evaluate(f.having(field, it.Value)))
}

// ownItem is the last item of a field in a history; the zero item where only another field that the row reads changed.
func (f *fold) ownItem(field jira.Field, history int64) (own jira.Item) {
	for _, h := range f.seen.Histories {
		for _, ji := range h.Items {
			if h.ID == history && f.v.Schema.Resolve(ji) == field.ID {
				own = ji
			}
		}
	}
	return own
}

// says is the value that an item itself shows, where that can be relied on: exact kinds by their ids, and one-line text,
// which Jira writes into the item as it is.
func says(field jira.Field, it jira.Item, names *jira.Names) (v bridge.Value, exact bool) {
	if it.Field == "" {
		return "", false
	}
	if v, ok := field.ItemValue(it.To, names); ok && it.To != "" {
		return site.Comparable(field.Kind, v), true
	}
	return bridge.ValueOf(it.ToString), field.Kind == bridge.Text && it.ToString != ""
}

// having is the issue as if a field held another value.
func (f *fold) having(field jira.Field, v bridge.Value) *rule.Issue {
	is := *f.v.Issue
	is.Fields = maps.Clone(is.Fields)
	is.Fields[field.ID] = v.Any()
	if field.Kind == bridge.User {
		is.Fields[field.ID] = site.PersonOf(v)
	}
	return &is
}

// past is the value an older item itself shows. It counts only if that edit wins a conflict.
func past(field jira.Field, it jira.Item, names *jira.Names) bridge.Value {
	if v, ok := field.ItemValue(it.To, names); ok {
		return site.Comparable(field.Kind, v)
	}
	switch {
	case it.ToString == "" && it.To == "":
		return bridge.Cleared
	case field.Kind == bridge.User:
		return bridge.ValueOf(map[string]string{"id": it.To})
	}
	return bridge.ValueOf(it.ToString)
}

// base is the entry of the first observation.
func (f *fold) base(row rule.Row, field jira.Field) []merge.Item {
	it := merge.Item{ID: f.seen.First, At: f.begun(), Rules: f.v.Revision}
	if field.ID == "" {
		it.Out = f.outValue(row, f.out())
		it.Value = it.Out
		return []merge.Item{it}
	}
	v, _, ok := site.Shown(field, f.seen.Issue)
	if !ok || v.Empty() || !row.Out {
		return nil
	}
	it.Value, it.Out = v, f.outValue(row, f.out())
	return []merge.Item{it}
}

// begun is the time of a first entry: where the whole changelog is at hand, what it does not show is as old as the issue.
func (f *fold) begun() int64 {
	if f.seen.All && f.seen.First == 0 {
		return f.v.HubTime(f.seen.Issue.Created())
	}
	return f.v.HubTime(f.seen.Issue.Updated())
}

// outValue is what the outgoing rule lets out for a row; "" if it lets out nothing, or failed for this issue.
func (f *fold) outValue(row rule.Row, r rule.Replica) bridge.Value {
	o, ok := r.Fields[row.Key]
	if !ok || !row.Out {
		return ""
	}
	f.v.Says("out "+row.Where+" "+row.Key, f.p.Head.Local.ID, o.Err)
	if o.Err != nil {
		f.p.State.Field(row.Key).Problem = o.Err.Error()
		return ""
	}
	if field := f.p.State.Fields[row.Key]; field != nil && field.Failed == "" {
		field.Problem = "" // the row failed before
	}
	return o.Value
}

// observe hands items to the merge protocol and notes what changed.
func (f *fold) observe(row rule.Row, key string, items []merge.Item) {
	field := f.p.State.Field(key)
	for i := range items {
		if items[i].Carries == nil && row.Out && !f.out().Send {
			items[i].Out = "" // the whole issue stays in
		}
	}
	items = slices.DeleteFunc(items, func(it merge.Item) bool { return f.again(field.Field, it) || f.idle(row, field, it) })
	before := field.Field
	next, changed := merge.Observe(field.Field, f.v.Merge(row), f.p.State.Open(key), items...)
	field.Field = next
	if !changed {
		return
	}
	field.Problem, field.Failed = "", "" // what the field shows is another thing now: a refusal may not stand
	f.changed = append(f.changed, key)
	f.note(row, key, before.Mine, next.Mine)
	noteBuried(f.p, key, before, items)
	NoteConflict(f.p, key, f.v.Merge(row))
}

// idle reports whether an item changed only what the row reads besides its own field, and that to no effect: nobody edited
// the field.
func (f *fold) idle(row rule.Row, field *pair.Field, it merge.Item) bool {
	if it.Carries != nil || field.Mine == nil || field.Mine.Value != it.Out || field.Mine.Rules != it.Rules {
		return false
	}
	return !slices.ContainsFunc(f.seen.Histories, func(h jira.History) bool {
		return h.ID == it.ID && slices.ContainsFunc(h.Items, func(ji jira.Item) bool { return local(row) != "" && f.v.Schema.Resolve(ji) == local(row) })
	})
}

func (f *fold) note(row rule.Row, key string, before, after *bridge.Entry) {
	e := pair.Event{What: "observed", Field: key, Rule: row.Where, Cause: f.seen.Cause}
	if before != nil {
		if before.Seq == after.Seq {
			return // only what the edit had seen became clearer
		}
		e.Old = before.Value
	}
	e.New, e.Edit = after.Value, after.ID().String()
	f.p.Note(e)
}

// whereabouts keeps where the issue lives: its workflow is known by project and type.
func (f *fold) whereabouts() {
	if is := f.v.Issue; is != nil && is.Project != "" && is.Type != "" {
		f.p.State.Project, f.p.State.Type = is.Project, is.Type
	}
}
