package exchange

import (
	"fmt"
	"testing"

	"drawbridge/shared/bridge"
)

func TestQuestionsAreBounded(t *testing.T) {
	many := make([]bridge.Question, MaxAsks+1)
	for i := range many {
		many[i].ID = fmt.Sprint(i)
	}
	for _, c := range []struct {
		name string
		a    Asking
		good bool
	}{
		{"none", Asking{}, true},
		{"one", Asking{Asks: many[:1], Told: []bridge.Preview{{ID: "x"}}}, true},
		{"too many", Asking{Asks: many}, false},
		{"an id that is none", Asking{Asks: []bridge.Question{{ID: "../x"}}}, false},
		{"of another connection", Asking{Asks: []bridge.Question{{ID: "1", Connection: "other"}}}, false},
		{"an answer for another connection", Asking{Told: []bridge.Preview{{ID: "1", Connection: "other"}}}, false},
	} {
		err := c.a.checkAsks("c1")
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.good && len(c.a.Asks) > 0 && (c.a.Asks[0].Connection != "c1" || c.a.Asks[0].Change.Connection != "c1") {
			t.Errorf("%s: it speaks of %q", c.name, c.a.Asks[0].Connection)
		}
	}
}
