package sign

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	codePrefix = "drawbridge1."
	codeFamily = "drawbridge"

	// maxCode bounds an invitation code before anything is parsed; ours have
	// about 400 characters.
	maxCode     = 2048
	checksumLen = 8
)

// Invitation is what the public side hands to the private side, once, out of
// band: where the hub is, which key it signs with, and a secret that proves the
// right to join one connection.
type Invitation struct {
	ID         string // random, stands in the path of the accept call
	Secret     Secret
	HubURL     string    // base URL, no query, no trailing slash
	HubKey     PublicKey // pinned: answers by any other key are refused
	Connection string
	Expires    time.Time // whole seconds
}

// NewInvitation makes an invitation from 44 bytes of rand.
func NewInvitation(rand io.Reader, hubURL string, hub PublicKey, connection string, expires time.Time) (Invitation, error) {
	b := make([]byte, 12+32)
	if _, err := io.ReadFull(rand, b); err != nil {
		return Invitation{}, fmt.Errorf("making an invitation: %w", err)
	}
	inv := Invitation{
		ID: encode(b[:12]), HubURL: strings.TrimRight(hubURL, "/"), HubKey: hub, Connection: connection,
		Expires: expires.UTC().Truncate(time.Second),
	}
	copy(inv.Secret.bytes[:], b[12:])
	if err := inv.check(); err != nil {
		return Invitation{}, fmt.Errorf("making an invitation: %w", err)
	}
	return inv, nil
}

// Secret is the secret of an invitation. It prints as "(redacted)"; only
// Invitation.Code gives it away.
type Secret struct {
	bytes [32]byte
}

// String, Format, LogValue and MarshalText keep the secret out of every text.
func (s Secret) String() string               { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// key derives the Ed25519 key whose public half the hub keeps as SecretHash.
func (s Secret) key() Key {
	sum := sha256.Sum256(append([]byte("drawbridge invitation secret\n"), s.bytes[:]...))
	return keyFromSeed(sum[:])
}

// SecretHash is the one-way image of a secret that the hub stores: the public
// key derived from it. Who steals it from the hub's table can neither accept the
// invitation nor recover the secret, and who watches an acceptance (a proxy that
// opens TLS) cannot register another key with what it saw.
type SecretHash struct {
	public PublicKey
}

// MarshalText and UnmarshalText give the hash a text for the hub's store.
func (h SecretHash) MarshalText() ([]byte, error)     { return h.public.MarshalText() }
func (h *SecretHash) UnmarshalText(text []byte) error { return h.public.UnmarshalText(text) }

// Hash returns what the hub has to store of the invitation.
func (inv Invitation) Hash() SecretHash { return SecretHash{inv.Secret.key().Public()} }

// Expired says whether the invitation is no longer good at now.
func (inv Invitation) Expired(now time.Time) bool { return !now.Before(inv.Expires) }

// Plain says whether the hub would be reached without TLS and outside this
// machine. Such an invitation is signed all the same, but what is synced could
// be read on the way: ask before using it.
func (inv Invitation) Plain() bool {
	u, err := url.Parse(inv.HubURL)
	if err != nil || u.Scheme == "https" {
		return err != nil
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// wire is the JSON inside a code.
type wire struct {
	ID         string    `json:"i"`
	Secret     string    `json:"s"`
	HubURL     string    `json:"u"`
	HubKey     PublicKey `json:"k"`
	Connection string    `json:"c"`
	Expires    int64     `json:"e"`
}

// Code returns the invitation as one line to copy and paste:
// "drawbridge1.", base64url of its content, a dot, 8 characters of checksum. It
// holds the secret: show it once, never log it.
func (inv Invitation) Code() string {
	content, err := json.Marshal(wire{inv.ID, encode(inv.Secret.bytes[:]), inv.HubURL, inv.HubKey, inv.Connection, inv.Expires.Unix()})
	if err != nil {
		panic(err) // strings, an integer and a public key
	}
	body := codePrefix + encode(content)
	return body + "." + checksum(body)
}

// checksum finds slips of the hand; the secret is what protects against people.
func checksum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return encode(sum[:6])
}

// ParseInvitation reads a code. Spaces and line breaks, as mail programs add
// them, are ignored. Its errors say what is wrong with the paste and never quote
// it. It does not look at the time; see Expired.
func ParseInvitation(code string) (Invitation, error) {
	if len(code) > 2*maxCode {
		return Invitation{}, errors.New("this is too long to be an invitation code")
	}
	content, err := openCode(strings.Join(strings.Fields(code), ""))
	if err != nil {
		return Invitation{}, err
	}
	inv, err := parseContent(content)
	if err != nil {
		return Invitation{}, fmt.Errorf("the invitation code is not one of ours: %w", err)
	}
	return inv, nil
}

func openCode(code string) ([]byte, error) {
	if code == "" {
		return nil, errors.New("the invitation code is empty")
	}
	if len(code) > maxCode {
		return nil, errors.New("this is too long to be an invitation code")
	}
	rest, ok := strings.CutPrefix(code, codePrefix)
	if !ok {
		return nil, prefixError(code)
	}
	payload, sum, ok := strings.Cut(rest, ".")
	if !ok || len(sum) < checksumLen {
		return nil, errors.New("the invitation code is cut off at the end: copy the whole line")
	}
	if len(sum) > checksumLen {
		return nil, errors.New("the invitation code is followed by something else: copy only the line itself")
	}
	if subtle.ConstantTimeCompare([]byte(checksum(codePrefix+payload)), []byte(sum)) != 1 {
		return nil, errors.New("the invitation code has a slip in it (its checksum does not fit): copy it again instead of typing it")
	}
	content, err := decode(payload)
	if err != nil {
		return nil, errors.New("the invitation code is not base64url")
	}
	return content, nil
}

func prefixError(code string) error {
	version, _, _ := strings.Cut(code, ".")
	number, ok := strings.CutPrefix(version, codeFamily)
	if ok && number != "" && strings.Trim(number, "0123456789") == "" && strings.Contains(code, ".") {
		return errors.New("the invitation code is of a version this program does not know: update it, or ask for a code from a matching hub")
	}
	if strings.HasPrefix(codePrefix, code) {
		return errors.New("the invitation code is cut off: copy the whole line")
	}
	return fmt.Errorf("this is not an invitation code: one starts with %q", codePrefix)
}

func parseContent(content []byte) (Invitation, error) {
	var w wire
	if err := json.Unmarshal(content, &w); err != nil {
		return Invitation{}, errors.New("its content is not readable")
	}
	inv := Invitation{ID: w.ID, HubURL: w.HubURL, HubKey: w.HubKey, Connection: w.Connection, Expires: time.Unix(w.Expires, 0).UTC()}
	secret, err := decode(w.Secret)
	if err != nil || len(secret) != len(inv.Secret.bytes) {
		return Invitation{}, errors.New("its secret has the wrong size")
	}
	copy(inv.Secret.bytes[:], secret)
	return inv, inv.check()
}

func (inv Invitation) check() error {
	switch {
	case !isToken(inv.ID):
		return errors.New("its id has characters it may not have")
	case !isToken(inv.Connection):
		return errors.New("the name of its connection has more than 64 characters or others than [A-Za-z0-9_-]")
	case inv.HubKey.IsZero():
		return errors.New("it names no hub key")
	case inv.Expires.Unix() <= 0 || inv.Expires.Unix() >= 1e11:
		return errors.New("its expiry is no sensible time")
	}
	return checkHubURL(inv.HubURL)
}

func checkHubURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > 512 || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return errors.New("its hub URL is not of the form https://host")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || !only(u.EscapedPath(), "/_-") || strings.HasSuffix(text, "/") {
		return errors.New("its hub URL has a user, a query, or a path of more than [A-Za-z0-9/_-]")
	}
	return nil
}
