package pair

import (
	"testing"

	"drawbridge/shared/bridge"
)

func TestWhatStandsOnBothSidesIsRecognised(t *testing.T) {
	say := func(id, body, author string, at int64) bridge.Sketch {
		return Sketch(bridge.Member{Kind: bridge.Comment, ID: id, Body: body, Author: bridge.Person{Name: author}, Created: at})
	}
	file := func(id, name string, size int64, sum string) bridge.Sketch {
		return Sketch(bridge.Member{Kind: bridge.Attachment, ID: id, Name: name, Size: size, SHA256: sum})
	}
	const text, hour = "The printer burns on the second floor.", 3_600_000
	for _, c := range []struct {
		name         string
		ours, theirs bridge.Sketch
		same         bool
		oursFirst    bool
	}{
		{"the same text", say("1", text, "", 5), say("2", "The  printer burns\non the second floor.", "", 9), true, true},
		{"an author line on theirs", say("1", text, "", 5*hour), say("2", "*Ada* wrote on Monday:\n\n"+text, "", 0), true, true},
		{"an author line on ours", say("1", "Ada Lovelace: "+text, "", 0), say("2", text, "", hour), true, false},
		{"a mention written another way", say("1", text+" [~ada]", "", 0), say("2", text+" [~accountid:7:8]", "", 0), true, false},
		{"another text", say("1", text, "", 0), say("2", text+" Not.", "", 0), false, false},
		{"a short text, at another time", say("1", "ok", "", 0), say("2", "ok", "", hour), false, false},
		{"a short text, soon after", say("1", "ok", "", 0), say("2", "ok", "", 1000), true, true},
		{"a short text of the same author", say("1", "ok", "Ada", 0), say("2", "ok", "Ada", hour), true, true},
		{"nothing but signs", say("1", "!!", "", 0), say("2", "??", "", 0), false, false},
		{"the same file", file("1", "a.txt", 3, "ff"), file("2", "a.txt", 3, "ff"), true, false},
		{"another content", file("1", "a.txt", 3, "ff"), file("2", "a.txt", 3, "00"), false, false},
		{"content not known", file("1", "a.txt", 3, ""), file("2", "a.txt", 3, "00"), true, false},
		{"a file is no comment", file("1", "a.txt", 3, ""), say("2", "a.txt", "", 0), false, false},
	} {
		got := Matches([]bridge.Sketch{c.ours}, []bridge.Sketch{c.theirs})
		if (len(got) == 1) != c.same {
			t.Errorf("%s: recognised: %v", c.name, got)
		} else if c.same && got[0].OursFirst(bridge.Private) != c.oursFirst {
			t.Errorf("%s: ours is the original: %t", c.name, !c.oursFirst)
		}
	}
}

func TestEachMemberIsPairedOnce(t *testing.T) {
	at := func(id string, ms int64) bridge.Sketch {
		return Sketch(bridge.Member{Kind: bridge.Comment, ID: id, Body: "The very same long text, said twice.", Created: ms})
	}
	got := Matches([]bridge.Sketch{at("1", 10), at("2", 500)}, []bridge.Sketch{at("8", 505), at("9", 11), at("7", 9000)})
	if len(got) != 2 || got[0].Ours.ID+got[0].Theirs.ID != "19" || got[1].Ours.ID+got[1].Theirs.ID != "28" {
		t.Errorf("paired %v", got)
	}
}
