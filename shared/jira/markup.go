package jira

import (
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
)

var (
	mention = regexp.MustCompile(`\[~([^\]\[\n|]{1,300})\]`)
	image   = regexp.MustCompile(`!([^!\s|\n][^!|\n]{0,254})(\|[^!\n]{0,300})?!`)
	file    = regexp.MustCompile(`\[((?:[^\[\]\n|^]+\|)?)\^([^\[\]\n|]{1,255})\]`)
)

const accountPrefix = "accountid:"

// Mention writes a mention of a user for a flavour.
func Mention(fl bridge.Flavour, id string) string {
	if fl == bridge.Cloud {
		return "[~" + accountPrefix + id + "]"
	}
	return "[~" + id + "]"
}

// Mentions are the users a text mentions, by account id or user name, in order and each once. Code blocks mention nobody.
func Mentions(s string) []string {
	var ids []string
	seen := map[string]bool{}
	ReplaceMentions(s, func(id string) string {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
		return ""
	})
	return ids
}

// ReplaceMentions replaces each mention by what with returns for its user: another mention (see Mention), or plain text.
func ReplaceMentions(s string, with func(id string) string) string {
	return bridge.OutsideCode(s, func(part string) string {
		return replace(part, mention, func(_ byte, m []string) (string, bool) {
			return with(strings.TrimPrefix(m[1], accountPrefix)), true
		})
	})
}

// Files are the names of attachments a text refers to, in order and each once: "!a.png|width=300!", "[^b.pdf]". A text between
// two exclamation marks may look like one.
func Files(s string) []string {
	var names []string
	seen := map[string]bool{}
	RenameFiles(s, func(name string) string {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		return name
	})
	return names
}

// RenameFiles changes the names of the attachments a text refers to, and keeps everything else of the references. name
// returns a name it does not know as it is.
func RenameFiles(s string, name func(old string) string) string {
	return bridge.OutsideCode(s, func(part string) string {
		part = replace(part, image, func(before byte, m []string) (string, bool) {
			if letter(before) || strings.HasSuffix(m[1], " ") || strings.Contains(m[1], "://") {
				return "", false // an exclamation, or a picture from elsewhere
			}
			return "!" + name(m[1]) + m[2] + "!", true
		})
		return replace(part, file, func(_ byte, m []string) (string, bool) { return "[" + m[1] + "^" + name(m[2]) + "]", true })
	})
}

// replace applies change to every match that is not escaped by a backslash and that change takes for one.
func replace(s string, re *regexp.Regexp, change func(before byte, groups []string) (string, bool)) string {
	var b strings.Builder
	for at := 0; ; {
		m := re.FindStringSubmatchIndex(s[at:])
		if m == nil {
			b.WriteString(s[at:])
			return b.String()
		}
		start, end := at+m[0], at+m[1]
		before := byte(' ')
		if start > 0 {
			before = s[start-1]
		}
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = s[at+m[2*i] : at+m[2*i+1]]
			}
		}
		with, taken := "", before != '\\'
		if taken {
			with, taken = change(before, groups)
		}
		if !taken {
			b.WriteString(s[at : start+1])
			at = start + 1
			continue
		}
		b.WriteString(s[at:start])
		b.WriteString(with)
		at = end
	}
}
