package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestPairsOfAFile(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{"sup-1,OPS-1\nSUP-2, ops-2\n", "[[SUP-1 OPS-1] [SUP-2 OPS-2]]", ""},
		{"here,there\n# a comment\nSUP-1,OPS-1,whatever\n", "[[SUP-1 OPS-1]]", ""},
		{"SUP-1\nSUP-2,OPS-2\n,OPS-3\n", "[[SUP-2 OPS-2]]", "pairs.csv:1: \"SUP-1\" is not two keys\npairs.csv:3: \",OPS-3\" is not two keys"},
		{"", "[]", ""},
	} {
		got, err := readPairs("pairs.csv", strings.NewReader(c.text))
		said := ""
		if err != nil {
			said = err.Error()
		}
		if fmt.Sprint(got) != c.want || said != c.wrong {
			t.Errorf("%q: %v, %q; want %s, %q", c.text, got, said, c.want, c.wrong)
		}
	}
}
