package main

import (
	"strings"
	"testing"
)

func TestWhoHasToUpgrade(t *testing.T) {
	for _, c := range []struct{ here, there, want string }{
		{"v1.4.2", "v1.4.0", ""}, {"1.4.0", "1.5.9", ""}, {"1.5.0", "1.4.9", ""}, {"dev", "1.2.0", ""}, {"1.2.0", "", ""}, {"v1.4.0-3-gabc", "v1.3.0", ""},
		{"1.2.0", "1.4.0", "this poller has to upgrade"}, {"1.4.0", "1.2.0", "the other side has to upgrade"}, {"2.0.0", "1.9.0", "the other side has to upgrade"},
		{"1.9.0", "v2.0.0", "this poller has to upgrade"},
	} {
		if got := behind(c.here, c.there, "support", "poller"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("here %s, there %s: %q, want %q", c.here, c.there, got, c.want)
		}
	}
}
