package observe

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

// Each of our writes says in the call itself which edits it puts there, in historyMetadata.extraData under these names.
const (
	metaType       = "drawbridge"
	metaConnection = "connection"
	metaTwin       = "twin"
	metaIntent     = "intent"
	metaEdits      = "edits"
	metaHalt       = "halt"
)

// Metadata is what a write of an intent carries; twin is the remote issue, because an issue may have been in another pair
// before. Halt says that the write is a step on the way only.
func Metadata(connection, twin string, in pair.Intent, halt bool) *jira.Metadata {
	edits := map[string]string{}
	for key, w := range in.Writes {
		edits[key] = w.Edit.String()
	}
	raw, err := json.Marshal(edits)
	if err != nil {
		panic(err) // a map of strings
	}
	m := &jira.Metadata{Type: metaType, ExtraData: map[string]string{
		metaConnection: connection, metaTwin: twin, metaIntent: in.ID, metaEdits: string(raw),
	}}
	if halt {
		m.ExtraData[metaHalt] = "true"
	}
	return m
}

// Written reports whether one of the histories is a write that was made for the connection.
func Written(v *View, hs []jira.History) bool {
	return slices.ContainsFunc(hs, func(h jira.History) bool {
		m := h.Metadata
		return m != nil && m.Type == metaType && m.ExtraData[metaConnection] == v.Connection.ID && h.Author.Is(v.Account)
	})
}

// place is one field's item in the changelog.
type place struct {
	history int64
	key     string
}

// put is what one of our writes puts into a field, or, at a halt, is on the way to.
type put struct {
	edit bridge.Edit
	halt bool
}

// whose finds our own writes among the histories: by what they carry, else by the stored intents. Mute are those by our
// account that say nothing of what they carry.
func whose(p *pair.Pair, v *View, hs []jira.History) (out map[place]put, mute map[int64]bool) {
	out, mute = map[place]put{}, map[int64]bool{}
	var silent []jira.History // by our account, saying nothing of what they carry
	for _, h := range hs {
		switch m := h.Metadata; {
		case !h.Author.Is(v.Account):
			// an edit, whatever it says of itself
		case m != nil && m.Type == metaType && m.ExtraData[metaConnection] == v.Connection.ID && m.ExtraData[metaTwin] == p.Head.Remote.ID:
			carried(out, h.ID, m)
		case m != nil && m.Type == metaType && m.ExtraData[metaConnection] != "":
			// a write for another connection, or an earlier pair, is an edit for this one
		default:
			silent, mute[h.ID] = append(silent, h), true
		}
	}
	for _, in := range p.State.Intents {
		for key, w := range in.Writes {
			if h := intended(v, in, key, w, silent); h != 0 {
				out[place{h, key}] = put{w.Edit, false}
			}
			for _, via := range w.Via {
				step := w
				step.Value = via
				if h := intended(v, in, key, step, silent); h != 0 {
					out[place{h, key}] = put{w.Edit, true}
				}
			}
		}
	}
	return out, mute
}

// again reports whether the item is one by our account that was seen before, when the intent behind it was still open:
// the changelog itself does not say whose it is.
func (f *fold) again(field merge.Field, it merge.Item) bool {
	return it.Carries == nil && f.mute[it.ID] && field.Carries != nil && it.ID <= field.Item
}

func carried(out map[place]put, id int64, m *jira.Metadata) {
	var edits map[string]string
	if json.Unmarshal([]byte(m.ExtraData[metaEdits]), &edits) != nil {
		return
	}
	for key, s := range edits {
		if e, ok := bridge.ParseEdit(s); ok {
			out[place{id, key}] = put{e, m.ExtraData[metaHalt] != ""}
		}
	}
}

// callSlack is by how much Jira's clock may seem to differ from ours around a call.
const callSlack = 5 * time.Second

// callMax is how long a call may take whose end we have not seen.
const callMax = 2 * time.Minute

// intended decides by the stored intent where Jira does not return what a write carried: our account, after the last item
// known when the write was decided, within the time of the call, and the content. Jira normalises text, so content only
// prefers: a person who shares our login and edits the same field in the seconds of the call is taken for us, and only
// then. It returns the id of the history, or 0.
func intended(v *View, in pair.Intent, key string, w pair.IntendedWrite, hs []jira.History) int64 {
	end := in.Until
	if end == 0 {
		end = in.At + callMax.Milliseconds()
	}
	var first int64
	for _, h := range hs {
		at := v.HubTime(h.Created)
		if h.ID <= w.Before || at < in.At-callSlack.Milliseconds() || at > end+callSlack.Milliseconds() {
			continue
		}
		for _, it := range h.Items {
			if v.Schema.Resolve(it) != w.Field {
				continue
			}
			switch alike(v, w, it, key) {
			case same:
				return h.ID
			case perhaps:
				first = cmp.Or(first, h.ID)
			}
		}
	}
	return first
}

// likeness says how an item's content compares with what a write intended.
type likeness int

const (
	other likeness = iota
	perhaps
	same
)

func alike(v *View, w pair.IntendedWrite, it jira.Item, key string) likeness {
	field, ok := v.Schema.ByID(w.Field)
	if !ok {
		return other
	}
	if _, elem, isElem := merge.SplitKey(key); isElem {
		added, removed := elements(field, it)
		if contains(added, elem) && w.Value == bridge.True || contains(removed, elem) && w.Value == bridge.False {
			return same
		}
		return perhapsElement(w, added, removed)
	}
	if got, exact := field.ItemValue(it.To, v.Names); exact {
		if got == w.Value || field.Kind == bridge.User {
			return same
		}
		return other
	}
	if strings.Join(strings.Fields(it.ToString), " ") == strings.Join(strings.Fields(w.Value.Text()), " ") {
		return same
	}
	return perhaps
}

// perhapsElement allows for rules that give an element another name on this site.
func perhapsElement(w pair.IntendedWrite, added, removed []string) likeness {
	if w.Value == bridge.True && len(added) > 0 || w.Value == bridge.False && len(removed) > 0 {
		return perhaps
	}
	return other
}

// closeFound closes the intents whose writes were found: their place is known now.
func (f *fold) closeFound() {
	for _, h := range f.seen.Histories {
		for _, in := range append([]pair.Intent(nil), f.p.State.Intents...) {
			for _, key := range keysOf(in) {
				w := in.Writes[key]
				if f.whose[place{h.ID, key}] == (put{w.Edit, false}) {
					f.p.State.Close(in.ID, key)
					f.landed[in.ID] = true
				}
			}
		}
	}
}

// closeLanded closes what is left of a call whose history was seen: one call makes one history, so a field without an item
// in it was written to no effect.
func (f *fold) closeLanded() {
	for _, in := range append([]pair.Intent(nil), f.p.State.Intents...) {
		if !f.landed[in.ID] || in.Until == 0 {
			continue
		}
		for _, key := range keysOf(in) {
			w := in.Writes[key]
			f.p.State.Close(in.ID, key)
			f.flush(key, w, true)
		}
	}
}

// closeDecided closes what is left open once the whole changelog was read after the call had ended, which of an issue read
// now is certain, whatever the clocks say: the write changed nothing, or was never done. What Jira shows is then taken as its answer to that edit, if the call is known to have
// succeeded; else the projection tries again.
func (f *fold) closeDecided() {
	if !f.seen.All {
		return
	}
	for _, in := range append([]pair.Intent(nil), f.p.State.Intents...) {
		if over := cmp.Or(in.Until, in.At+1); over > f.seen.ReadAt && !f.seen.Now || in.ID == f.seen.Later {
			continue
		}
		for _, key := range keysOf(in) {
			w := in.Writes[key]
			f.p.State.Close(in.ID, key)
			f.flush(key, w, in.Until != 0)
		}
	}
}

// flush lets the edits go that waited for the place of a write.
func (f *fold) flush(key string, w pair.IntendedWrite, done bool) {
	field := f.p.State.Field(key)
	if done {
		field.Field = merge.Shown(field.Field, w.Before, w.Edit)
	}
	base, _, _ := merge.SplitKey(key)
	row, ok := f.v.Rules.Row(base)
	if !ok || f.p.State.Open(key) {
		return
	}
	next, changed := merge.Observe(field.Field, f.v.Merge(row), false)
	field.Field = next
	if changed {
		f.changed = append(f.changed, key)
	}
}

func keysOf(in pair.Intent) []string {
	keys := make([]string, 0, len(in.Writes))
	for k := range in.Writes {
		keys = append(keys, k)
	}
	return keys
}
