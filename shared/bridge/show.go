package bridge

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Drives reports whether a character does something to whatever shows it, instead of being shown: control characters (C0, C1,
// delete), those that turn text around, and Unicode's two line ends.
func Drives(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Shown is a text from outside as people may see it: what drives a screen is left out, but for line ends and tabs. Values are
// never changed by it, only what is shown of them.
func Shown(text string) string {
	return strings.Map(func(r rune) rune {
		if Drives(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// OneLine is a text from outside where it must not begin a line of its own: a header, a list, a log.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if Drives(r) {
			return ' '
		}
		return r
	}, text)
}

// Shown is an issue of the other site as people here may see and click it. A key is one word; an address leads to a web page
// and holds nothing that ends a link in wiki markup. What is neither is left out, as if it had not been sent.
func (r Ref) Shown() Ref {
	if strings.ContainsFunc(r.Key, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '-' }) {
		r.Key = ""
	}
	if u, err := url.Parse(r.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsFunc(r.URL, endsLink) {
		r.URL = ""
	}
	return r
}

func endsLink(c rune) bool {
	return Drives(c) || unicode.IsSpace(c) || strings.ContainsRune("[]{}|\"<>\\^`", c)
}

// EscapeJSON writes what drives a screen as \u escapes. In JSON such characters stand in strings only, so every value stays what
// it is; encoding/json escapes C0 by itself, and leaves C1, delete and what turns text around.
func EscapeJSON(doc []byte) []byte {
	if !bytes.ContainsFunc(doc, drivesInJSON) {
		return doc
	}
	out := make([]byte, 0, len(doc)+32)
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		if drivesInJSON(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, doc[:n]...)
		}
		doc = doc[n:]
	}
	return out
}

// drivesInJSON leaves alone what stands between values.
func drivesInJSON(r rune) bool { return r >= 0x7f && Drives(r) }

// JSONWriter passes whole JSON documents, or lines of them, on through [EscapeJSON].
type JSONWriter struct{ To io.Writer }

// Write reports the length of what it was given, whatever became of it.
func (w JSONWriter) Write(doc []byte) (int, error) {
	if _, err := w.To.Write(EscapeJSON(doc)); err != nil {
		return 0, err
	}
	return len(doc), nil
}
