package blob_test

import (
	"errors"
	"strings"
	"testing"

	"drawbridge/shared/blob"
	"drawbridge/shared/blob/blobtest"
	"drawbridge/shared/bridge"
)

func TestMemoryConformance(t *testing.T) {
	blobtest.Conformance(t, blobtest.Options{}, func(*testing.T) blob.Store { return blob.NewMemory() })
}

func TestMemoryFails(t *testing.T) {
	for f, there := range map[blob.Fault]bool{blob.FaultLost: false, blob.FaultAfter: true} {
		m := blob.NewMemory()
		m.Fail = func(n int) blob.Fault {
			if n == 1 {
				return f
			}
			return blob.FaultNone
		}
		_, err := m.Put(t.Context(), "k", strings.NewReader("abc"), 3, "")
		if !errors.Is(err, blob.ErrInjected) || !bridge.IsTemporary(err) {
			t.Errorf("fault %d: %v", f, err)
		}
		if _, err := m.Stat(t.Context(), "k"); (err == nil) != there {
			t.Errorf("after fault %d: Stat %v", f, err)
		}
	}
}
