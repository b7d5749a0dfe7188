package rule

import (
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
)

// Text we add is marked by these brackets, which people do not type and which both flavours keep as they are.
const (
	addedOpen  = "⟪drawbridge: "
	addedClose = "⟫"
)

// Added marks a text as added by us: [StripAdded] takes it out again before the field travels back.
func Added(text string) string {
	if text == "" {
		return ""
	}
	return addedOpen + strings.NewReplacer("⟪", "<", "⟫", ">").Replace(text) + addedClose
}

var addedText = regexp.MustCompile(`(^|\n{0,2})⟪drawbridge: [^⟫]*⟫`)

// StripAdded removes what we added to a text, with the blank line that set it apart. A text we added nothing to comes
// back unchanged.
func StripAdded(text string) string {
	if !strings.Contains(text, "⟪drawbridge: ") {
		return text
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for strings.HasPrefix(text, addedOpen) {
		_, rest, closed := strings.Cut(text, addedClose)
		if !closed {
			return text
		}
		text = trimBreaks(rest)
	}
	return addedText.ReplaceAllString(text, "")
}

// trimBreaks takes away at most two line breaks.
func trimBreaks(s string) string {
	for range 2 {
		s = strings.TrimPrefix(s, "\n")
	}
	return s
}

// Mentions: local [~name], [~accountid:id]; travelling [~@Display Name] or [~@Display Name|id].
var mention = regexp.MustCompile(`\[~([^\[\]\n]{1,200})\]`)

// TextOut makes a text of this site fit to leave: a mention becomes a neutral token that shows the display name and,
// only where the rules send ids, the id. It changes nothing when called again.
func (r *Rules) TextOut(body string, name func(id string) bridge.Person) string {
	return bridge.OutsideCode(body, func(s string) string {
		return mention.ReplaceAllStringFunc(s, func(m string) string {
			id := m[2 : len(m)-1]
			if strings.HasPrefix(id, "@") {
				return m
			}
			return r.mentionOut(strings.TrimPrefix(id, "accountid:"), name)
		})
	})
}

func (r *Rules) mentionOut(id string, name func(id string) bridge.Person) string {
	p := bridge.Person{ID: id}
	if name != nil {
		p = name(id)
		p.ID = id
	}
	out := r.Person(p)
	if out.Name == "" {
		out.Name = "someone"
	}
	shown := strings.NewReplacer("|", "/", "[", "(", "]", ")", "\n", " ").Replace(out.Name)
	if out.ID != "" {
		return "[~@" + shown + "|" + out.ID + "]"
	}
	return "[~@" + shown + "]"
}

// TextIn makes a text of the other site fit for this one: a token becomes a mention of the local user the table names,
// or plain "@Display Name"; a mention in the notation of a Jira can reach nobody here.
func (r *Rules) TextIn(body string) string {
	return bridge.OutsideCode(body, func(s string) string {
		s = mention.ReplaceAllStringFunc(s, func(m string) string { return r.mentionIn(m[2 : len(m)-1]) })
		if r.site.Flavour == bridge.DataCenter {
			s = smartLink.ReplaceAllString(s, "[$1]")
		}
		return s
	})
}

func (r *Rules) mentionIn(token string) string {
	token, ours := strings.CutPrefix(token, "@")
	if !ours {
		return "@" + strings.TrimPrefix(token, "accountid:")
	}
	name, id, _ := strings.Cut(token, "|")
	local := r.users.localFor(bridge.Person{Name: name, ID: id})
	switch {
	case local == "" || r.users.plain:
		return "@" + name
	case r.site.Flavour == bridge.Cloud:
		return "[~accountid:" + local + "]"
	}
	return "[~" + local + "]"
}

// smartLink is Cloud's way to write a link that shows a card; Data Center takes its third part for a tip.
var smartLink = regexp.MustCompile(`\[([^|\[\]\n]+\|[^|\[\]\n]+)\|smart-(?:link|card|embed)\]`)
