package world

import "testing"

func TestAnIssueCreatedOnEitherSideGetsATwin(t *testing.T) {
	w := New(t, Options{})
	for _, side := range []struct{ here, there *Half }{{w.Public, w.Private}, {w.Private, w.Public}} {
		key := side.here.Create("broken printer", map[string]any{"description": "it *smokes*", "labels": []string{"fire"}})
		w.Settle()
		twin := side.here.Twin(key)
		if twin == "" {
			t.Fatalf("%s has no twin", key)
		}
		if got := side.there.Field(twin, "summary"); got != `"broken printer"` {
			t.Errorf("summary of the twin is %s", got)
		}
		if got := side.there.Field(twin, "description"); got != `"it *smokes*"` {
			t.Errorf("description of the twin is %s", got)
		}
		if got := side.there.Field(twin, "labels"); got != `["fire"]` {
			t.Errorf("labels of the twin are %s", got)
		}
		if back := side.there.Twin(twin); back != key {
			t.Errorf("the twin's twin is %q, not %q", back, key)
		}
	}
}
