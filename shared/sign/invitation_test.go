package sign_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

func invitation(t testing.TB) sign.Invitation {
	t.Helper()
	inv, err := sign.NewInvitation(bytes.NewReader(append(bytes.Repeat([]byte{9}, 12), bytes.Repeat([]byte{7}, 32)...)), "https://hub.example.com/base/", hub.Public(), "c1", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestCodeGivesTheInvitationBack(t *testing.T) {
	inv := invitation(t)
	code := inv.Code()
	if !strings.HasPrefix(code, "drawbridge1.") || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") != "" {
		t.Errorf("code %s", code)
	}
	wrapped := "  " + code[:70] + "\r\n\t" + code[70:140] + "\n" + code[140:] + " \n"
	for _, text := range []string{code, wrapped} {
		if got, err := sign.ParseInvitation(text); err != nil || got != inv {
			t.Errorf("%v: %+v", err, got)
		}
	}
	if inv.HubURL != "https://hub.example.com/base" {
		t.Errorf("hub URL %s", inv.HubURL)
	}
}

func TestEveryTruncationAndSlipIsNoticed(t *testing.T) {
	code := invitation(t).Code()
	for i := range code {
		if _, err := sign.ParseInvitation(code[:i]); err == nil {
			t.Fatalf("cut after %d: accepted", i)
		}
		slip := []byte(code)
		slip[i] ^= 1
		if _, err := sign.ParseInvitation(string(slip)); err == nil {
			t.Fatalf("slip at %d: accepted", i)
		}
	}
}

func TestBadCodesSayWhatIsWrong(t *testing.T) {
	code := invitation(t).Code()
	for _, c := range []struct{ code, want string }{
		{"", "empty"},
		{" \n", "empty"},
		{"drawbri", "cut off"},
		{"drawbridge1.", "cut off"},
		{code[:100], "cut off"},
		{code[:len(code)-1], "cut off"},
		{code + "x", "followed by something else"},
		{code + code, "followed by something else"},
		{strings.Replace(code, "A", "B", 1), "slip"},
		{"drawbridge2." + code[12:], "version"},
		{"https://hub.example.com", "not an invitation code"},
		{"drawbridge-private-key.xxx", "not an invitation code"},
		{strings.Repeat("A", 3000), "too long"},
		{strings.Repeat("A", 1<<20), "too long"},
		{strings.Repeat(" ", 1<<20), "too long"},
	} {
		_, err := sign.ParseInvitation(c.code)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.30q: %v, want %q", c.code, err, c.want)
		}
	}
}

func TestInvitationsThatCannotBeMade(t *testing.T) {
	for name, f := range map[string]func() (string, sign.PublicKey, string){
		"no key":          func() (string, sign.PublicKey, string) { return "https://hub", sign.PublicKey{}, "c1" },
		"no scheme":       func() (string, sign.PublicKey, string) { return "hub.example.com", hub.Public(), "c1" },
		"other scheme":    func() (string, sign.PublicKey, string) { return "file:///etc/passwd", hub.Public(), "c1" },
		"user in the URL": func() (string, sign.PublicKey, string) { return "https://u:p@hub", hub.Public(), "c1" },
		"query":           func() (string, sign.PublicKey, string) { return "https://hub?x=1", hub.Public(), "c1" },
		"path":            func() (string, sign.PublicKey, string) { return "https://hub/../x", hub.Public(), "c1" },
		"connection":      func() (string, sign.PublicKey, string) { return "https://hub", hub.Public(), "c/1" },
	} {
		url, key, connection := f()
		if _, err := sign.NewInvitation(bytes.NewReader(make([]byte, 64)), url, key, connection, now); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func TestPlain(t *testing.T) {
	for url, want := range map[string]bool{"https://hub": false, "http://localhost:1": false, "http://127.0.0.1:1": false,
		"http://[::1]:1": false, "http://hub": true, "http://10.0.0.1": true, "http://localhost.evil.example": true} {
		if got := (sign.Invitation{HubURL: url}).Plain(); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

func TestAcceptance(t *testing.T) {
	inv := invitation(t)
	fresh := inv.State()
	good := inv.Accept("poller-a", poller.Public())
	accepted, err := fresh.Accept(good, now)
	if err != nil || accepted.Key != poller.Public() || accepted.PollerID != "poller-a" || accepted.Accepted != now {
		t.Fatalf("%+v, %v", accepted, err)
	}
	for _, c := range []struct {
		name  string
		state sign.InvitationState
		by    sign.AcceptRequest
		at    time.Time
		want  error
	}{
		{"again, same key", accepted, good, now.Add(time.Minute), nil},
		{"again, same key, after expiry", accepted, good, now.Add(48 * time.Hour), nil},
		{"again, same key, revoked meanwhile", accepted.Revoke(now), good, now, nil},
		{"another key", accepted, inv.Accept("poller-a", other.Public()), now, sign.ErrUsed},
		{"another poller", accepted, inv.Accept("poller-b", poller.Public()), now, sign.ErrUsed},
		{"another key, no secret", accepted, sign.AcceptRequest{PollerID: "poller-a", PublicKey: other.Public(), Proof: good.Proof}, now, sign.ErrProof},
		{"expired", fresh, good, inv.Expires, sign.ErrExpired},
		{"revoked", fresh.Revoke(now), good, now, sign.ErrRevoked},
		{"expired, no secret", fresh, sign.AcceptRequest{PollerID: "p", PublicKey: other.Public()}, inv.Expires, sign.ErrProof},
		{"no key", fresh, inv.Accept("poller-a", sign.PublicKey{}), now, sign.ErrProof},
		{"odd poller", fresh, inv.Accept("a\nb", poller.Public()), now, sign.ErrProof},
		{"proof moved to another key", fresh, sign.AcceptRequest{PollerID: "poller-a", PublicKey: other.Public(), Proof: good.Proof}, now, sign.ErrProof},
		{"proof moved to another poller", fresh, sign.AcceptRequest{PollerID: "poller-b", PublicKey: poller.Public(), Proof: good.Proof}, now, sign.ErrProof},
		{"state without a hash", sign.InvitationState{ID: inv.ID, Expires: inv.Expires}, good, now, sign.ErrProof},
	} {
		next, err := c.state.Accept(c.by, c.at)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if next.Key != c.state.Key || next.Accepted != c.state.Accepted {
			t.Errorf("%s: changed who has accepted: %+v", c.name, next)
		}
	}
}

func TestProofOfOneInvitationIsWorthNothingForAnother(t *testing.T) {
	a := invitation(t)
	b := a
	b.ID = "another-id"
	if _, err := b.State().Accept(a.Accept("p", poller.Public()), now); !errors.Is(err, sign.ErrProof) {
		t.Error(err)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	inv := invitation(t)
	s := inv.State()
	for range sign.MaxAttempts {
		var err error
		if s, err = s.Accept(sign.AcceptRequest{PollerID: "p", PublicKey: other.Public(), Proof: make([]byte, 64)}, now); !errors.Is(err, sign.ErrProof) {
			t.Fatal(err)
		}
	}
	if _, err := s.Accept(inv.Accept("p", poller.Public()), now); !errors.Is(err, sign.ErrLocked) {
		t.Errorf("after %d guesses: %v", sign.MaxAttempts, err)
	}
	s.Attempts--
	if _, err := s.Accept(inv.Accept("p", poller.Public()), now); err != nil {
		t.Errorf("one guess earlier: %v", err)
	}
}

func TestOnlyWhoProvedTheSecretIsToldWhy(t *testing.T) {
	for err, want := range map[error]bool{sign.ErrProof: false, sign.ErrLocked: false, sign.ErrExpired: true, sign.ErrRevoked: true, sign.ErrUsed: true} {
		if sign.Proven(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}

func TestInvitationStateIsStoredWithoutTheSecret(t *testing.T) {
	inv := invitation(t)
	s, _ := inv.State().Accept(inv.Accept("p", poller.Public()), now)
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "BwcHBwcH") {
		t.Fatalf("%s, %v", text, err)
	}
	var again sign.InvitationState
	if err := json.Unmarshal(text, &again); err != nil || again != s {
		t.Errorf("%v\n got %+v\nwant %+v", err, again, s)
	}
	if _, err := again.Accept(inv.Accept("p", poller.Public()), now); err != nil {
		t.Errorf("after a round trip: %v", err)
	}
}
