package jira

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/walk"
)

// text is a string that some answers write as a number or leave null.
type text string

// UnmarshalJSON cannot fail.
func (t *text) UnmarshalJSON(raw []byte) error {
	*t = text(word(raw))
	return nil
}

// word reads a text.
func word(raw []byte) string {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"':
		return walk.Text(raw)
	case raw[0] == '{' || raw[0] == '[':
		return "" // a document where a word was expected: nothing we could use
	}
	return string(raw)
}

// bare is what stands between the quotes of a number, a time or a truth, where there are any.
func bare(raw []byte) string { return strings.Trim(string(raw), `"`) }

// truth is a boolean that old bodies write as "true".
type truth bool

// UnmarshalJSON cannot fail.
func (b *truth) UnmarshalJSON(raw []byte) error {
	*b = truth(bare(raw) == "true")
	return nil
}

// truthOf reads a truth; nil is none.
func truthOf(raw []byte) *truth {
	if string(raw) == "null" {
		return nil
	}
	t := truth(bare(raw) == "true")
	return &t
}

// number is an integer that bodies also write as a string; anything else is 0.
type number int64

// UnmarshalJSON cannot fail.
func (n *number) UnmarshalJSON(raw []byte) error {
	*n = number(integer(raw))
	return nil
}

func integer(raw []byte) int64 {
	i, err := strconv.ParseInt(bare(raw), 10, 64)
	if err != nil {
		return 0
	}
	return i
}

// moment is a time, see timeOf.
type moment struct{ time.Time }

// UnmarshalJSON cannot fail.
func (m *moment) UnmarshalJSON(raw []byte) error {
	m.Time = timeOf(raw)
	return nil
}

// timeOf reads a time as Jira writes one: with or without milliseconds, any notation of the offset, or milliseconds since
// 1970. What cannot be read is the zero time.
func timeOf(raw []byte) time.Time {
	s := bare(raw)
	if s == "" || s == "null" {
		return time.Time{}
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC()
	}
	t, _ := ParseTime(s)
	return t
}

var layouts = []string{"2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04Z0700",
	"2006-01-02T15:04Z07:00"}

// ParseTime reads a time as Jira writes one, into UTC: "2026-11-21T10:00:00.000+0000", with "Z" or "+05:30", with or
// without milliseconds.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: not written as Jira writes times", s)
}

// FormatTime writes a time as both flavours accept it.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }
