package jira

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// text is a string that some answers write as a number or leave null.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	switch {
	case bytes.Equal(raw, []byte("null")):
		*t = ""
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(s)
	case raw[0] == '{' || raw[0] == '[':
		*t = "" // a document where a word was expected: nothing we could use
	default:
		*t = text(raw)
	}
	return nil
}

// truth is a boolean that old bodies write as "true".
type truth bool

func (b *truth) UnmarshalJSON(raw []byte) error {
	*b = truth(strings.Trim(string(raw), `"`) == "true")
	return nil
}

// number is an integer that bodies also write as a string; anything else is 0.
type number int64

func (n *number) UnmarshalJSON(raw []byte) error {
	i, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		i = 0
	}
	*n = number(i)
	return nil
}

// moment is a time as Jira writes one: with or without milliseconds, any notation of the offset, or milliseconds since
// 1970. What cannot be read is the zero time.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(raw []byte) error {
	m.Time = time.Time{}
	s := strings.Trim(string(raw), `"`)
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		m.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	if t, err := ParseTime(s); err == nil {
		m.Time = t
	}
	return nil
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
