package merge_test

import (
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// TestChecksNotice breaks one rule of the protocol at a time: the runs have to fail, or their passing proves nothing. A
// break is made around the functions under test, never in them, and the reference is left out.
func TestChecksNotice(t *testing.T) {
	for name, c := range map[string]struct {
		scenario string
		breakIt  func(*protocol)
	}{
		"edits are not held while a write is open": {"ids-unknown", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, _ bool, items ...merge.Item) (merge.Field, bool) {
				return observe(f, s, false, items...)
			}
		}},
		"saw starts at 0": {"paired-by-hand", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, open bool, items ...merge.Item) (merge.Field, bool) {
				f, changed := observe(f, s, open, items...)
				if f.Mine != nil && f.Mine.Saw == bridge.Unseen {
					e := *f.Mine
					e.Saw, f.Mine = 0, &e
				}
				return f, changed
			}
		}},
		"our writes are not placed": {"plain", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, open bool, items ...merge.Item) (merge.Field, bool) {
				f, changed := observe(f, s, open, items...)
				f.Placed = nil
				return f, changed
			}
		}},
		"an own write counts as an edit": {"plain", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, open bool, items ...merge.Item) (merge.Field, bool) {
				for i := range items {
					items[i].Carries = nil
				}
				return observe(f, s, open, items...)
			}
		}},
		"our own goes back as it was sent": {"republished", func(p *protocol) {
			decide := p.decide
			p.decide = func(f merge.Field, s merge.Site, local func(*bridge.Entry) bridge.Value) merge.Decision {
				if f.Mine != nil {
					f.Raw = f.Mine.Value
				}
				return decide(f, s, local)
			}
		}},
		"what was forgotten is not read": {"restored", func(p *protocol) {
			receive := p.receive
			p.receive = func(f merge.Field, s merge.Site, in bridge.Entries) (merge.Field, bool) {
				f, _ = receive(f, s, in)
				return f, false
			}
		}},
		"nothing is behind": {"restored", func(p *protocol) {
			decide := p.decide
			p.decide = func(f merge.Field, s merge.Site, local func(*bridge.Entry) bridge.Value) merge.Decision {
				if _, v := merge.Winner(f, s); v == merge.Behind {
					f.Placed = nil
					if f.Mine != nil {
						e := *f.Mine
						e.Saw, f.Mine = bridge.Unseen, &e
					}
				}
				return decide(f, s, local)
			}
		}},
		"values shown are compared": {"normalised", func(p *protocol) {
			decide := p.decide
			p.decide = func(f merge.Field, s merge.Site, local func(*bridge.Entry) bridge.Value) merge.Decision {
				f.Carries, f.Silent = nil, nil
				return decide(f, s, local)
			}
		}},
		"the beaten edit is not noted": {"all", func(p *protocol) {
			note := p.note
			p.note = func(f merge.Field, d merge.Decision) merge.Field {
				d.Beaten = nil
				return note(f, d)
			}
		}},
		"a write without an item is not noted": {"two-values-normalised", func(p *protocol) {
			p.shown = func(f merge.Field, _ int64, _ bridge.Edit) merge.Field { return f }
		}},
		"new rules do not redo": {"republished", func(p *protocol) {
			decide := p.decide
			p.decide = func(f merge.Field, s merge.Site, local func(*bridge.Entry) bridge.Value) merge.Decision {
				f.Redo = nil
				return decide(f, s, local)
			}
		}},
		"new rules do not send again": {"republished-restored", func(p *protocol) {
			p.republish = func(f merge.Field, _ func(bridge.Value) bridge.Value, _ int64) (merge.Field, bool) { return f, false }
		}},
		"a halt counts as the value": {"walk", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, open bool, items ...merge.Item) (merge.Field, bool) {
				for i := range items {
					items[i].Halt = false
				}
				return observe(f, s, open, items...)
			}
		}},
		"a one-way row makes entries": {"one-way", func(p *protocol) {
			observe := p.observe
			p.observe = func(f merge.Field, s merge.Site, open bool, items ...merge.Item) (merge.Field, bool) {
				s.Way = merge.Both
				return observe(f, s, open, items...)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := product()
			p.broken = true
			c.breakIt(&p)
			if !noticed(p, c.scenario) {
				t.Error("no check noticed")
			}
		})
	}
}

func noticed(p protocol, scenario string) bool {
	for n := range uint64(4000) {
		for _, s := range scenarios {
			for _, policy := range policies {
				if s.name == scenario && newWorld(s.scenario, policy, *seed+n, p).run() != nil {
					return true
				}
			}
		}
	}
	return false
}
