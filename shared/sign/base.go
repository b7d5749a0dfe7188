package sign

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	label           = "drawbridge"
	inputHeader     = "Signature-Input"
	signatureHeader = "Signature"

	// maxField bounds a signature field before it is looked at: ours are under
	// 300 bytes.
	maxField = 1024

	// tagRequest and tagResponse keep one kind of signature from passing as the
	// other (RFC 9421, 2.3).
	tagRequest  = "drawbridge-request"
	tagResponse = "drawbridge-response"
)

// A shape is one of the two forms a signature can have. Nothing else verifies.
type shape struct {
	components []string // names, in order
	params     []string // parameters, in order
	tag        string
}

var (
	requestShape = shape{
		components: []string{"@method", "@authority", "@path", "@query", "content-digest"},
		params:     []string{"created", "expires", "nonce", "keyid", "tag"},
		tag:        tagRequest,
	}
	responseShape = shape{
		components: []string{"@status", "content-digest", "drawbridge-request"},
		params:     []string{"created", "keyid", "tag"},
		tag:        tagResponse,
	}
)

// input is the content of a Signature-Input field: the list of components and
// the values of the parameters.
type input struct {
	shape            shape
	created, expires int64 // Unix seconds
	nonce, keyID     string
}

// list is the inner list of component names, as RFC 9421, 2.5 writes it.
func list(components []string) string {
	return `("` + strings.Join(components, `" "`) + `")`
}

// params writes the signature parameters (RFC 9421, 2.3): the value of the
// "@signature-params" line and, after the label, of the Signature-Input field.
func (in input) params() string {
	var b strings.Builder
	b.WriteString(list(in.shape.components))
	for _, name := range in.shape.params {
		fmt.Fprintf(&b, ";%s=%s", name, in.param(name))
	}
	return b.String()
}

func (in input) param(name string) string {
	switch name {
	case "created":
		return strconv.FormatInt(in.created, 10)
	case "expires":
		return strconv.FormatInt(in.expires, 10)
	case "nonce":
		return `"` + in.nonce + `"`
	case "keyid":
		return `"` + in.keyID + `"`
	default:
		return `"` + in.shape.tag + `"`
	}
}

// base is the signature base (RFC 9421, 2.5): one line for each component, then
// the parameters.
func base(components, values []string, params string) []byte {
	var b strings.Builder
	for i, name := range components {
		fmt.Fprintf(&b, "%q: %s\n", name, values[i])
	}
	b.WriteString(`"@signature-params": ` + params)
	return []byte(b.String())
}

// write signs the values of the components and puts the two fields into h,
// replacing any that were there.
func (in input) write(h http.Header, values []string, k Key) {
	signature := k.sign(base(in.shape.components, values, in.params()))
	h.Set(inputHeader, label+"="+in.params())
	h.Set(signatureHeader, label+"=:"+base64.StdEncoding.EncodeToString(signature)+":")
}

// readFields takes the two signature fields of a message apart. What it returns
// writes back to the very same bytes, so nothing hostile reaches the library.
func readFields(h http.Header, s shape) (input, []byte, error) {
	if len(h.Values(inputHeader)) == 0 && len(h.Values(signatureHeader)) == 0 {
		return input{}, nil, refuse(ReasonUnsigned, "the message carries no signature")
	}
	text, err := single(h, inputHeader, ReasonMalformed)
	if err != nil {
		return input{}, nil, err
	}
	in, err := parseInput(text, s)
	if err != nil {
		return input{}, nil, err
	}
	signature, err := parseSignature(h)
	return in, signature, err
}

// single returns the value of a field that has to be there exactly once.
func single(h http.Header, name string, missing Reason) (string, error) {
	values := h.Values(name)
	switch {
	case len(values) == 0:
		return "", refuse(missing, "the field %s is missing", name)
	case len(values) > 1 || strings.Contains(values[0], ","):
		return "", refuse(ReasonSeveral, "the field %s holds more than one value", name)
	case len(values[0]) > maxField:
		return "", refuse(ReasonMalformed, "the field %s is longer than %d bytes", name, maxField)
	}
	return values[0], nil
}

func parseInput(text string, s shape) (input, error) {
	rest, ok := strings.CutPrefix(text, label+"=")
	if !ok {
		return input{}, refuse(ReasonMalformed, "the signature is not labelled %q", label)
	}
	end := strings.IndexByte(rest, ')') + 1
	if end == 0 {
		return input{}, refuse(ReasonMalformed, "the signature lists no components")
	}
	if rest[:end] != list(s.components) {
		return input{}, refuse(ReasonComponents, "the signature covers %.120q instead of %s", rest[:end], list(s.components))
	}
	in := input{shape: s}
	err := in.parseParams(rest[end:])
	return in, err
}

func (in *input) parseParams(text string) error {
	if !strings.HasPrefix(text, ";") {
		return refuse(ReasonParameter, "the signature has no parameters")
	}
	params := strings.Split(text[1:], ";")
	for i, p := range params {
		name, value, _ := strings.Cut(p, "=")
		if err := in.checkParam(i, name); err != nil {
			return err
		}
		if err := in.setParam(name, value); err != nil {
			return err
		}
	}
	if len(params) < len(in.shape.params) {
		return refuse(ReasonParameter, "the signature lacks the parameter %s", in.shape.params[len(params)])
	}
	return nil
}

func (in *input) checkParam(i int, name string) error {
	if name == "alg" {
		return refuse(ReasonAlgorithm, "the signature names an algorithm; it is Ed25519, given by the key")
	}
	if i >= len(in.shape.params) {
		return refuse(ReasonParameter, "the signature has the unknown parameter %.40q", name)
	}
	if want := in.shape.params[i]; name != want {
		return refuse(ReasonParameter, "the signature has the parameter %.40q where %s belongs", name, want)
	}
	return nil
}

func (in *input) setParam(name, value string) error {
	switch name {
	case "created":
		return parseSeconds(name, value, &in.created)
	case "expires":
		return parseSeconds(name, value, &in.expires)
	case "nonce":
		return parseToken(name, value, &in.nonce)
	case "keyid":
		return parseToken(name, value, &in.keyID)
	}
	var tag string
	if err := parseToken(name, value, &tag); err != nil {
		return err
	}
	if tag != in.shape.tag {
		return refuse(ReasonTag, "the signature's tag is %q, not %q", tag, in.shape.tag)
	}
	return nil
}

// parseSeconds reads a count of Unix seconds: at most 11 digits, no sign, no
// leading zero.
func parseSeconds(name, value string, to *int64) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || len(value) > 11 || n < 1 || strconv.FormatInt(n, 10) != value {
		return refuse(ReasonParameter, "the signature's parameter %s is no time in seconds: %.20q", name, value)
	}
	*to = n
	return nil
}

func parseToken(name, value string, to *string) error {
	inner, ok := strings.CutPrefix(value, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	if !ok || !ok2 || !isToken(inner) {
		return refuse(ReasonParameter, "the signature's parameter %s is not a quoted text of 1 to 64 of [A-Za-z0-9_-]", name)
	}
	*to = inner
	return nil
}

func parseSignature(h http.Header) ([]byte, error) {
	text, err := single(h, signatureHeader, ReasonMalformed)
	if err != nil {
		return nil, err
	}
	inner, ok := strings.CutPrefix(text, label+"=:")
	inner, ok2 := strings.CutSuffix(inner, ":")
	if !ok || !ok2 || len(inner) != 88 {
		return nil, refuse(ReasonMalformed, "the signature is not 64 bytes labelled %q", label)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(inner)
	if err != nil || len(signature) != 64 {
		return nil, refuse(ReasonMalformed, "the signature is not base64")
	}
	return signature, nil
}

// isToken says whether s is 1 to 64 of [A-Za-z0-9_-]: nonces, key ids, tags,
// and the ids that stand in paths.
func isToken(s string) bool {
	return s != "" && len(s) <= 64 && only(s, "_-")
}

// only says whether s consists of ASCII letters, digits and the extra bytes.
func only(s, extra string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || '9' < c) && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
