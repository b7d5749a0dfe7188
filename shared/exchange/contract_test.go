package exchange

import (
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// TestContractsAreBounded: one that is too large is refused, and what is taken drives no terminal.
func TestContractsAreBounded(t *testing.T) {
	c := &Contracts{Contract: &bridge.Contract{Sends: bridge.Terms{
		Fields:  []bridge.Term{{Key: "a\x1b[2Jb", Kind: "na\nme", Values: []string{strings.Repeat("ä", 300), "x\ry"}}},
		Members: []bridge.MemberKind{"comment\x07"},
	}}}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	want := `{[{a [2Jb na me [` + strings.Repeat("ä", 255) + ` x y]}] [comment ]}`
	if got := fmt.Sprint(c.Contract.Sends); got != want {
		t.Errorf("taken as %q", got)
	}
	for range 1000 {
		c.Contract.Accepts.Fields = append(c.Contract.Accepts.Fields, bridge.Term{Key: strings.Repeat("k", 100)})
	}
	if err := c.check(); err == nil {
		t.Error("a contract of more than 100 KB is taken")
	}
	for _, none := range []*Contracts{nil, {}} {
		if err := none.check(); err != nil {
			t.Error(err)
		}
	}
}
