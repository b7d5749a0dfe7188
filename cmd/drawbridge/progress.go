package main

import (
	"fmt"
	"strings"
	"time"
)

// A progress shows how far long work is: a bar that redraws itself on a terminal, a line now and then elsewhere. It
// draws when it is told of a step, never by itself, so it does not fight with log lines.
type progress struct {
	s     *screen
	what  string
	drawn time.Time
	now   func() time.Time
}

const (
	barWidth  = 30
	barEvery  = 100 * time.Millisecond // redraw on a terminal
	lineEvery = 5 * time.Second        // a line elsewhere
)

func (s *screen) progress(what string) *progress { return &progress{s: s, what: what, now: time.Now} }

// step says that n of total are done; total 0: it is not known.
func (p *progress) step(n, total int) {
	pause := lineEvery
	if p.s.fancy {
		pause = barEvery
	}
	now := p.now()
	if now.Sub(p.drawn) < pause && (total == 0 || n < total) {
		return
	}
	p.drawn = now
	if p.s.fancy {
		fmt.Fprintf(p.s.err, "\r%s\x1b[K", p.bar(n, total))
		return
	}
	fmt.Fprintln(p.s.err, p.line(n, total))
}

// done ends the bar; what is printed next begins on a line of its own.
func (p *progress) done() {
	if p.s.fancy && !p.drawn.IsZero() {
		fmt.Fprintln(p.s.err)
	}
}

func (p *progress) bar(n, total int) string {
	if total <= 0 {
		return p.line(n, total)
	}
	full := barWidth * min(n, total) / total
	return fmt.Sprintf("%s %s%s %s", p.what, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), count(n, total))
}

func (p *progress) line(n, total int) string { return p.what + " " + count(n, total) }

func count(n, total int) string {
	if total <= 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d of %d (%d%%)", n, total, 100*min(n, total)/total)
}
