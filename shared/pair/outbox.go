package pair

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Outgoing returns changes that wait for the remote site of a connection, of the lanes given, in that order, or live ones first;
// oldest first, at most limit. Skip tells of pairs it need not send now: the receiver holds that revision. The index is a hint only: every head is
// read before it is believed.
func (b *Book) Outgoing(ctx context.Context, connection string, limit int, skip func(issue string, revision int64) bool, lanes ...bridge.Lane) ([]bridge.Change, bool, error) {
	if len(lanes) == 0 {
		lanes = []bridge.Lane{bridge.Live, bridge.Bulk}
	}
	var out []bridge.Change
	for _, lane := range lanes {
		var after store.IndexHit
		for {
			hits, err := b.Store.Indexed(ctx, pendingIndex(connection, lane), store.IndexRange{After: after, Limit: limit + 1})
			if err != nil {
				return nil, false, err
			}
			for _, h := range hits {
				if len(out) == limit {
					return out, true, nil
				}
				c, err := b.outgoing(ctx, connection, h, skip)
				if err != nil {
					return nil, false, err
				}
				if c != nil && !slices.ContainsFunc(out, func(o bridge.Change) bool { return o.Issue.ID == c.Issue.ID }) {
					out = append(out, *c)
				}
			}
			if len(hits) <= limit {
				break
			}
			after = hits[len(hits)-1]
		}
	}
	return out, false, nil
}

func (b *Book) outgoing(ctx context.Context, connection string, h store.IndexHit, skip func(string, int64) bool) (*bridge.Change, error) {
	issue := strings.TrimPrefix(h.Key.Part, "pair/"+connection+"/")
	if skip(issue, 1) { // some revision of it is in hand: is it the latest?
		g, err := b.glanceAt(ctx, h)
		if err != nil || g == nil || !g.waits() || skip(issue, g.Revision) {
			return nil, err
		}
	}
	p, err := b.Load(ctx, connection, issue)
	if err != nil || p == nil || !p.Head.Waits() || skip(issue, p.Head.Revision) {
		return nil, err
	}
	return p.Change(ctx)
}

// Change is what the remote site may not know yet of this pair: fields of which our knowledge changed since the last
// ack, and the listed dirty members.
func (p *Pair) Change(ctx context.Context) (*bridge.Change, error) {
	h := &p.Head
	c := &bridge.Change{
		Connection: h.Connection, Issue: h.Local, Twin: h.Remote.ID, Revision: h.Revision, Lane: h.Lane, Rules: h.Rules,
		Fields: map[string]bridge.Entries{}, Gone: h.Gone,
	}
	var err error
	if c.Join, err = p.asks(ctx); err != nil {
		return nil, err
	}
	if c.Join != nil {
		c.Twin = p.State.Join.Remote
	}
	if h.Remote.ID == "" && p.State.Look != 0 {
		c.Anew = h.Since
	}
	for key, f := range p.State.Fields {
		if f.Rev > h.Acked || h.Acked == 0 || h.Status == Waiting { // a twin that is still to be made needs all
			if e := f.entries(); e.Mine != nil || e.Theirs != nil {
				c.Fields[key] = e
			}
		}
	}
	if p.State.Lists != 0 {
		if c.Taken, err = p.taken(ctx); err != nil {
			return nil, err
		}
	}
	for key := range h.Dirty {
		kind, id := SplitMemberKey(key)
		own, err := p.Own(ctx, kind, id)
		if err != nil {
			return nil, err
		}
		if own != nil {
			c.Members = append(c.Members, own.Offer)
		}
	}
	slices.SortFunc(c.Members, OldestFirst)
	return c, nil
}

// entries is what travels: our entry whole, theirs without its value, which they have.
func (f *Field) entries() bridge.Entries {
	e := bridge.Entries{Mine: f.Mine}
	if f.Theirs != nil {
		t := *f.Theirs
		t.Value, t.Rules = "", 0
		e.Theirs = &t
	}
	return e
}

// OldestFirst orders members as they were written; attachments before the comments that may show them.
func OldestFirst(a, b bridge.Member) int {
	if a.Kind != b.Kind {
		return strings.Compare(string(a.Kind), string(b.Kind))
	}
	if a.Created != b.Created {
		if a.Created < b.Created {
			return -1
		}
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// Depth counts what waits for the remote site; it stops counting at limit.
func (b *Book) Depth(ctx context.Context, connection string, limit int) (live, bulk int, oldest int64, err error) {
	count := func(lane bridge.Lane) int {
		hits, e := b.Store.Indexed(ctx, pendingIndex(connection, lane), store.IndexRange{Limit: limit})
		if e != nil {
			err = e
		}
		if len(hits) > 0 && (oldest == 0 || hits[0].At < oldest) {
			oldest = hits[0].At
		}
		return len(hits)
	}
	live, bulk = count(bridge.Live), count(bridge.Bulk)
	return live, bulk, oldest, err
}

// Park keeps the pair with the reason why its change cannot be applied; retry is the hub ms of the next try, or 0.
func (p *Pair) Park(name, reason string, now, retry int64) {
	tries, since := 0, now
	if p.Head.Parked != nil {
		tries, since = p.Head.Parked.Tries, p.Head.Parked.Since
	}
	p.Head.Parked = &Parked{Name: name, Reason: reason, Since: since, Retry: retry, Tries: tries + 1}
	p.due = &retry
}

// Unpark forgets the reason: the change was applied, or a person dismissed it.
func (p *Pair) Unpark() {
	if p.Head.Parked != nil {
		p.Head.Parked = nil
		p.due = new(int64)
	}
}

// Finish ends the pair: nothing of it waits any more, and it is not tried again.
func (p *Pair) Finish() {
	h := &p.Head
	h.Status, h.Since, h.Lane, h.Dirty, h.Many = Stopped, 0, "", nil, false
	p.Unpark()
}

// Due names a pair to be tried again.
type Due struct {
	Connection string `json:"connection"`
	Issue      string `json:"issue"`
}

func (p *Pair) dueOp() store.Op {
	key := store.Key{Part: "due/" + p.book.Site, Sort: p.Head.Connection + "/" + p.Head.Local.ID}
	if *p.due == 0 {
		return store.Delete(key)
	}
	body, err := json.Marshal(Due{p.Head.Connection, p.Head.Local.ID})
	if err != nil {
		return store.Delete(key)
	}
	return store.Put(store.Doc{Key: key, Body: body, Index: &store.Index{Name: "due/" + p.book.Site, At: *p.due}})
}

// Due lists pairs whose time to be tried again has come.
func (b *Book) Due(ctx context.Context, limit int) ([]Due, error) {
	hits, err := b.Store.Indexed(ctx, "due/"+b.Site, store.IndexRange{Until: b.Now(), Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]Due, 0, len(hits))
	for _, h := range hits {
		out = append(out, dueOf(h))
	}
	return out, nil
}

func dueOf(h store.IndexHit) Due {
	connection, issue, _ := strings.Cut(h.Key.Sort, "/")
	return Due{connection, issue}
}

// EachDue hands every pair to do that is tried again by itself, whether its time has come or not.
func (b *Book) EachDue(ctx context.Context, do func(Due) error) error {
	r := store.IndexRange{Limit: eachPage}
	for {
		hits, err := b.Store.Indexed(ctx, "due/"+b.Site, r)
		if err != nil {
			return err
		}
		for _, h := range hits {
			if err := do(dueOf(h)); err != nil {
				return err
			}
			r.After = h
		}
		if len(hits) < eachPage {
			return nil
		}
	}
}
