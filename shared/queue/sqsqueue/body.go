package sqsqueue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// formName is the message attribute that says in which form a body travels; a
// message without it is plain text.
const (
	formName   = "form"
	formText   = "text"
	formBase64 = "base64"
	formClaim  = "claim"
)

// claim says where a long body waits.
type claim struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hex
}

// encode returns the body as SQS takes it.
func (q *Queue) encode(ctx context.Context, body []byte) (text, form string, err error) {
	if len(body) > ClaimOver {
		return q.check(ctx, body)
	}
	if takes(body) {
		return string(body), formText, nil
	}
	return base64.StdEncoding.EncodeToString(body), formBase64, nil
}

// takes reports whether SQS takes the body as it is (API reference of
// SendMessage: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, from #x10000).
func takes(body []byte) bool {
	for len(body) > 0 {
		r, n := utf8.DecodeRune(body)
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return false
		}
		body = body[n:]
	}
	return true
}

// check puts the body into the blob store. Its key is its hash, so that a
// body sent twice is stored once.
func (q *Queue) check(ctx context.Context, body []byte) (text, form string, err error) {
	if q.o.Claims == nil {
		return "", "", bridge.Permanent("queue-request", "queue: body of %d bytes, and no blob store for long ones", len(body))
	}
	sum := sha256.Sum256(body)
	c := claim{Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
	c.Key = "claim/" + c.SHA256
	if _, err := q.o.Claims.Put(ctx, c.Key, bytes.NewReader(body), c.Size, c.SHA256); err != nil {
		return "", "", err
	}
	b, err := json.Marshal(c)
	return string(b), formClaim, err
}

// decode is the reverse of encode.
func (q *Queue) decode(ctx context.Context, text, form string) ([]byte, error) {
	switch form {
	case "", formText:
		return []byte(text), nil
	case formBase64:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, broken(err)
		}
		return b, nil
	case formClaim:
		return q.fetchClaim(ctx, text)
	}
	return nil, broken(fmt.Errorf("unknown form %q", form))
}

func (q *Queue) fetchClaim(ctx context.Context, text string) ([]byte, error) {
	var c claim
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, broken(err)
	}
	if c.Size > queue.MaxBody || q.o.Claims == nil {
		return nil, broken(fmt.Errorf("claim of %d bytes", c.Size))
	}
	r, info, err := q.o.Claims.Get(ctx, c.Key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, broken(err)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if info.Size != c.Size || info.SHA256 != c.SHA256 {
		return nil, broken(fmt.Errorf("claim %s holds other content", c.Key))
	}
	return io.ReadAll(r)
}

// broken is the permanent error for a message that no retry makes readable.
func broken(err error) error {
	return bridge.Permanent("queue-message", "queue: message cannot be read: %w", err)
}

// Record is a message as Lambda delivers it.
type Record struct {
	Queue      string // ARN or URL of the queue it came from
	ID         string
	Body       string
	Form       string            // its attribute "form"; empty if it has none
	Receipt    string            // receipt handle
	Attributes map[string]string // system attributes
}

// Open makes a delivery of a message that Lambda delivers, as Receive does. An
// error is permanent if the message will never be readable; the delivery can
// be released or deleted all the same.
func (q *Queue) Open(ctx context.Context, r Record) (queue.Delivery, error) {
	lane := bridge.Live
	if q.o.Bulk != "" && last(r.Queue) == last(q.o.Bulk) {
		lane = bridge.Bulk
	}
	body, err := q.decode(ctx, r.Body, r.Form)
	return queue.Delivery{Message: message(lane, r.ID, body, r.Attributes), Receipt: string(lane) + " " + r.Receipt}, err
}

// last is the queue's name in an ARN or URL.
func last(s string) string { return s[strings.LastIndexAny(s, ":/")+1:] }
