package merge

import "drawbridge/shared/bridge"

// Settle is the joining of two issues that both existed: of two edits made without knowledge of each other the one named
// stands, as if a person had picked it. It travels like any other knowledge. Nothing changes unless both are known and
// neither saw the other.
func Settle(f Field, mine bool) Field {
	if f.Mine == nil || f.Theirs == nil || f.Mine.Saw >= f.Theirs.Seq || f.Theirs.Saw >= f.Mine.Seq {
		return f
	}
	if mine {
		e := *f.Mine
		e.Saw = f.Theirs.Seq
		f.Mine = &e
	} else {
		e := *f.Theirs
		e.Saw = f.Mine.Seq
		f.Theirs = &e
	}
	return f
}

// Prefer says whether our edit stands where two issues are joined: an empty value never does, so that joining takes
// nothing away; an element is in the set if either side has it; else who decides.
func Prefer(f Field, by bridge.Values) (mine bool) {
	if f.Mine == nil || f.Theirs == nil {
		return f.Mine != nil
	}
	ours, theirs := vacant(f.Mine.Value), vacant(f.Theirs.Value)
	switch {
	case ours != theirs:
		return theirs
	case by == bridge.ByNewest:
		return f.Mine.Stamp.Compare(f.Theirs.Stamp) > 0
	}
	return f.Mine.Stamp.Site == bridge.Role(by)
}

func vacant(v bridge.Value) bool {
	return v.Empty() || v == bridge.False || v == `""` || v == "[]"
}
