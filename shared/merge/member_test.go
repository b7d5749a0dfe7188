package merge_test

import (
	"math/rand/v2"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

func TestSee(t *testing.T) {
	seen, _ := merge.See(merge.Member{}, merge.Sight{Seq: 10, Hash: "a"})
	kept, _ := merge.See(seen, merge.Sight{Seq: 11, Kept: true})
	gone, _ := merge.See(seen, merge.Sight{Gone: true})
	for name, c := range map[string]struct {
		m       merge.Member
		s       merge.Sight
		changed bool
		gone    bool // as far as the remote site is concerned
		seq     int64
	}{
		"first":                           {merge.Member{}, merge.Sight{Seq: 10, Hash: "a"}, true, false, 10},
		"first, restricted":               {merge.Member{}, merge.Sight{Seq: 10, Kept: true}, false, true, 0},
		"first, unproven":                 {merge.Member{}, merge.Sight{Seq: 10, Unproven: true, Hash: "a"}, false, true, 0},
		"again":                           {seen, merge.Sight{Seq: 10, Hash: "a"}, false, false, 10},
		"again, proving less":             {seen, merge.Sight{Seq: 10, Unproven: true}, false, false, 10},
		"late":                            {seen, merge.Sight{Seq: 9, Hash: "b"}, false, false, 10},
		"earlier, but read now":           {seen, merge.Sight{Seq: 9, Hash: "b", Now: true}, true, false, 11},
		"restricted earlier, read now":    {seen, merge.Sight{Seq: 9, Kept: true, Now: true}, true, true, 11},
		"edited":                          {seen, merge.Sight{Seq: 12, Hash: "b"}, true, false, 12},
		"edited, nothing of it leaves":    {seen, merge.Sight{Seq: 12, Hash: "a"}, false, false, 10},
		"edited, unproven":                {seen, merge.Sight{Seq: 12, Unproven: true}, true, true, 12},
		"new rules":                       {seen, merge.Sight{Seq: 10, Rules: 1, Hash: "c"}, true, false, 11},
		"restricted":                      {seen, merge.Sight{Seq: 11, Kept: true}, true, true, 11},
		"restricted, same updated":        {seen, merge.Sight{Seq: 10, Kept: true}, true, true, 11},
		"restricted again":                {kept, merge.Sight{Seq: 12, Kept: true}, false, true, 11},
		"unrestricted":                    {kept, merge.Sight{Seq: 12, Hash: "a"}, true, false, 12},
		"unrestricted, same updated":      {kept, merge.Sight{Seq: 11, Hash: "a"}, true, false, 12},
		"deleted":                         {seen, merge.Sight{Gone: true}, true, true, 11},
		"deleted when already withdrawn":  {kept, merge.Sight{Gone: true}, false, true, 11},
		"deleted before it was ever seen": {merge.Member{}, merge.Sight{Gone: true}, false, true, 0},
		"edited after its deletion":       {gone, merge.Sight{Seq: 99, Hash: "z"}, false, true, 11},
		"a copy changed":                  {merge.Member{Copy: true, Seq: 3}, merge.Sight{Seq: 99, Hash: "z"}, false, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			m, changed := merge.See(c.m, c.s)
			if changed != c.changed || m.Tombstone() != c.gone || m.Seq != c.seq {
				t.Errorf("changed %v, %+v", changed, m)
			}
		})
	}
}

func TestTake(t *testing.T) {
	made := merge.Member{LocalID: "7", RemoteID: "1", Copy: true, Seq: 10, Hash: "a"}
	lost := merge.Lose(made)
	withdrawn, _ := merge.Take(made, bridge.Member{ID: "1", Seq: 11, Deleted: true}, 0, "", false)
	for name, c := range map[string]struct {
		m    merge.Member
		in   bridge.Member
		hash string
		want merge.Deed
	}{
		"new":                        {merge.Member{}, bridge.Member{ID: "1", Seq: 10}, "a", merge.Create},
		"new, deleted already":       {merge.Member{}, bridge.Member{ID: "1", Seq: 10, Deleted: true}, "", merge.Leave},
		"again":                      {made, bridge.Member{ID: "1", Seq: 10}, "a", merge.Leave},
		"edited":                     {made, bridge.Member{ID: "1", Seq: 11}, "b", merge.Edit},
		"late":                       {made, bridge.Member{ID: "1", Seq: 9}, "b", merge.Leave},
		"deleted":                    {made, bridge.Member{ID: "1", Seq: 11, Deleted: true}, "", merge.Delete},
		"deleted, late":              {made, bridge.Member{ID: "1", Seq: 9, Deleted: true}, "", merge.Leave},
		"late after the deletion":    {withdrawn, bridge.Member{ID: "1", Seq: 11}, "a", merge.Leave},
		"let out again":              {withdrawn, bridge.Member{ID: "1", Seq: 12}, "a", merge.Create},
		"copy deleted, original not": {lost, bridge.Member{ID: "1", Seq: 10}, "a", merge.Leave},
		"copy deleted, then edited":  {lost, bridge.Member{ID: "1", Seq: 11}, "b", merge.Create},
		"both deleted":               {lost, bridge.Member{ID: "1", Seq: 11, Deleted: true}, "", merge.Leave},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := merge.Take(c.m, c.in, 0, c.hash, false); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestADeletedCopyIsMadeAgainOnce(t *testing.T) {
	m := merge.Lose(merge.Member{LocalID: "7", RemoteID: "1", Copy: true, Seq: 10, Hash: "a"})
	m, deed := merge.Take(m, bridge.Member{ID: "1", Seq: 11}, 0, "b", false)
	if deed != merge.Create {
		t.Fatalf("first edit: %v", deed)
	}
	m.LocalID = "8"
	if _, deed := merge.Take(m, bridge.Member{ID: "1", Seq: 12}, 0, "c", false); deed != merge.Edit {
		t.Errorf("an edit of the copy made again: %v", deed)
	}
	if _, deed := merge.Take(merge.Lose(m), bridge.Member{ID: "1", Seq: 12}, 0, "c", false); deed != merge.Leave {
		t.Errorf("deleted a second time: %v", deed)
	}
}

// TestMembersConverge: whatever is lost, doubled or reordered on the way, the copy ends as the original.
func TestMembersConverge(t *testing.T) {
	for n := range uint64(3000) {
		r := rand.New(rand.NewPCG(*seed+n, 2))
		var original, copied merge.Member
		var sights []merge.Sight
		var net []bridge.Member
		var last merge.Sight
		shown, creations := "", 0 // the copy in the remote Jira
		take := func(in bridge.Member) {
			next, deed := merge.Take(copied, in, 0, in.Body, false)
			switch deed {
			case merge.Create:
				creations++
				if shown != "" {
					t.Fatalf("seed %d: a second copy", *seed+n)
				}
				shown, next.LocalID = in.Body, "7"
			case merge.Edit:
				shown = in.Body
			case merge.Delete:
				shown = ""
			}
			copied = next
		}
		offer := func() bridge.Member {
			return bridge.Member{ID: "1", Seq: original.Seq, Deleted: original.Tombstone(), Body: original.Hash}
		}
		for i := range int64(3 + r.IntN(12)) {
			switch k := r.IntN(8); {
			case last.Gone:
			case k < 3:
				last = merge.Sight{Seq: 10 * (i + 1), Hash: string(rune('a' + i))}
			case k < 4 && last.Seq > 0:
				last = merge.Sight{Seq: 10 * (i + 1), Kept: true}
			case k < 5 && last.Seq > 0 && r.IntN(3) == 0:
				last = merge.Sight{Seq: 10 * (i + 1), Gone: true}
			}
			if last.Seq > 0 {
				sights = append(sights, last)
			}
			if len(sights) > 0 {
				if m, changed := merge.See(original, sights[r.IntN(len(sights))]); true {
					if original = m; changed {
						net = append(net, offer())
					}
				}
			}
			if len(net) > 0 && r.IntN(2) == 0 {
				take(net[r.IntN(len(net))])
			}
		}
		original, _ = merge.See(original, last)
		if original.Hash != "" || original.Tombstone() {
			take(offer())
		}
		want := last.Hash
		if last.Gone || last.Kept {
			want = ""
		}
		if shown != want {
			t.Fatalf("seed %d: the copy shows %q, the original %q\n%+v\n%+v\nrepeat: go test ./shared/merge -run TestMembersConverge -seed=%d",
				*seed+n, shown, want, original, copied, *seed+n)
		}
	}
}
