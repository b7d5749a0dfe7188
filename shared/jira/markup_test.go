package jira

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestMentions(t *testing.T) {
	const text = "Hi [~accountid:712020:a-b] and [~bob], [~bob]! \\[~no] {code}[~code]{code} {noformat}[~x] {code} [~y]{noformat} {code} [~carol] [~] [~a|b]"
	if got := Mentions(text); !slices.Equal(got, []string{"712020:a-b", "bob", "carol"}) {
		t.Errorf("%q", got)
	}
	got := ReplaceMentions("[~accountid:1:x] \\[~no] {code:go}[~c]{code} [~bob]", func(id string) string { return Mention(bridge.DataCenter, id+"2") })
	if want := "[~1:x2] \\[~no] {code:go}[~c]{code} [~bob2]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Mention(bridge.Cloud, "5:x"); got != "[~accountid:5:x]" || Mentions(got)[0] != "5:x" {
		t.Error(got)
	}
}

func TestFiles(t *testing.T) {
	const text = "Hello! World! !a b.png|width=300,alt=\"x\"! wow!see !c.png|thumbnail! [^d e.pdf] [name|^f.txt] !https://x/y.png! {noformat}!g.png!{noformat} \\!h.png! (!i.png!)"
	names := Files(text)
	for _, want := range []string{"a b.png", "c.png", "d e.pdf", "f.txt", "i.png"} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is missing in %q", want, names)
		}
	}
	for _, no := range []string{"g.png", "h.png", "https://x/y.png"} {
		if slices.Contains(names, no) {
			t.Errorf("%q is no file of the issue", no)
		}
	}
	got := RenameFiles(text, func(n string) string { return strings.Replace(n, ".", "-1.", 1) })
	want := "Hello! World! !a b-1.png|width=300,alt=\"x\"! wow!see !c-1.png|thumbnail! [^d e-1.pdf] [name|^f-1.txt] !https://x/y.png! {noformat}!g.png!{noformat} \\!h.png! (!i-1.png!)"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func FuzzMarkup(f *testing.F) {
	f.Add("[~a] !b.png|x! [^c] {code}[~d]{code} [x|y|smart-link] {noformat}")
	f.Fuzz(func(t *testing.T, s string) {
		if got := RenameFiles(s, func(n string) string { return n }); got != s {
			t.Errorf("renaming nothing changed %q to %q", s, got)
		}
		Mentions(s)
	})
}
