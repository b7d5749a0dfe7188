package adf

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var schemes = []string{"https://", "http://", "ftp://", "mailto:"}

// urlAt is the length of a bare address at i, 0 when there is none.
func urlAt(s string, i int) int {
	for _, scheme := range schemes {
		if !strings.HasPrefix(s[i:], scheme) || alnum(before(s, i)) {
			continue
		}
		end := strings.IndexFunc(s[i:], func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("|[]{}\"<>\\^`", r)
		})
		if end < 0 {
			end = len(s) - i
		}
		url := strings.TrimRight(s[i:i+end], ".,;:!?)*_-+~'&#")
		if len(url) > len(scheme) {
			return len(url)
		}
	}
	return 0
}

// linkAt splits [a|b|c] at i into its parts.
func linkAt(s string, i int) ([]string, int) {
	end := until(s, i+1, "]")
	if end <= i+1 {
		return nil, 0
	}
	var parts []string
	body := s[i+1 : end]
	for {
		bar := until(body, 0, "|")
		if bar < 0 {
			return append(parts, body), end + 1 - i
		}
		parts, body = append(parts, body[:bar]), body[bar+1:]
	}
}

var (
	address   = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*:|/|#)[^\s\\]+$`)
	dangerous = regexp.MustCompile(`(?i)^(javascript|data|vbscript):`)
	accountID = regexp.MustCompile(`^~accountid:([^\s\\|\[\]{}]+)$`)
	cards     = map[string]string{"smart-link": "inlineCard", "smart-card": "blockCard", "smart-embed": "embedCard"}
)

func isAddress(s string) bool { return address.MatchString(s) && !dangerous.MatchString(s) }

// bracketNode is what the parts of a bracket stand for, nil for plain text. A
// link is given by its mark alone.
func bracketNode(parts []string) *node {
	first := strings.TrimSpace(parts[0])
	switch {
	case len(parts) == 1 && accountID.MatchString(first):
		id := accountID.FindStringSubmatch(first)[1]
		return &node{Type: "mention", Attrs: map[string]any{"id": id}}
	case len(parts) == 1 && strings.HasPrefix(first, "^") && len(first) > 1:
		return &node{Type: "mediaInline", Attrs: map[string]any{"type": "file", "id": unescape(first[1:]), "collection": ""}}
	case len(parts) == 1 && isAddress(first):
		return text(first, link(first))
	case len(parts) < 2 || len(parts) > 3 || !isAddress(strings.TrimSpace(parts[1])):
		return nil
	}
	url := strings.TrimSpace(parts[1])
	if len(parts) == 3 && cards[parts[2]] != "" {
		n := &node{Type: "inlineCard", Attrs: map[string]any{"url": url}}
		if kind := cards[parts[2]]; kind != n.Type {
			n.lift = kind
		}
		return n
	}
	return text(url, link(url))
}

func (s *spans) bracket(i int) int {
	parts, n := linkAt(s.src, i)
	if n == 0 || has(s.marks, "link") {
		return 0
	}
	found := bracketNode(parts)
	if found == nil {
		return 0
	}
	if found.Type != "text" {
		s.add(found)
		return n
	}
	marks := with(s.marks, found.Marks[0])
	var inner []*node
	if len(parts) > 1 {
		inner = spanned(parts[0], marks, s.depth+1)
	}
	if len(inner) == 0 {
		inner = []*node{text(found.Text, marks...)}
	}
	s.add(inner...)
	return n
}

var (
	fileName = regexp.MustCompile(`^[^\s|!].*\.[A-Za-z0-9]{1,5}$`)
	imageURL = regexp.MustCompile(`^https?://[^\s\\]+$`)
)

// imageAt splits !name|params! at i.
func imageAt(s string, i int) ([2]string, int) {
	if alnum(before(s, i)) || unicode.IsSpace(after(s, i)) {
		return [2]string{}, 0
	}
	end := until(s, i+1, "!")
	if end < 0 {
		return [2]string{}, 0
	}
	name, params := s[i+1:end], ""
	if bar := until(name, 0, "|"); bar >= 0 {
		name, params = name[:bar], name[bar+1:]
	}
	if !imageURL.MatchString(name) && !fileName.MatchString(unescape(name)) {
		return [2]string{}, 0
	}
	return [2]string{name, params}, end + 1 - i
}

var imageParam = regexp.MustCompile(`(\w+)(?:=(?:"([^"]*)"|([^,"]*)))?`)

func (s *spans) image(i int) int {
	parts, n := imageAt(s.src, i)
	if n == 0 {
		return 0
	}
	img := &node{Type: "mediaInline", lift: "single", Attrs: map[string]any{"type": "image", "id": unescape(parts[0]), "collection": ""}}
	if imageURL.MatchString(parts[0]) {
		if s.depth > 0 || strings.TrimSpace(s.src) != s.src[i:i+n] { // only alone it is an image
			s.add(text(parts[0], with(s.marks, link(parts[0]))...))
			return n
		}
		img.Attrs = map[string]any{"type": "external", "url": parts[0]}
	}
	for _, p := range imageParam.FindAllStringSubmatch(parts[1], -1) {
		switch p[1] {
		case "thumbnail":
			img.lift = "group"
		case "width", "height":
			if v, err := strconv.ParseUint(p[3], 10, 16); err == nil && v > 0 {
				img.Attrs[p[1]] = json.Number(strconv.FormatUint(v, 10))
			}
		case "alt":
			if alt := strings.TrimSpace(unescape(p[2])); alt != "" {
				img.Attrs["alt"] = alt
			}
		}
	}
	s.add(img)
	return n
}
