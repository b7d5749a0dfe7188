package pair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/store"
)

func randomField(r *rand.Rand) *Field {
	f := &Field{}
	value := func() bridge.Value {
		v := []string{"a", "b", `{"x":1}`, strings.Repeat("long ", 300)}
		return bridge.ValueOf(v[r.IntN(len(v))])
	}
	entry := func(site bridge.Role) *bridge.Entry {
		return &bridge.Entry{Seq: r.Int64N(3), Saw: r.Int64N(3) - 1, Value: value(), Stamp: bridge.Stamp{At: r.Int64N(2), Site: site, Policy: 1}, Rules: r.Int64N(2)}
	}
	if r.IntN(4) > 0 {
		f.Mine, f.Raw, f.Item = entry(bridge.Public), value(), r.Int64N(3)
	}
	if r.IntN(2) > 0 {
		f.Theirs = entry(bridge.Private)
		f.Placed = &merge.Placed{After: r.Int64N(3), Seq: r.Int64N(3)}
		f.Turns = FirstTurn(f.Theirs)
	}
	if r.IntN(2) > 0 {
		f.Shown, f.Carries = value(), &bridge.Edit{Site: []bridge.Role{bridge.Public, bridge.Private}[r.IntN(2)], Seq: r.Int64N(3)}
	}
	f.Rev = r.Int64N(4)
	return f
}

func TestFieldsComeBackAsTheyWereStored(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		f := randomField(r)
		raw, err := pack(*f)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := unpack(raw); err != nil || !reflect.DeepEqual(f, back) {
			t.Fatalf("stored as %s: %+v came back as %+v (%v)", raw, f, back, err)
		}
	}
	if _, err := unpack([]byte(`{"like":"r"}`)); err == nil {
		t.Error("a field like an entry that is not there was read")
	}
}

const old = `{"connection":"c1","local":{"id":"1","key":"A-1","url":"u"},"remote":{"id":"2","key":"B-2"},"status":"waiting","origin":"public","revision":3,"acked":1,"since":9,"lane":"bulk"}`

func TestDocumentsOfBeforeAreRead(t *testing.T) {
	b := &Book{Store: store.NewMemory(store.Faults{}), Now: func() int64 { return 1 }}
	put := func(sort, body string) {
		if err := b.Store.Apply(t.Context(), store.Put(store.Doc{Key: store.Key{Part: part("c1", "1"), Sort: sort}, Body: []byte(body)})); err != nil {
			t.Fatal(err)
		}
	}
	put("head", old)
	put("state", `{"fields":{"summary":{"mine":{"seq":5,"saw":-1,"value":"x","stamp":{"at":7,"site":"public","policy":1}},"raw":"x","rev":2}},"project":"P"}`)
	p, err := b.Load(t.Context(), "c1", "1")
	if err != nil {
		t.Fatal(err)
	}
	h, f := p.Head, p.State.Fields["summary"]
	if h.Local.Key != "A-1" || h.Remote.Key != "B-2" || h.Origin != bridge.Public || h.Status != Waiting || h.Lane != bridge.Bulk || p.State.Project != "P" ||
		f.Mine.Seq != 5 || f.Raw != bridge.ValueOf("x") || f.Mine.Stamp.Site != bridge.Public {
		t.Errorf("read %+v, %+v", h, f)
	}
}

func TestWhatCannotBeReadIsDamaged(t *testing.T) {
	for _, c := range [][2]string{
		{`{`, `{}`}, {`[]`, `{}`}, {`{"revision":"x"}`, `{}`}, {`{"revision":1.5}`, `{}`}, {`{"bare":1}`, `{}`}, {`{"status":{}}`, `{}`}, {`{"fresh":[]}`, `{}`},
		{`{"fresh":{"fields":{"a":{"mine":[1,"x"]}}}}`, `{}`}, {`{"events":[7]}`, `{}`}, {`{"events":{}}`, `{}`}, {`{"parked":7}`, `{}`},
		{`{}`, `{"a"}`}, {`{}`, `7`}, {`{}`, `{"fields":7}`}, {`{}`, `{"fields":{"a":7}}`}, {`{}`, `{"fields":{"a":{"theirs":7}}}`},
		{`{}`, `{"fields":{"a":{"placed":"x"}}}`}, {`{}`, `{"project":[]}`}, {`{}`, `{"intents":{}}`}, {`{}`, `{"about":{"key":5}}`}, {`{}`, `{"about":{"remote":{"id":5}}}`},
	} {
		docs := [2]*store.Doc{{Body: []byte(c[0])}, {Body: []byte(c[1])}}
		if _, _, err := read("c1", "1", docs[0], docs[1], nil); bridge.NameOf(err) != "state-damaged" {
			t.Errorf("head %s, state %s: %v", c[0], c[1], err)
		}
	}
	b := &Book{Store: store.NewMemory(store.Faults{}), Now: func() int64 { return 1 }} // lines of the history are read when they are asked for
	for sort, body := range map[string]string{"head": `{"events":[[1,2]]}`, "state": `{}`} {
		if err := b.Store.Apply(t.Context(), store.Put(store.Doc{Key: store.Key{Part: part("c1", "1"), Sort: sort}, Body: []byte(body)})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.History(t.Context(), "c1", "1", 0); bridge.NameOf(err) != "state-damaged" {
		t.Errorf("a line of the history that cannot be read: %v", err)
	}
	rest := `{"outcome":null,"gone":null,"events":null,"fresh":null,"status":null,"lane":null,"unheardOf":{}}`
	if _, _, err := read("c1", "1", &store.Doc{Body: []byte(rest)}, &store.Doc{Body: []byte(`{"fields":null,"about":null,"redo":null,"unheardOf":1}`)}, nil); err != nil {
		t.Error(err)
	}
}

// model is what a pair must be, whatever the store does.
type model struct {
	fields map[string]bridge.Value
	notes  int
}

// alter is one update of a random pair: fields, intents, members, history, attributes that come and go.
func alter(r *rand.Rand, m *model, n int) func(*Pair) error {
	key, v := fmt.Sprintf("f%d", r.IntN(6)), bridge.ValueOf(fmt.Sprintf("%d %s", n, strings.Repeat("x", []int{0, 30, 200, 1500}[r.IntN(4)])))
	what, chatty := r.IntN(8), r.IntN(10) == 0
	next := model{fields: map[string]bridge.Value{}, notes: m.notes + 1}
	for k, v := range m.fields {
		next.fields[k] = v
	}
	if what == 0 {
		delete(next.fields, key)
	} else {
		next.fields[key] = v
	}
	*m = next
	return func(p *Pair) error {
		if what == 0 {
			delete(p.State.Fields, key)
		} else {
			f := p.State.Field(key)
			f.Mine = &bridge.Entry{Seq: int64(n), Value: v, Stamp: bridge.Stamp{At: int64(n), Site: bridge.Public}}
			f.Raw, f.Shown = v, v
		}
		p.State.Intents = nil
		if what%2 == 1 {
			p.State.Intents = []Intent{{ID: fmt.Sprint(n), Kind: "edit", Writes: map[string]IntendedWrite{key: {Value: v}}}}
		}
		p.Mark(int64(n), bridge.Live)
		note := Event{What: "observed", Field: key, New: v, Edit: fmt.Sprint(n)}
		if chatty {
			note.Note = strings.Repeat("why ", 300)
		}
		p.Note(note)
		if what == 7 {
			p.SetOwn(&Own{Offer: bridge.Member{Kind: bridge.Comment, ID: "9", Body: fmt.Sprint(n)}}, true)
		}
		return nil
	}
}

func check(t *testing.T, b *Book, m model, what string) {
	t.Helper()
	p, err := b.Load(t.Context(), "c1", "1")
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(p.State.Fields) != len(m.fields) {
		t.Fatalf("%s: %d fields, want %d", what, len(p.State.Fields), len(m.fields))
	}
	for k, v := range m.fields {
		if f := p.State.Fields[k]; f == nil || f.Mine.Value != v || f.Raw != v {
			t.Fatalf("%s: field %s is %.60v, want %.60s", what, k, f, v)
		}
	}
	if p.Head.Local.Key != "A-1" || p.Head.Origin != bridge.Public || p.Head.Revision != int64(m.notes) {
		t.Fatalf("%s: head %+v, want revision %d", what, p.Head, m.notes)
	}
	asStored(t, b, what)
	events, err := b.History(t.Context(), "c1", "1", 0)
	if err != nil || len(events) != m.notes {
		t.Fatalf("%s: %d lines of history, want %d (%v)", what, len(events), m.notes, err)
	}
	for i, e := range events {
		if e.Edit != fmt.Sprint(i+1) {
			t.Fatalf("%s: line %d of the history is of update %s", what, i+1, e.Edit)
		}
	}
}

// asStored makes sure that a book which remembers the pair loads what one that does not remember it loads, also after
// somebody changed every place of a loaded pair that may be changed.
func asStored(t *testing.T, b *Book, what string) {
	t.Helper()
	load := func(b *Book) *Pair {
		p, err := b.Load(t.Context(), "c1", "1")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return p
	}
	for range 2 {
		p, anew := load(b), load(&Book{Store: b.Store, Now: b.Now})
		if !reflect.DeepEqual(p.Head, anew.Head) || !reflect.DeepEqual(p.State, anew.State) {
			t.Fatalf("%s: remembered as %+v %+v, stored as %+v %+v", what, p.Head, p.State, anew.Head, anew.State)
		}
		spoil(p)
	}
}

// spoil changes every place of a pair that may be changed.
func spoil(p *Pair) {
	for _, f := range p.State.Fields {
		f.Shown, f.Mine = "1", nil
	}
	for _, in := range p.State.Intents {
		clear(in.Writes)
		in.ID = ""
	}
	for key := range p.Head.Dirty {
		p.Head.Dirty[key] = -1
	}
	p.State.eachValue(func(v *bridge.Value) { *v = "2" })
	p.State.Refuse("comment/1", "no")
	p.State.Undo("comment/1")
	clear(p.State.Undone)
	clear(p.State.Answered)
	p.Note(Event{What: "never stored"})
}

// TestWhatIsRememberedIsWhatIsStored writes random pairs of which every attribute has any value, none and no value at all.
// What the book remembers of what it wrote must be what it would have read, whatever becomes of the pair it was written from.
func TestWhatIsRememberedIsWhatIsStored(t *testing.T) {
	remembered := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		mem := store.NewMemory(store.Faults{})
		mem.Now = func() time.Time { return time.UnixMilli(1000) }
		b := &Book{Store: mem, Now: func() int64 { return int64(mem.Applies()) }, Wary: true}
		var given Head // by the change, so that it may change it afterwards
		fill := func(p *Pair) {
			given = Head{}
			if r.IntN(3) > 0 {
				local := p.Head.Local.ID
				randomly(r, reflect.ValueOf(&p.Head).Elem())
				p.Head.Connection, p.Head.Local.ID, p.Head.Remote.ID = "c1", local, "9"
				given = p.Head
			}
			if r.IntN(3) > 0 {
				fields := p.State.Fields
				randomly(r, reflect.ValueOf(&p.State).Elem())
				p.State.Fields = fields
			}
			for range r.IntN(4) {
				f := new(Field)
				randomly(r, reflect.ValueOf(f).Elem())
				p.State.Fields[[]string{"a", "b", "c", "d<", "ä"}[r.IntN(5)]] = f
			}
			for range r.IntN(3) {
				var e Event
				randomly(r, reflect.ValueOf(&e).Elem())
				p.Note(e)
			}
		}
		p := b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)
		fill(p)
		if err := b.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		spoil(p)
		for range 40 {
			asStored(t, b, fmt.Sprintf("seed %d", seed))
			p, err := b.Update(t.Context(), "c1", "1", func(p *Pair) error { fill(p); return nil })
			if err != nil {
				t.Fatal(err)
			}
			docs, _ := mem.Get(t.Context(), p.key("head"))
			if k := b.memory.get(p.part()); bytes.Equal(k.headBody, docs[0].Body) {
				remembered++
			}
			for _, a := range []*bridge.Ack{given.Outcome, given.Answer} {
				if a != nil {
					clear(a.Refused)
				}
			}
			if given.Parked != nil {
				given.Parked.Tries = -1
			}
			spoil(p)
		}
	}
	if remembered < 300 {
		t.Errorf("%d of 800 pairs were remembered as they were written", remembered)
	}
}

// randomly fills in anything, each part of it with something, nothing or what stands there already.
func randomly(r *rand.Rand, v reflect.Value) {
	n := r.IntN(4)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			randomly(r, v.Field(i))
		}
		return
	case reflect.Pointer, reflect.Map, reflect.Slice:
		v.SetZero()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if n > 1 {
			v.Set(reflect.New(v.Type().Elem()))
			randomly(r, v.Elem())
		}
	case reflect.Slice:
		for range n - 1 {
			e := reflect.New(v.Type().Elem()).Elem()
			randomly(r, e)
			v.Set(reflect.Append(v, e))
		}
		if n == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 0, 1))
		}
	case reflect.Map:
		if n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for i := range n - 1 {
			e := reflect.New(v.Type().Elem()).Elem()
			randomly(r, e)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("key ", i)), e)
		}
	case reflect.String:
		texts := []string{"", "word", "a <b> & \"c\"\n\u2028 ä"}
		if r.IntN(300) == 0 {
			texts = []string{"\xff"}
		}
		switch v.Type() {
		case reflect.TypeFor[string]():
		case reflect.TypeFor[bridge.Value]():
			texts = []string{"", "null", "true", `{"a":["<",2.50,null]}`, string(bridge.ValueOf(strings.Repeat("long ", 300)))}
		default: // a status, a lane
			texts = []string{"", "live", "bulk", "synced", "waiting"}
		}
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Bool:
		v.SetBool(n > 1)
	default:
		panic(v.Type().String())
	}
}

// TestEveryWriteFailsOnce makes random updates; each write of each fails once, both ways, and a retry makes it good.
func TestEveryWriteFailsOnce(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		mem := store.NewMemory(store.Faults{})
		mem.Now = func() time.Time { return time.UnixMilli(1000) }
		now := int64(1000)
		b := &Book{Store: mem, Now: func() int64 { now++; return now }, Wary: true}
		p := b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)
		if err := b.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		m := model{fields: map[string]bridge.Value{}}
		for n := 1; n <= 40; n++ {
			before := m
			change := alter(r, &m, n)
			for at := 1; ; at++ {
				mem.SetFaults(store.Faults{Apply: store.FailApply(at, store.FaultLost)})
				what := fmt.Sprintf("seed %d, update %d, write %d", seed, n, at)
				_, err := b.Update(t.Context(), "c1", "1", change)
				if err == nil {
					break
				}
				mem.SetFaults(store.Faults{})
				if !errors.Is(err, store.ErrInjected) {
					t.Fatalf("%s: %v", what, err)
				}
				check(t, b, before, what+" lost")
			}
			check(t, b, m, fmt.Sprintf("seed %d, update %d", seed, n))
		}
	}
}

// TestTwoAtOnce: two updates that read the same pair; one of them moves what the head holds in between.
func TestTwoAtOnce(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		mem := store.NewMemory(store.Faults{})
		mem.Now = func() time.Time { return time.UnixMilli(1000) }
		b := &Book{Store: mem, Now: func() int64 { return int64(mem.Applies()) }, Wary: true}
		if err := b.Create(t.Context(), b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)); err != nil {
			t.Fatal(err)
		}
		m := model{fields: map[string]bridge.Value{}}
		var late *Pair
		for n := 1; n <= 25; n++ {
			if late != nil && r.IntN(3) == 0 { // it moves what it knew, and must not commit
				if _, err := b.Change(t.Context(), late, func(*Pair) error { return nil }); err != nil {
					t.Fatal(err)
				}
				w, err := late.writes(1)
				if err == nil && len(w.moves) > 0 {
					if err := b.Store.Sequence(t.Context(), w.moves...); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Fatal(err)
					}
				}
				late = nil
			}
			if r.IntN(2) == 0 {
				late, _ = b.Load(t.Context(), "c1", "1")
				ghost := model{fields: map[string]bridge.Value{}}
				_ = alter(r, &ghost, 900)(late)
			}
			if _, err := b.Update(context.Background(), "c1", "1", alter(r, &m, n)); err != nil {
				t.Fatal(err)
			}
			if late == nil {
				check(t, b, m, fmt.Sprintf("seed %d, update %d", seed, n))
			}
		}
	}
}

// TestALargeValueIsInPieces: it comes back as it was, and its pieces go with it.
func TestALargeValueIsInPieces(t *testing.T) {
	m := store.NewMemory(store.Faults{})
	b := &Book{Store: m, Site: "s", Now: func() int64 { return 1 }}
	set := func(v string) func(*Pair) error {
		return func(p *Pair) error {
			p.State.Field("description").Raw = bridge.ValueOf(v)
			return nil
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)
	must(b.Create(t.Context(), p))
	pieces := func() (n int) {
		docs, err := m.List(t.Context(), "pair/c1/1", store.Range{Prefix: "value/"})
		must(err)
		return len(docs)
	}
	for _, c := range []struct {
		text string
		docs int
	}{
		{strings.Repeat("ä", wholeMax/2-1), 1},
		{strings.Repeat("a\"<ö\n", wholeMax/2), 4}, // equal pieces are one
		{"short", 0},
	} {
		_, err := b.Update(t.Context(), "c1", "1", set(c.text))
		must(err)
		p, err := b.Load(t.Context(), "c1", "1")
		must(err)
		if got := p.State.Field("description").Raw.Text(); got != c.text || pieces() != c.docs {
			t.Errorf("%d bytes came back of %d, from %d documents, want %d", len(got), len(c.text), pieces(), c.docs)
		}
	}
}
