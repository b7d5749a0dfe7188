package jira

import (
	"bytes"
	"unicode/utf8"

	"drawbridge/shared/bridge"
)

// deepest is how deep a webhook body may be nested. The deepest recorded one has 8 levels; ADF in a custom field adds a few dozen.
const deepest = 100

// decent checks a body before any of it is decoded: its encoding, its end, its depth.
func decent(body []byte) error {
	switch trimmed := bytes.TrimSpace(body); {
	case len(trimmed) == 0:
		return bridge.Permanent("event-unreadable", "webhook body: empty; switch off \"exclude body\" in the webhook")
	case bytes.HasPrefix(body, []byte{0xEF, 0xBB, 0xBF}):
		return bridge.Permanent("event-unreadable", "webhook body: starts with a byte order mark: something between Jira and here rewrites it")
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}), bytes.HasPrefix(body, []byte{0xFE, 0xFF}), bytes.IndexByte(body[:min(4, len(body))], 0) >= 0:
		return bridge.Permanent("event-unreadable", "webhook body: written in UTF-16 or UTF-32, not in UTF-8")
	case bytes.HasPrefix(body, []byte{0x1F, 0x8B}):
		return bridge.Permanent("event-unreadable", "webhook body: compressed; Jira sends plain text")
	case !utf8.Valid(body):
		return bridge.Permanent("event-unreadable", "webhook body: not UTF-8 at byte %d", invalidAt(body))
	case trimmed[0] != '{':
		return bridge.Permanent("event-unreadable", "webhook body: not a JSON object")
	default:
		return nested(trimmed)
	}
}

func invalidAt(body []byte) int {
	at := 0
	for at < len(body) {
		r, n := utf8.DecodeRune(body[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return at
}

// nested walks over the brackets of a JSON text: too many open ones, or some still open at its end.
func nested(body []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > deepest {
				return bridge.Permanent("event-unreadable", "webhook body: nested deeper than %d levels", deepest)
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	if depth > 0 || quoted {
		return bridge.Permanent("event-unreadable", "webhook body: truncated after %d bytes", len(body))
	}
	return nil
}
