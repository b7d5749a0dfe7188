package pair

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// State is what this site knows of every field of a pair, and of its own writes whose place is not known yet.
type State struct {
	Fields  map[string]*Field `json:"fields"`            // by replica key
	Intents []Intent          `json:"intents,omitempty"` // open: the place of the write is unknown
	Kept    string            `json:"kept,omitempty"`    // why nothing of the issue leaves
	Undone  []string          `json:"undone,omitempty"`  // members of the remote site whose copy has work waiting
	// Answered are the local ids of the copies of the members in the change last applied, by member key.
	Answered map[string]string `json:"answered,omitempty"`
	// Display is what the issue itself shows of how it stands.
	Display Display `json:"display,omitzero"`
	// Refused says by member key why a member of the remote site was not taken.
	Refused map[string]string `json:"refused,omitempty"`
	// Look, if not 0, says that this state may not know all that we created (it was lost or restored): look before creating
	// anything, until the remote site's change of that revision, or a later one, was applied.
	Look int64 `json:"look,omitempty"`
	// Lists, if not 0, says that the remote site is to be told which of its members this one has, until it has applied that
	// revision or a later one. Doubts says that it told so, and has members of which this site did not know that they are out.
	Lists  int64 `json:"lists,omitempty"`
	Doubts bool  `json:"doubts,omitempty"`
	// Redo asks for a projection: rules were published since the last one, or something was seen that it did not know.
	Redo   bool   `json:"redo,omitempty"`
	Linked string `json:"linked,omitempty"` // key of the twin that the remote link shows
	// Join is under way until both sites know each other's issue; Joined says that the pair was made so.
	Join    *Joining `json:"join,omitempty"`
	Joined  bool     `json:"joined,omitempty"`
	Project string   `json:"project,omitempty"` // of the local issue, as last seen: its workflow is known by
	Type    string   `json:"type,omitempty"`    // project and type
	// Logged says that a worklog of ours has left. Where none has, and the rules let none out, no worklog is looked at.
	Logged bool `json:"logged,omitempty"`
	// Related says the same of links.
	Related bool `json:"related,omitempty"`
}

// Display is what the fields that the rules name for it show.
type Display struct {
	Twin  string `json:"twin,omitempty"`
	State string `json:"state,omitempty"`
}

// Field is one field of a pair: the merge protocol's knowledge, and what a person may need to know about it.
type Field struct {
	merge.Field
	Rev     int64  `json:"rev,omitempty"`     // head revision at which our knowledge last changed: what an ack has not covered is sent
	Problem string `json:"problem,omitempty"` // why Jira or a rule refused the winner; tried again only when its cause may have gone
	Failed  string `json:"failed,omitempty"`  // the edit that was refused
	Tried   int64  `json:"tried,omitempty"`   // rule revision at which it was refused; tryAgain: that says nothing any more
	// Conflict names the two edits of the last conflict, so that it is noted once.
	Conflict string `json:"conflict,omitempty"`
	// Turns counts edits that took turns across the bridge.
	Turns Turns `json:"turns,omitzero"`
}

// Turns are edits of one field by either site in turn, each made over the one before and none after a rest.
type Turns struct {
	N     int    `json:"n"`
	Same  int    `json:"same"`  // of them, the last ones in which the remote site brought the same value back
	Seq   int64  `json:"seq"`   // the remote edit counted last
	At    int64  `json:"at"`    // and its time, hub ms
	Value string `json:"value"` // and the hash of its value
}

// FirstTurn is where a remote edit that took no turn yet begins to count.
func FirstTurn(remote *bridge.Entry) Turns {
	sum := sha256.Sum256([]byte(remote.Value))
	return Turns{N: 1, Same: 1, Seq: remote.Seq, At: remote.Stamp.At, Value: hex.EncodeToString(sum[:6])}
}

// Calm forgets all turns.
func (p *Pair) Calm() {
	for _, f := range p.State.Fields {
		f.Turns = Turns{}
	}
}

// An Intent is written before one of our writes to Jira and closed when the write's place in the changelog is known.
type Intent struct {
	ID     string                   `json:"id"`
	Kind   string                   `json:"kind"`            // create, edit, transition
	At     int64                    `json:"at"`              // hub ms when it was stored
	Until  int64                    `json:"until,omitempty"` // hub ms when the call returned; 0: outcome unknown (crash, lost answer)
	Writes map[string]IntendedWrite `json:"writes"`          // by replica key
}

// IntendedWrite is one field of an intent.
type IntendedWrite struct {
	Field  string       `json:"field"`  // local field id
	Edit   bridge.Edit  `json:"edit"`   // the edit the write puts there
	Value  bridge.Value `json:"value"`  // the local value written
	Before int64        `json:"before"` // the field's latest known item when it was decided
	// Via are the values that the field passes through on its way: a status that is reached over several steps.
	Via []bridge.Value `json:"via,omitempty"`
	// Local is the name of an element of a set on this site: by it a refusal of Jira's is told from those of its neighbours.
	Local string `json:"-"`
}

// Open reports whether one of our writes to the field has no known place yet.
func (s *State) Open(key string) bool {
	return slices.ContainsFunc(s.Intents, func(i Intent) bool { _, ok := i.Writes[key]; return ok })
}

// Holding reports whether an edit waits for the place of a write of ours whose call has returned, so that the changelog
// shows it.
func (s *State) Holding() bool {
	return slices.ContainsFunc(s.Intents, func(i Intent) bool {
		for key := range i.Writes {
			if f := s.Fields[key]; i.Until != 0 && f != nil && f.Held != nil {
				return true
			}
		}
		return false
	})
}

// Close removes key from the intent, and the intent when nothing is left of it.
func (s *State) Close(id, key string) {
	s.Intents = slices.DeleteFunc(s.Intents, func(i Intent) bool {
		if i.ID != id {
			return false
		}
		delete(i.Writes, key)
		return len(i.Writes) == 0
	})
}

// Intent returns the open intent of that id.
func (s *State) Intent(id string) (Intent, bool) {
	i := slices.IndexFunc(s.Intents, func(i Intent) bool { return i.ID == id })
	if i < 0 {
		return Intent{}, false
	}
	return s.Intents[i], true
}

// Ended notes when the call of an open intent returned.
func (s *State) Ended(id string, at int64) {
	for i := range s.Intents {
		if s.Intents[i].ID == id {
			s.Intents[i].Until = at
		}
	}
}

// Refuse keeps why a member of the remote site was not taken, for the answer; "" forgets it.
func (s *State) Refuse(key, why string) {
	if why == "" {
		delete(s.Refused, key)
		return
	}
	if s.Refused == nil {
		s.Refused = map[string]string{}
	}
	if len(s.Refused) < refusedMax {
		s.Refused[key] = why
	}
}

const refusedMax = 20 // the history has them all

// Refuses reports whether an edit of a field was refused here, and nobody dismissed that.
func (s *State) Refuses() bool {
	for _, f := range s.Fields {
		if f.refused() {
			return true
		}
	}
	return false
}

// Forgive lets every refused edit be tried again, those dismissed too if a person insists; it reports whether there was one.
func (s *State) Forgive(insist bool) bool {
	was := s.Refuses()
	for _, f := range s.Fields {
		if f.refused() || insist && f.Failed != "" {
			f.Tried = tryAgain
		}
	}
	return was
}

func (f *Field) refused() bool { return f.Failed != "" && f.Problem != "" }

const tryAgain = -1

// Undo lists a member's copy as having work.
func (s *State) Undo(key string) {
	if !slices.Contains(s.Undone, key) {
		s.Undone = append(s.Undone, key)
	}
}

// Did takes a member's copy off the list.
func (s *State) Did(key string) {
	s.Undone = slices.DeleteFunc(s.Undone, func(k string) bool { return k == key })
}

// Field returns the field of that replica key, making it if need be.
func (s *State) Field(key string) *Field {
	f := s.Fields[key]
	if f == nil {
		f = &Field{}
		if _, _, element := merge.SplitKey(key); element {
			f.Field = merge.Element()
		}
		s.Fields[key] = f
	}
	return f
}

// Keys are the replica keys in order.
func (s *State) Keys() []string {
	keys := make([]string, 0, len(s.Fields))
	for k := range s.Fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const (
	inlineMax = 1 << 10   // bytes of a value kept inside the state
	wholeMax  = 300 << 10 // bytes of one kept in a document; a larger one, which only a Jira of raised limits has, is in pieces
	pieceMax  = 128 << 10 // bytes of a piece; as a text in JSON they may be twice as many
)

// lean is a copy of the state without every value over inlineMax; it returns those, and what is in pieces, by their SHA-256.
func (s *State) lean() (c State, values map[string]bridge.Value) {
	values = map[string]bridge.Value{}
	if !s.large() {
		return *s, values
	}
	c = s.clone() // so that the values of the pair in memory stay whole
	for key, f := range s.Fields {
		whole := *f
		c.Fields[key] = &whole
	}
	c.eachValue(func(v *bridge.Value) {
		if len(*v) <= inlineMax {
			return
		}
		*v = bridge.ValueOf(map[string]string{"$value": moveOut(values, *v)})
	})
	return c, values
}

// moveOut puts a value among those that have documents of their own and returns its id.
func moveOut(values map[string]bridge.Value, v bridge.Value) string {
	if len(v) > wholeMax {
		var ids []string
		for rest := string(v); rest != ""; {
			n := min(pieceMax, len(rest))
			if i := strings.LastIndex(rest[:n], `\n`); n < len(rest) && i > n/2 {
				n = i // between lines: what is looked for in the pieces, as a person's name, is found
			}
			for n < len(rest) && !utf8.RuneStart(rest[n]) {
				n--
			}
			ids = append(ids, moveOut(values, bridge.ValueOf(rest[:n])))
			rest = rest[n:]
		}
		v = bridge.ValueOf(map[string]any{"$pieces": ids})
	}
	sum := sha256.Sum256([]byte(v))
	id := hex.EncodeToString(sum[:])
	values[id] = v
	return id
}

// piecesOf are the ids of the pieces of a value that is in pieces.
func piecesOf(v bridge.Value) (ids []string) {
	if !strings.HasPrefix(string(v), `{"$pieces":`) {
		return nil
	}
	var in map[string][]string
	if json.Unmarshal([]byte(v), &in) != nil {
		return nil
	}
	return in["$pieces"]
}

// large reports whether a value is to be moved out.
func (s *State) large() (found bool) {
	s.look(func(v bridge.Value) { found = found || len(v) > inlineMax })
	return found
}

// outside returns the ids of the values that were moved out of an encoded state.
func (s *State) outside() []string {
	var ids []string
	s.look(func(v bridge.Value) {
		if id := reference(v); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	slices.Sort(ids)
	return ids
}

// restore puts the moved values back.
func (s *State) restore(values map[string]bridge.Value) {
	s.eachValue(func(v *bridge.Value) {
		if whole, ok := values[reference(*v)]; ok {
			*v = joined(values, whole)
		}
	})
}

// joined is a value whose pieces are among the values.
func joined(values map[string]bridge.Value, v bridge.Value) bridge.Value {
	ids := piecesOf(v)
	if len(ids) == 0 {
		return v
	}
	var text strings.Builder
	for _, id := range ids {
		piece, _ := values[id].Any().(string)
		text.WriteString(piece)
	}
	return bridge.Value(text.String())
}

func reference(v bridge.Value) string {
	if len(v) != len(`{"$value":""}`)+64 {
		return ""
	}
	m, _ := v.Any().(map[string]any)
	id, _ := m["$value"].(string)
	return id
}

// look shows every value of the state.
func (s *State) look(show func(bridge.Value)) {
	for _, f := range s.Fields {
		show(f.Raw)
		show(f.Shown)
		for _, e := range []*bridge.Entry{f.Mine, f.Theirs} {
			if e != nil {
				show(e.Value)
			}
		}
		if f.Held != nil {
			show(f.Held.Value)
			show(f.Held.Out)
		}
	}
	for _, in := range s.Intents {
		for _, w := range in.Writes {
			show(w.Value)
		}
	}
}

// eachValue visits every value of the state, which may be changed then.
func (s *State) eachValue(visit func(*bridge.Value)) {
	for _, f := range s.Fields {
		visit(&f.Raw)
		visit(&f.Shown)
		for _, e := range []**bridge.Entry{&f.Mine, &f.Theirs} {
			if *e != nil {
				c := **e // what a merge.Field points to is never changed in place
				visit(&c.Value)
				*e = &c
			}
		}
		if f.Held != nil {
			c := *f.Held
			visit(&c.Value)
			visit(&c.Out)
			f.Held = &c
		}
	}
	for _, in := range s.Intents {
		for k, w := range in.Writes {
			visit(&w.Value)
			in.Writes[k] = w
		}
	}
}
