package bridge

import (
	"regexp"
	"strings"
)

// verbatim opens a block of wiki markup whose content is shown as it is.
var verbatim = regexp.MustCompile(`\{(code|noformat)(?::[^}\n]*)?\}`)

// OutsideCode applies change to what stands outside the code blocks of a text in wiki markup. A block that is not closed is
// none, and a brace after a backslash begins none.
func OutsideCode(s string, change func(string) string) string {
	var b strings.Builder
	done, at, absent := 0, 0, "" // absent: what closes no block any more
	for {
		m := verbatim.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		start, inner := at+m[0], at+m[1]
		closing := "{" + s[at+m[2]:at+m[3]] + "}"
		if at = inner; start > 0 && s[start-1] == '\\' || strings.Contains(absent, closing) {
			continue
		}
		length := strings.Index(s[inner:], closing)
		if length < 0 {
			absent += closing
			continue
		}
		at += length + len(closing)
		b.WriteString(change(s[done:start]))
		b.WriteString(s[start:at])
		done = at
	}
	b.WriteString(change(s[done:]))
	return b.String()
}
