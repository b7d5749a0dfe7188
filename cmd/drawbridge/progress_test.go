package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name  string
		fancy bool
		want  []string
	}{
		{"lines", false, []string{"pairs 0 of 4 (0%)\n", "pairs 4 of 4 (100%)\n"}},
		{"bar", true, []string{"\rpairs " + strings.Repeat("░", 30) + " 0 of 4 (0%)\x1b[K", "\rpairs " + strings.Repeat("█", 30) + " 4 of 4 (100%)\x1b[K\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			now := time.Unix(0, 0)
			p := (&screen{err: &out, fancy: c.fancy}).progress("pairs")
			p.now = func() time.Time { now = now.Add(time.Millisecond); return now }
			for n := range 5 {
				p.step(n, 4)
			}
			p.done()
			if got, want := out.String(), strings.Join(c.want, ""); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestProgressWithoutTotal(t *testing.T) {
	var out bytes.Buffer
	p := (&screen{err: &out}).progress("found")
	p.step(7, 0)
	if got := out.String(); got != "found 7\n" {
		t.Errorf("got %q", got)
	}
}
