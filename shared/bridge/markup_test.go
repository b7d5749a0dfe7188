package bridge

import (
	"strings"
	"testing"
)

func TestOutsideCode(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"none":                               "NONE",
		"a {code}b{code} c":                  "A {code}b{code} C",
		"a {code:title=x|y}b{code}":          "A {code:title=x|y}b{code}",
		"{noformat:nopanel=true}a{noformat}": "{noformat:nopanel=true}a{noformat}",
		"{noformat}a {code} b{noformat} c":   "{noformat}a {code} b{noformat} C",
		"{code}a\n\nb{code}{code}c{code}":    "{code}a\n\nb{code}{code}c{code}",
		"a {code}b":                          "A {CODE}B",
		"a {noformat}b {code}c{code}":        "A {NOFORMAT}B {code}c{code}",
		`a \{code}b {code}c{code}`:           `A \{CODE}B {code}c{code}`,
		"{codex}a{codex}":                    "{CODEX}A{CODEX}",
	} {
		if got := OutsideCode(in, strings.ToUpper); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	many := strings.Repeat("{code:x}", 200_000)
	if got := OutsideCode(many, strings.ToUpper); got != strings.ToUpper(many) { // and in no time to speak of
		t.Errorf("blocks that nobody closes changed to %.50q", got)
	}
}
