package sign

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Prefixes of the texts of keys, so that a key pasted into the wrong place is
// recognised, and a private key in a log is found by a plain search.
const (
	privatePrefix = "drawbridge-private-key."
	publicPrefix  = "drawbridge-public-key."
)

const redacted = "(redacted)"

// Key is an Ed25519 private key. It prints as "(redacted)" under every verb and
// in structured logs; MarshalText is the one way to get at the secret. The zero
// Key signs nothing.
type Key struct {
	private ed25519.PrivateKey
}

// NewKey makes a key from 32 bytes of rand.
func NewKey(rand io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return Key{}, fmt.Errorf("making a key: %w", err)
	}
	return keyFromSeed(seed), nil
}

func keyFromSeed(seed []byte) Key {
	return Key{private: ed25519.NewKeyFromSeed(seed)}
}

// ParseKey reads the text of a private key, as written by MarshalText.
func ParseKey(text string) (Key, error) {
	var k Key
	err := k.UnmarshalText([]byte(text))
	return k, err
}

// ParseKeys reads the signing keys of a hub from one secret: the one in force first, then earlier ones that some poller
// may still pin, between white space. There is at least one. Errors never quote the input.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for i, word := range strings.Fields(text) {
		k, err := ParseKey(word)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	return keys, nil
}

// IsZero says whether k holds no key.
func (k Key) IsZero() bool { return len(k.private) == 0 }

// Public returns the public half of k; the zero PublicKey for the zero Key.
func (k Key) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	var p PublicKey
	copy(p.bytes[:], k.private[ed25519.SeedSize:])
	return p
}

// ID returns the id of the public half; see PublicKey.ID.
func (k Key) ID() string { return k.Public().ID() }

// String, GoString, Format and LogValue keep the secret out of every text.
func (k Key) String() string               { return redacted }
func (k Key) GoString() string             { return redacted }
func (k Key) Format(s fmt.State, _ rune)   { io.WriteString(s, redacted) }
func (k Key) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (k Key) sign(message []byte) []byte   { return ed25519.Sign(k.private, message) }
func (k Key) MarshalText() ([]byte, error) { return k.text() }

// text is the secret as a line of text: for a secrets store, a key file of mode
// 0600, or the state file, and for nothing else.
func (k Key) text() ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("a private key that was never set has no text")
	}
	return []byte(privatePrefix + encode(k.private.Seed())), nil
}

// UnmarshalText reads what MarshalText wrote. Its errors never quote the input.
func (k *Key) UnmarshalText(text []byte) error {
	seed, err := decodeKey(string(text), privatePrefix, "private key")
	if err != nil {
		return err
	}
	*k = keyFromSeed(seed)
	return nil
}

// PublicKey is an Ed25519 public key. It can be compared with == and used as a
// map key; it is no secret.
type PublicKey struct {
	bytes [ed25519.PublicKeySize]byte
}

// ParsePublicKey reads the text of a public key, as written by MarshalText.
func ParsePublicKey(text string) (PublicKey, error) {
	var p PublicKey
	err := p.UnmarshalText([]byte(text))
	return p, err
}

// IsZero says whether p holds no key.
func (p PublicKey) IsZero() bool { return p == PublicKey{} }

// ID names the key: base64url of the first 16 bytes of the SHA-256 of its 32
// bytes, 22 characters. It is the keyid of signatures. The zero key has no id.
func (p PublicKey) ID() string {
	if p.IsZero() {
		return ""
	}
	sum := sha256.Sum256(p.bytes[:])
	return encode(sum[:16])
}

// String is the text of the key; "" for the zero key.
func (p PublicKey) String() string {
	if p.IsZero() {
		return ""
	}
	return publicPrefix + encode(p.bytes[:])
}

// MarshalText returns the text of the key; empty for the zero key.
func (p PublicKey) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote. Empty text gives the zero key.
func (p *PublicKey) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = PublicKey{}
		return nil
	}
	raw, err := decodeKey(string(text), publicPrefix, "public key")
	if err != nil {
		return err
	}
	copy(p.bytes[:], raw)
	return nil
}

func (p PublicKey) verify(message, signature []byte) bool {
	return !p.IsZero() && ed25519.Verify(p.bytes[:], message, signature)
}

func decodeKey(text, prefix, what string) ([]byte, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		return nil, fmt.Errorf("not a %s: it has to start with %q", what, prefix)
	}
	raw, err := decode(rest)
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("not a %s: after %q come 43 characters of base64url", what, prefix)
	}
	return raw, nil
}

// encode and decode are base64url without padding, in its one canonical form.
func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
