package pair

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/store"
	"drawbridge/shared/walk"
)

// parts are a state as it is stored, by name: each field is a part of its own ("fields/summary"), so is each other
// attribute of the state, and "about", who the pair is. An absent part and null are the same.
//
// The state document holds the parts as they were when it was written; the head holds those that changed since (fresh),
// so that a change is one write of one small document. Before the head grows over its size, the parts it holds are moved
// into the state document. That move changes nothing that is known, so it needs no transaction with the head: a crash
// between the two leaves the parts in both places. A part stays fresh until such a move, whatever value it has.
type parts map[string]json.RawMessage

const fieldPart = "fields/"

// about is who the pair is: what hardly ever changes of the head.
type about struct {
	Key    string      `json:"key"` // of the local issue
	URL    string      `json:"url,omitempty"`
	Remote bridge.Ref  `json:"remote"`
	Origin bridge.Role `json:"origin"`
}

// storedHead is the head document. What it shares with about is read from older documents only; a status or lane that it
// lacks is synced or live.
type storedHead struct {
	*Head
	Status Status      `json:"status,omitempty"`
	Lane   bridge.Lane `json:"lane,omitempty"`

	Connection string       `json:"connection,omitempty"`
	Local      *bridge.Ref  `json:"local,omitempty"`
	Remote     *bridge.Ref  `json:"remote,omitempty"`
	Origin     *bridge.Role `json:"origin,omitempty"`

	carried
}

// carried is what the head carries for the other documents.
type carried struct {
	Base   int64  `json:"base,omitempty"`   // revision of the state document that Fresh is meant for, or a later one
	Fresh  nested `json:"fresh,omitempty"`  // parts of the state that changed since
	Told   int    `json:"told,omitempty"`   // lines of the history that are in documents
	Events lines  `json:"events,omitempty"` // lines of the history that are in none
}

// storedField is a field as it is written: entries as short lists, and nothing that the entries say already.
type storedField struct {
	Field
	Mine   *storedEntry `json:"mine,omitempty"`
	Theirs *storedEntry `json:"theirs,omitempty"`
	Turns  *Turns       `json:"turns,omitempty"`
	// Like names what was left out: r raw, s shown, c carries and i item are mine's; S shown, C carries and t turns are
	// theirs'; p placed is theirs at item; R shown is as raw.
	Like string `json:"like,omitempty"`
}

// storedEntry is [seq, saw, value, site, at, policy, rules]; older documents have an object.
type storedEntry bridge.Entry

// MarshalJSON implements json.Marshaler.
func (e *storedEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{e.Seq, e.Saw, e.Value, e.Stamp.Site, e.Stamp.At, e.Stamp.Policy, e.Rules})
}

func pack(f Field) (json.RawMessage, error) {
	s := storedField{Field: f, Mine: (*storedEntry)(f.Mine), Theirs: (*storedEntry)(f.Theirs)}
	left := func(letter string, out bool) bool {
		if out {
			s.Like += letter
		}
		return out
	}
	if m := f.Mine; m != nil {
		id := m.ID()
		if left("r", f.Raw != "" && f.Raw == m.Value) {
			s.Raw = ""
		}
		if left("s", f.Shown != "" && f.Shown == m.Value) {
			s.Shown = ""
		}
		if left("c", f.Carries != nil && *f.Carries == id) {
			s.Carries = nil
		}
		if left("i", f.Item != 0 && f.Item == m.Seq) {
			s.Item = 0
		}
	}
	if f.Turns != (Turns{}) {
		s.Turns = &f.Turns
	}
	if left("R", s.Raw != "" && s.Shown == s.Raw) {
		s.Shown = ""
	}
	if t := f.Theirs; t != nil {
		id := t.ID()
		if left("S", s.Shown != "" && f.Shown == t.Value) {
			s.Shown = ""
		}
		if left("C", s.Carries != nil && *f.Carries == id) {
			s.Carries = nil
		}
		if left("p", f.Placed != nil && *f.Placed == placed(f.Item, t)) {
			s.Placed = nil
		}
		if left("t", f.Turns != (Turns{}) && f.Turns == FirstTurn(t)) {
			s.Turns = nil
		}
	}
	return json.Marshal(s)
}

func placed(item int64, theirs *bridge.Entry) merge.Placed {
	return merge.Placed{After: item, Seq: theirs.Seq}
}

func unpack(raw json.RawMessage) (*Field, error) {
	f, like := new(Field), ""
	err := open(raw, func(name []byte) any {
		switch string(name) {
		case "mine":
			return &f.Mine
		case "theirs":
			return &f.Theirs
		case "raw":
			return &f.Raw
		case "shown":
			return &f.Shown
		case "item":
			return &f.Item
		case "rev":
			return &f.Rev
		case "like":
			return &like
		}
		return nil
	}, f)
	if err != nil {
		return nil, err
	}
	for _, letter := range like {
		if strings.ContainsRune("rsci", letter) && f.Mine == nil || strings.ContainsRune("SCpt", letter) && f.Theirs == nil {
			return nil, fmt.Errorf("like %q without the entry that is meant", like)
		}
		switch letter {
		case 'r':
			f.Raw = f.Mine.Value
		case 's':
			f.Shown = f.Mine.Value
		case 'c':
			id := f.Mine.ID()
			f.Carries = &id
		case 'i':
			f.Item = f.Mine.Seq
		case 'R':
			f.Shown = f.Raw
		case 'S':
			f.Shown = f.Theirs.Value
		case 'C':
			id := f.Theirs.ID()
			f.Carries = &id
		case 'p':
			p := placed(f.Item, f.Theirs)
			f.Placed = &p
		case 't':
			f.Turns = FirstTurn(f.Theirs)
		}
	}
	return f, nil
}

// lines are lines of the history as they are written, each a list: [at, what, field, [old], [new], edit, rule, cause, outcome,
// note], up to the last that there is. They are read when somebody asks for them.
type lines []json.RawMessage

func linesOf(events []Event) (ls lines, err error) {
	for _, e := range events {
		list := []any{e.At, e.What, e.Field, optional(e.Old), optional(e.New), e.Edit, e.Rule, e.Cause, e.Outcome, e.Note}
		for list[len(list)-1] == "" {
			list = list[:len(list)-1]
		}
		line, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		ls = append(ls, line)
	}
	return ls, nil
}

func (ls lines) events() ([]Event, error) {
	es := make([]Event, len(ls))
	for i, line := range ls {
		e := &es[i]
		var old, now []bridge.Value
		err := row(line, &e.At, &e.What, &e.Field, &old, &now, &e.Edit, &e.Rule, &e.Cause, &e.Outcome, &e.Note)
		if err != nil {
			return nil, err
		}
		if len(old) > 0 {
			e.Old = old[0]
		}
		if len(now) > 0 {
			e.New = now[0]
		}
	}
	return es, nil
}

// size is how many bytes they take.
func (ls lines) size() (n int) {
	for _, line := range ls {
		n += len(line) + 1
	}
	return n
}

// text appends them to a text.
func (ls lines) text(b []byte) []byte {
	b = append(b, '[')
	for i, line := range ls {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, line...)
	}
	return append(b, ']')
}

// optional is a list of the value, if there is one.
func optional(v bridge.Value) []bridge.Value {
	if v == "" {
		return []bridge.Value{}
	}
	return []bridge.Value{v}
}

// nested are parts as they are stored: the fields by their keys under "fields".
type nested parts

// text appends them to a text. Each part is a JSON text already: encoding/json would read it again.
func (ps nested) text(b []byte) []byte {
	names := slices.Sorted(maps.Keys(ps))
	within := func(b []byte, prefix string, is func(name string) bool) []byte {
		b = append(b, '{')
		for _, name := range names {
			if is(name) {
				key, _ := json.Marshal(strings.TrimPrefix(name, prefix)) // a string
				b = append(append(append(append(b, key...), ':'), ps[name]...), ',')
			}
		}
		return b
	}
	isField := func(name string) bool { return strings.HasPrefix(name, fieldPart) }
	b = within(b, "", func(name string) bool { return !isField(name) })
	if slices.ContainsFunc(names, isField) {
		b = append(closed(within(append(b, `"fields":`...), fieldPart, isField)), ',')
	}
	return closed(b)
}

// closed ends an object after its last member.
func closed(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// readParts makes parts of a text, which they are pieces of.
func readParts(raw []byte) (nested, error) {
	ps := nested{}
	err := walk.Members(raw, func(name, value []byte) error {
		if string(name) != "fields" {
			ps[string(name)] = value
			return nil
		}
		return walk.Members(value, func(key, value []byte) error {
			ps[fieldPart+string(key)] = value
			return nil
		})
	})
	return ps, err
}

// over are the parts with later ones laid over them.
func (ps parts) over(later parts) parts {
	if len(later) == 0 {
		return ps
	}
	out := make(parts, len(ps)+len(later))
	for name, raw := range ps {
		out[name] = raw
	}
	for name, raw := range later {
		if null(raw) {
			delete(out, name)
		} else {
			out[name] = raw
		}
	}
	return out
}

func null(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// since are the parts that make them of what was known: what differs, and whatever was fresh before.
func (ps parts) since(known, fresh parts) parts {
	out := parts{}
	for name, raw := range ps {
		if _, was := fresh[name]; was || !bytes.Equal(raw, known[name]) {
			out[name] = raw
		}
	}
	for _, before := range []parts{known, fresh} {
		for name := range before {
			if _, is := ps[name]; !is {
				out[name] = json.RawMessage("null")
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (ps parts) equal(other parts) bool {
	if len(ps) != len(other) {
		return false
	}
	for name, raw := range ps {
		if o, ok := other[name]; !ok || !bytes.Equal(raw, o) {
			return false
		}
	}
	return true
}

// apart takes the pair apart: all that its documents will say, but for what the head carries. Values over inlineMax are moved
// out; it returns those by their SHA-256. What is as it was loaded is not encoded again.
func (p *Pair) apart() (k *kept, values map[string]bridge.Value, err error) {
	was := p.kept
	s, values := p.State.lean()
	k = &kept{head: p.Head.asStored(), now: make(parts, len(was.now)+1), fields: make(map[string]*Field, len(s.Fields))}
	for key, f := range s.Fields {
		name := fieldPart + key
		if raw, known := was.raw(key, p.State.Fields[key], p.Head.Acked); known {
			k.fields[key], k.now[name] = was.fields[key], raw
			continue
		}
		k.fields[key] = f.asStored(p.Head.Acked)
		if k.now[name], err = pack(*k.fields[key]); err != nil {
			return nil, nil, err
		}
	}
	fields := s.Fields
	if s.Fields = nil; reflect.DeepEqual(s, was.state) {
		k.state = was.state
		for name, raw := range was.now {
			if !strings.HasPrefix(name, fieldPart) {
				k.now[name] = raw
			}
		}
	} else if err = k.setAttributes(&s); err != nil {
		return nil, nil, err
	}
	s.Fields = fields
	k.outside = s.outside()
	k.now["about"] = was.now["about"]
	if is := k.head.about(); k.now["about"] == nil || is != was.head.about() {
		k.now["about"], err = json.Marshal(is)
	}
	return k, values, err
}

// setAttributes sets those of a state that are no fields, as parts and as they are read.
func (k *kept) setAttributes(s *State) error {
	rest, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(rest, &k.now) // keeps what is there
	}
	if err == nil {
		err = json.Unmarshal(rest, &k.state)
	}
	delete(k.now, "fields")
	return err
}

func (h *Head) about() about { return about{h.Local.Key, h.Local.URL, h.Remote, h.Origin} }

// assemble puts the parts together again; values that were moved out are references still.
func (k *kept) assemble(before *kept) (err error) {
	var others rare
	k.fields = make(map[string]*Field, len(k.now))
	for name, raw := range k.now {
		key, field := strings.CutPrefix(name, fieldPart)
		switch {
		case field && bytes.Equal(before.now[name], raw):
			k.fields[key] = before.fields[key]
		case field:
			k.fields[key], err = unpack(raw)
		default:
			if to := k.attribute(name); to != nil {
				err = set(to, raw)
			} else {
				others.add(name, raw)
			}
		}
		if err != nil {
			return err
		}
	}
	return others.into(&k.state)
}

// attribute is the place of one of the state that is no field, or of who the pair is; nil: it is rare.
func (k *kept) attribute(name string) any {
	switch name {
	case "about":
		return &k.head
	case "project":
		return &k.state.Project
	case "type":
		return &k.state.Type
	case "linked":
		return &k.state.Linked
	}
	return nil
}

// readAbout reads who the pair is.
func (h *Head) readAbout(raw []byte) error {
	if null(raw) {
		return nil
	}
	var a about
	err := open(raw, func(name []byte) any {
		switch string(name) {
		case "key":
			return &a.Key
		case "url":
			return &a.URL
		case "remote":
			return &a.Remote
		case "origin":
			return &a.Origin
		}
		return nil
	}, &a)
	h.Local.Key, h.Local.URL, h.Remote, h.Origin = a.Key, a.URL, a.Remote, a.Origin
	return err
}

// openHead reads the head document.
func (k *kept) openHead(connection, issue string, d *store.Doc) error {
	h, s := &k.head, storedHead{Head: &k.head}
	err := walk.Check(d.Body)
	if err == nil {
		err = open(d.Body, func(name []byte) any {
			switch string(name) {
			case "revision":
				return &h.Revision
			case "acked":
				return &h.Acked
			case "since":
				return &h.Since
			case "received":
				return &h.Received
			case "applied":
				return &h.Applied
			case "updated":
				return &h.Updated
			case "rules":
				return &h.Rules
			case "bare":
				return &h.Bare
			case "status":
				return (*string)(&s.Status)
			case "lane":
				return (*string)(&s.Lane)
			case "base":
				return &s.Base
			case "fresh":
				return &s.Fresh
			case "events":
				return &s.Events
			}
			return nil
		}, &s)
	}
	if err != nil {
		return damaged(d.Key, err)
	}
	h.Connection, h.Local.ID = connection, issue
	if s.Local != nil {
		h.Connection, h.Local = s.Connection, *s.Local
	}
	if s.Remote != nil {
		h.Remote = *s.Remote
	}
	if s.Origin != nil {
		h.Origin = *s.Origin
	}
	if h.Status = s.Status; s.Status == "" {
		h.Status = Synced
	}
	if h.Lane = s.Lane; s.Lane == "" && h.Since != 0 {
		h.Lane = bridge.Live
	}
	k.carried = s.carried
	return nil
}

// body is the head document without what it carries for the others.
func (h *Head) body() ([]byte, error) {
	s := storedHead{Head: h}
	if h.Status != Synced {
		s.Status = h.Status
	}
	if h.Lane != bridge.Live {
		s.Lane = h.Lane
	}
	return json.Marshal(s)
}

// in is the head document that carries it; head is the one without.
func (c *carried) in(head []byte) []byte {
	b := append(bytes.Clone(head[:len(head)-1]), ',')
	if c.Base != 0 {
		b = fmt.Appendf(b, `"base":%d,`, c.Base)
	}
	if len(c.Fresh) > 0 {
		b = append(c.Fresh.text(append(b, `"fresh":`...)), ',')
	}
	if c.Told != 0 {
		b = fmt.Appendf(b, `"told":%d,`, c.Told)
	}
	if len(c.Events) > 0 {
		b = append(c.Events.text(append(b, `"events":`...)), ',')
	}
	return closed(b)
}
