package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// minGzip is the size from which a message is compressed.
const minGzip = 1 << 10

// compressors are used again: to make one costs more than what it compresses.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return z
}}

var errTooLarge = errors.New("the message is too large")

// encode writes a message as it goes over the wire: JSON, compressed if that pays.
func encode(message any) ([]byte, error) {
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding a message: %w", err)
	}
	if len(text) < minGzip {
		return text, nil
	}
	var b bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// mediaType is the Content-Type of a body. There is no Content-Encoding: what is
// compressed is the message itself, and nobody on the way is to unpack it.
func mediaType(wire []byte, raw bool) string {
	switch {
	case raw:
		return "application/octet-stream"
	case isGzip(wire):
		return "application/gzip"
	}
	return "application/json"
}

// isGzip goes by the first bytes, which the signature covers, as it does no
// header. JSON never begins so.
func isGzip(wire []byte) bool { return bytes.HasPrefix(wire, []byte{0x1f, 0x8b}) }

// decode reads what encode wrote, within the limits: the caller has bounded the
// wire bytes, decode bounds what they unpack to (limit) and how deep they nest
// before any of it becomes a value. Unknown fields are ignored.
func decode(wire []byte, limit int64, into any) error {
	text, err := unpack(wire, limit)
	if err != nil {
		return err
	}
	if err := checkDepth(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return badRequest("not the JSON of a message: %s", describe(err))
	}
	return nil
}

func unpack(wire []byte, limit int64) ([]byte, error) {
	if !isGzip(wire) {
		return wire, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(wire))
	if err != nil {
		return nil, badRequest("damaged gzip")
	}
	text, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, badRequest("damaged gzip")
	}
	if int64(len(text)) > limit {
		return nil, badRequest("more than %d bytes when unpacked", limit)
	}
	return text, nil
}

// checkDepth bounds nesting without building anything.
func checkDepth(text []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return badRequest("nested deeper than %d", MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// describe is the error of the decoder without any of the text it choked on.
func describe(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax, at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%.80q is of another type, at byte %d", kind.Field, kind.Offset)
	}
	return "a value has another form"
}

// readLimited reads all of r, at most limit bytes; errTooLarge if there are more.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, nil
}
