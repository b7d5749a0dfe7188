package apply

import (
	"fmt"
	"reflect"
	"testing"

	"drawbridge/shared/pair"
)

// TestBlamed has a message that names one element of a set: its neighbours are written all the same.
func TestBlamed(t *testing.T) {
	writes := map[string]pair.IntendedWrite{
		"components/Docs": {Field: "components", Local: "Docs"}, "components/Flux": {Field: "components", Local: "Flux"}, "summary": {Field: "summary"},
	}
	for _, c := range []struct {
		id, why     string
		keys, names []string
	}{
		{"components", "Component name 'Flux' is not valid", []string{"components/Flux"}, []string{"Flux"}},
		{"components", "Not today", []string{"components/Docs", "components/Flux"}, nil},
		{"components", "Neither Docs nor Flux", []string{"components/Docs", "components/Flux"}, nil},
		{"summary", "Too long", []string{"summary"}, nil},
	} {
		keys, names := blamed(writes, c.id, c.why)
		if len(keys) != len(c.keys) || !reflect.DeepEqual(names, c.names) {
			t.Errorf("%s: %v %v", c.why, keys, names)
		}
	}
	for _, wire := range []any{"Flux", map[string]any{"name": "Flux"}, map[string]string{"name": "Flux"}, map[string]any{"add": map[string]any{"name": "Flux"}}} {
		if !named(wire, []string{"Flux"}) || named(wire, []string{"Docs"}) {
			t.Error(fmt.Sprint(wire))
		}
	}
}
