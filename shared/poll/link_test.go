package poll

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

func invitation(t *testing.T, seed string) sign.Invitation {
	t.Helper()
	hub, err := sign.NewKey(rand.Reader)
	if err == nil {
		var inv sign.Invitation
		if inv, err = sign.NewInvitation(strings.NewReader(strings.Repeat(seed, 44)), "https://hub.example", hub.Public(), "c1", time.Now().Add(time.Hour)); err == nil {
			return inv
		}
	}
	t.Fatal(err)
	return sign.Invitation{}
}

// TestEveryInvitationHasItsOwnKey: a new invitation means a new key, tried again the same; the one in force stays until then.
func TestEveryInvitationHasItsOwnKey(t *testing.T) {
	first, second := invitation(t, "x"), invitation(t, "y")
	link := func(l Link, inv sign.Invitation) (then, now Link) {
		t.Helper()
		then, now, err := l.For(inv, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return then, now
	}
	joined, stored := link(Link{}, first)
	if again, _ := link(stored, first); again.Key.ID() != joined.Key.ID() {
		t.Error("an acceptance whose answer was lost is tried again with another key")
	}
	if again, _ := link(joined, first); again.Key.ID() != joined.Key.ID() {
		t.Error("the code said again changes the key")
	}
	next, meanwhile := link(joined, second)
	if meanwhile.Key.ID() != joined.Key.ID() || meanwhile.HubKey != joined.HubKey {
		t.Error("the key in force went before another was accepted")
	}
	if next.Key.ID() == joined.Key.ID() || next.HubKey != second.HubKey || next.Next != nil {
		t.Error("a new invitation was accepted with the old key")
	}
	if again, _ := link(meanwhile, second); again.Key.ID() != next.Key.ID() {
		t.Error("the second acceptance is tried again with another key")
	}
}
