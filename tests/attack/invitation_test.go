package attack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
)

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func sha256Of(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (h *hub) accept(id string, k sign.Key, a sign.AcceptRequest) answer {
	body := mustJSON(exchange.AcceptRequest{Protocol: 1, AcceptRequest: a})
	return h.send(h.signed(k, "POST", "/v1/invitations/"+id+"/accept", body))
}

func TestGuessingAnInvitation(t *testing.T) {
	h := newHub(t)
	inv := h.invite("c3", "x")
	for i := range 2 * sign.MaxAttempts {
		guess := sign.AcceptRequest{PollerID: "p", PublicKey: nobody.Public(), Proof: make([]byte, 64)}
		if a := h.accept(inv.ID, nobody, guess); a.status != 401 {
			t.Fatalf("guess %d: %d %s", i, a.status, a.body)
		}
	}
	if a := h.accept(inv.ID, poller1, inv.Accept("p", poller1.Public())); a.status != 401 {
		t.Errorf("after the guesses the right proof is answered %d %s", a.status, a.body)
	}
	if len(h.passed) != 0 {
		t.Errorf("passed on: %v", h.passed)
	}
}

func TestGuessingAnInvitationThatIsNone(t *testing.T) {
	h := newHub(t)
	real, body := h.invite("c3", "x"), sign.AcceptRequest{PollerID: "p", PublicKey: nobody.Public(), Proof: make([]byte, 64)}
	a, b := h.accept(real.ID, nobody, body), h.accept("no-such-invitation", nobody, body)
	if a.status != b.status || a.body != b.body {
		t.Errorf("an invitation that exists is answered %d %s, one that does not %d %s", a.status, a.body, b.status, b.body)
	}
}

func TestStolenAcceptanceIsWorthNothing(t *testing.T) {
	h := newHub(t)
	inv := h.invite("c3", "x")
	seen := inv.Accept("p", poller1.Public()) // what a proxy that opens TLS sees
	for name, c := range map[string]struct {
		by   sign.Key
		with sign.AcceptRequest
	}{
		"proof for one's own key":     {nobody, sign.AcceptRequest{PollerID: "p", PublicKey: nobody.Public(), Proof: seen.Proof}},
		"proof for the key of others": {nobody, seen},
		"other poller id":             {poller1, sign.AcceptRequest{PollerID: "q", PublicKey: poller1.Public(), Proof: seen.Proof}},
	} {
		if a := h.accept(inv.ID, c.by, c.with); a.status != 401 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	other := h.invite("c4", "y")
	if a := h.accept(other.ID, poller1, seen); a.status != 401 {
		t.Errorf("proof of another invitation: %d %s", a.status, a.body)
	}
}

func TestReuseAndExpiry(t *testing.T) {
	h := newHub(t)
	inv := h.invite("c3", "x")
	if a := h.accept(inv.ID, poller1, inv.Accept("p", poller1.Public())); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := h.accept(inv.ID, nobody, inv.Accept("p", nobody.Public())); a.status != 403 {
		t.Errorf("with another key: %d %s", a.status, a.body)
	}
	late := h.invite("c4", "y")
	h.wait(time.Hour)
	if a := h.accept(late.ID, nobody, late.Accept("p", nobody.Public())); a.status != 403 {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	if a := h.accept(late.ID, nobody, sign.AcceptRequest{PollerID: "p", PublicKey: nobody.Public()}); a.status != 401 {
		t.Errorf("expired, and no secret: %d %s", a.status, a.body)
	}
}

func TestRaceOfTwoAcceptances(t *testing.T) {
	for round := range 20 {
		h := newHub(t)
		inv := h.invite("c3", "x")
		won := make(chan sign.Key, 2)
		for _, k := range []sign.Key{poller1, nobody} {
			go func() {
				_, err := h.client(inv, k).Accept(context.Background(), inv, "p", exchange.Site{})
				if err != nil && bridge.NameOf(err) != "hub-invitation" {
					t.Errorf("round %d: %v", round, err)
				}
				if err != nil {
					k = sign.Key{}
				}
				won <- k
			}()
		}
		a, b := <-won, <-won
		if a.IsZero() == b.IsZero() {
			t.Fatalf("round %d: both or none of two keys were accepted", round)
		}
		if b.IsZero() {
			b = a
		}
		p, err := h.handler.Book.Poller(context.Background(), "c3")
		if err != nil || p.KeyID != b.ID() {
			t.Fatalf("round %d: told one it was accepted and stored the other: %+v, %v", round, p, err)
		}
	}
}

func TestTheSecretIsNowhereAtTheHub(t *testing.T) {
	h := newHub(t)
	inv := h.invite("c3", "Q") // its secret is 32 times Q
	if a := h.accept(inv.ID, poller1, inv.Accept("p", poller1.Public())); a.status != 200 {
		t.Fatal(a)
	}
	all := h.stored() + h.log.String()
	for _, form := range []string{strings.Repeat("Q", 20), "UVFRUVFRUVFR" + "UVFRUVFRUVFRUVFR", "5151515151515151515151515151"} {
		if strings.Contains(all, form) {
			t.Errorf("the secret is stored or logged, as %.10s…", form)
		}
	}
}
