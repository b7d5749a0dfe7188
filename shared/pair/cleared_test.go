package pair

import (
	"testing"

	"drawbridge/shared/bridge"
)

// A value that was cleared is a value: read again, it must not be one that is not known.
func TestAClearedValueIsStoredAsOne(t *testing.T) {
	var f Field
	f.Mine = &bridge.Entry{Seq: 7, Saw: 3, Value: bridge.Cleared, Stamp: bridge.Stamp{At: 1, Site: bridge.Public, Policy: 1}, Rules: 2}
	raw, err := pack(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpack(raw)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Mine != *f.Mine {
		t.Errorf("stored %+v, read %+v from %s", *f.Mine, *got.Mine, raw)
	}
}
