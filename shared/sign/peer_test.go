package sign_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// A second implementation of RFC 9421, written from the text of the RFC and
// sharing nothing with package sign: it takes a message apart by its own
// Signature-Input, whatever that lists, and rebuilds the signature base.

var (
	peerInput = regexp.MustCompile(`^([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)(.*))$`)
	peerItem  = regexp.MustCompile(`"([^"]+)"`)
	peerParam = regexp.MustCompile(`;([a-z]+)=("[^"]*"|[0-9]+)`)
)

type peerMessage struct {
	header    http.Header
	method    string
	authority string
	path      string
	query     string // without "?"
	status    int
	body      []byte
}

// component is RFC 9421, 2.1 (fields) and 2.2 (derived components).
func (m peerMessage) component(name string) string {
	switch name {
	case "@method":
		return m.method
	case "@authority":
		return strings.ToLower(m.authority)
	case "@path":
		return m.path
	case "@query":
		return "?" + m.query
	case "@status":
		return strconv.Itoa(m.status)
	}
	values := m.header.Values(name)
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	return strings.Join(values, ", ")
}

// base is RFC 9421, 2.5, for the part of Signature-Input after the label.
func (m peerMessage) base(components []string, params string) string {
	lines := make([]string, 0, len(components)+1)
	for _, c := range components {
		lines = append(lines, `"`+c+`": `+m.component(c))
	}
	return strings.Join(append(lines, `"@signature-params": `+params), "\n")
}

// verify is RFC 9421, 3.2, and returns the signature parameters.
func (m peerMessage) verify(public ed25519.PublicKey) (map[string]string, error) {
	found := peerInput.FindStringSubmatch(m.header.Get("Signature-Input"))
	if found == nil {
		return nil, fmt.Errorf("no signature input in %q", m.header.Get("Signature-Input"))
	}
	var components []string
	for _, item := range peerItem.FindAllStringSubmatch(found[3], -1) {
		components = append(components, item[1])
	}
	text := strings.TrimSuffix(strings.TrimPrefix(m.header.Get("Signature"), found[1]+"=:"), ":")
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(public, []byte(m.base(components, found[2])), signature) {
		return nil, fmt.Errorf("does not verify over\n%s", m.base(components, found[2]))
	}
	if m.header.Get("Content-Digest") != peerDigest(m.body) {
		return nil, fmt.Errorf("digest %s", m.header.Get("Content-Digest"))
	}
	params := map[string]string{}
	for _, p := range peerParam.FindAllStringSubmatch(found[4], -1) {
		params[p[1]] = strings.Trim(p[2], `"`)
	}
	return params, nil
}

// sign is RFC 9421, 3.1; params is everything after the component list.
func (m peerMessage) sign(private ed25519.PrivateKey, label string, components []string, params string) {
	input := `("` + strings.Join(components, `" "`) + `")` + params
	signature := ed25519.Sign(private, []byte(m.base(components, input)))
	m.header.Set("Signature-Input", label+"="+input)
	m.header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(signature)+":")
}

// peerDigest is RFC 9530, section 2.
func peerDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
