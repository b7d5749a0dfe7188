package sign_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

func TestKeyTexts(t *testing.T) {
	text, err := poller.MarshalText()
	if err != nil || !regexp.MustCompile(`^drawbridge-private-key\.[A-Za-z0-9_-]{43}$`).Match(text) {
		t.Fatalf("%v", err)
	}
	again, err := sign.ParseKey(string(text) + "\n")
	if err != nil || again.Public() != poller.Public() {
		t.Errorf("private: %v", err)
	}
	public, err := sign.ParsePublicKey(poller.Public().String())
	if err != nil || public != poller.Public() || public.ID() != poller.ID() {
		t.Errorf("public: %v", err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(poller.ID()) || poller.ID() == other.ID() {
		t.Errorf("id %q", poller.ID())
	}
}

func TestBadKeyTextsAreRefusedWithoutQuotingThem(t *testing.T) {
	good, _ := poller.MarshalText()
	secret := strings.TrimPrefix(string(good), "drawbridge-private-key.")
	for _, text := range []string{"", "x", secret, string(good[:len(good)-1]), string(good) + "A", "drawbridge-public-key." + secret,
		"drawbridge-private-key." + secret[:20] + "\n" + secret[20:], "drawbridge-private-key." + strings.Repeat("=", 43)} {
		_, err := sign.ParseKey(text)
		if err == nil || strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := sign.ParsePublicKey("drawbridge-private-key." + secret); err == nil {
		t.Error("a private key was read as a public one")
	}
	if _, err := (sign.Key{}).MarshalText(); err == nil {
		t.Error("the zero key has a text")
	}
}

func TestSecretsArePrintedNowhere(t *testing.T) {
	inv := invitation(t)
	keyText, _ := poller.MarshalText()
	secrets := []string{strings.TrimPrefix(string(keyText), "drawbridge-private-key."), "BwcHBwcH"}
	for name, v := range map[string]any{"key": poller, "key pointer": &poller, "in a struct": struct{ K sign.Key }{poller},
		"invitation": inv, "invitation pointer": &inv, "secret": inv.Secret} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "k", poller, "s", inv.Secret)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		for _, secret := range secrets {
			if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "7 7 7 7") || strings.Contains(log.String(), "07070707") {
				t.Errorf("%s: printed: %s", name, &log)
			}
		}
	}
	out, err := json.Marshal(inv)
	if err != nil || strings.Contains(string(out), secrets[1]) {
		t.Errorf("JSON of an invitation: %s, %v", out, err)
	}
}

func TestShortRandomnessIsAnError(t *testing.T) {
	short := strings.NewReader("too short")
	if _, err := sign.NewKey(short); err == nil {
		t.Error("key")
	}
	if _, err := sign.NewNonce(short); err == nil {
		t.Error("nonce")
	}
	if _, err := sign.NewInvitation(short, "https://hub", hub.Public(), "c1", now); err == nil {
		t.Error("invitation")
	}
}

func TestNonceCanBeSignedWith(t *testing.T) {
	n, err := sign.NewNonce(bytes.NewReader(bytes.Repeat([]byte{0xfb}, 16)))
	if err != nil || len(n) != 22 {
		t.Fatalf("%q, %v", n, err)
	}
	r := request(t)
	if err := sign.SignRequest(r, body, poller, authority, now, n); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	r := sign.NewRotation("c1", poller, other)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got sign.Rotation
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if key, err := got.Verify("c1", poller.Public()); err != nil || key != other.Public() {
		t.Errorf("%v", err)
	}
	for name, bad := range map[string]func(*sign.Rotation){
		"subject": func(r *sign.Rotation) { r.Subject = "c2" },
		"new":     func(r *sign.Rotation) { r.New = hub.Public() },
		"by old":  func(r *sign.Rotation) { r.ByOld = r.ByNew },
		"by new":  func(r *sign.Rotation) { r.ByNew = r.ByOld },
		"no sig":  func(r *sign.Rotation) { r.ByNew = nil },
		"old":     func(r *sign.Rotation) { r.Old = hub.ID() },
	} {
		r := got
		bad(&r)
		if _, err := r.Verify("c1", poller.Public()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := got.Verify("c1", hub.Public()); err == nil {
		t.Error("a rotation of another key was accepted")
	}
	if _, err := sign.NewRotation("c1", poller, poller).Verify("c1", poller.Public()); err == nil {
		t.Error("a rotation to the same key was accepted")
	}
}

func TestClockLearnsTheHubsTime(t *testing.T) {
	var c sign.Clock
	if _, known := c.Offset(); known || !c.At(now).Equal(now) {
		t.Error("a new clock has an offset")
	}
	hubTime := now.Add(13 * time.Minute)
	if !c.Learn(hubTime, now.Add(-time.Second), now.Add(time.Second)) {
		t.Error("nothing learnt")
	}
	if off, _ := c.Offset(); off != 13*time.Minute+0 || !c.At(now.Add(time.Hour)).Equal(hubTime.Add(time.Hour)) {
		t.Errorf("offset %s", off)
	}
	if c.Learn(now, now, now.Add(31*time.Second)) || c.Learn(now, now.Add(time.Second), now) {
		t.Error("learnt from a round trip that is too long or negative")
	}
	if off, _ := c.Offset(); off != 13*time.Minute {
		t.Errorf("offset %s after bad samples", off)
	}
}
