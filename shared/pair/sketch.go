package pair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"drawbridge/shared/bridge"
)

// Limits within which two comments of the same short text, or a text with an author line before it, are one.
const (
	longText    = 24             // letters and digits from which a text is recognised by itself
	nearby      = 10 * 60 * 1000 // ms
	prefixLine  = 160            // bytes of a first line that may be an author line
	prefixColon = 120            // bytes of an author line that ends in a colon
	second      = 1000           // ms
)

// Sketch is enough of a member to recognise it on the other site.
func Sketch(m bridge.Member) bridge.Sketch {
	s := bridge.Sketch{Kind: m.Kind, ID: m.ID, Created: m.Created, Author: m.Author.Name, Started: m.Started / second, Seconds: m.Seconds}
	if m.Kind == bridge.Attachment {
		s.Name, s.Size, s.SHA256 = m.Name, m.Size, m.SHA256
		return s
	}
	for _, text := range cores(m.Body) {
		plain := letters(text)
		if plain == "" {
			continue
		}
		if len(s.Texts) == 0 {
			s.Long = len(plain) >= longText
		}
		sum := sha256.Sum256([]byte(plain))
		if id := hex.EncodeToString(sum[:8]); !slices.Contains(s.Texts, id) {
			s.Texts = append(s.Texts, id)
		}
	}
	return s
}

// cores are a text, and what is left of it without what may be an author line that another tool put before it.
func cores(text string) []string {
	text = strings.TrimSpace(text)
	out := []string{text}
	if line, rest, more := strings.Cut(text, "\n"); more && len(line) <= prefixLine {
		out = append(out, rest)
	}
	if i := strings.Index(text, ":"); i >= 0 && i <= prefixColon && !strings.Contains(text[:i], "\n") {
		out = append(out, text[i+1:])
	}
	return out
}

var mentioned = regexp.MustCompile(`\[~[^\]\n]{1,200}\]`)

// letters reduces a text to its letters and digits: Jira and tools change everything else.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, mentioned.ReplaceAllString(text, ""))
}

// Alike reports whether two members of two issues are one and the same: attachments by name, size and, where both are
// known, content; comments by text without an author line, short ones also by time or author; worklogs by when the work began,
// how long it took and their text, or where neither has one by author.
func Alike(a, b bridge.Sketch) bool {
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == bridge.Attachment:
		return a.Name == b.Name && a.Size == b.Size && (a.SHA256 == "" || b.SHA256 == "" || a.SHA256 == b.SHA256)
	case a.Kind == bridge.Worklog && (a.Started != b.Started || a.Seconds != b.Seconds):
		return false
	case a.Kind == bridge.Worklog && len(a.Texts) == 0 && len(b.Texts) == 0:
		return a.Author != "" && a.Author == b.Author
	case len(a.Texts) == 0 || len(b.Texts) == 0:
		return false
	}
	whole := func(x, y bridge.Sketch) bool {
		return slices.Contains(y.Texts, x.Texts[0]) && (x.Long || x.Kind == bridge.Worklog || near(x, y) || x.Author != "" && x.Author == y.Author)
	}
	return whole(a, b) || whole(b, a)
}

// within reports whether the whole of a stands in b behind an author line.
func within(a, b bridge.Sketch) bool {
	return len(a.Texts) > 0 && len(b.Texts) > 1 && slices.Contains(b.Texts[1:], a.Texts[0])
}

func near(a, b bridge.Sketch) bool { return distance(a, b) <= nearby }

func distance(a, b bridge.Sketch) int64 { return max(a.Created-b.Created, b.Created-a.Created) }

// A Match is one member that stands on both sites.
type Match struct{ Ours, Theirs bridge.Sketch }

// OursFirst reports whether ours is the original: what has an author line before it is the copy; else the older one is the
// original; of two equally old ones the public site's.
func (m Match) OursFirst(role bridge.Role) bool {
	if ours, theirs := within(m.Ours, m.Theirs), within(m.Theirs, m.Ours); ours != theirs {
		return ours
	}
	if m.Ours.Created != m.Theirs.Created {
		return m.Ours.Created < m.Theirs.Created
	}
	return role == bridge.Public
}

// Matches finds what stands on both sites, each member at most once, the nearest in time first.
func Matches(ours, theirs []bridge.Sketch) []Match {
	var all, out []Match
	for _, a := range ours {
		for _, b := range theirs {
			if Alike(a, b) {
				all = append(all, Match{a, b})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y Match) int {
		return int(min(1, max(-1, distance(x.Ours, x.Theirs)-distance(y.Ours, y.Theirs))))
	})
	used := map[string]bool{}
	for _, m := range all {
		a, b := "ours/"+MemberKey(m.Ours.Kind, m.Ours.ID), "theirs/"+MemberKey(m.Theirs.Kind, m.Theirs.ID)
		if !used[a] && !used[b] {
			used[a], used[b] = true, true
			out = append(out, m)
		}
	}
	return out
}

// sketches are of all originals that may leave.
func (p *Pair) sketches(ctx context.Context) ([]bridge.Sketch, error) {
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	var out []bridge.Sketch
	for _, o := range owns {
		if !o.Tombstone() {
			out = append(out, Sketch(o.Offer))
		}
	}
	return out, nil
}
