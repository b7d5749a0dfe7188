package jira

import (
	"encoding/json"
	"fmt"

	"drawbridge/shared/walk"
)

// object reads a JSON object member by member. handle reads the member's value, or returns false to have it skipped.
// Nothing but the value being read is held in memory.
func object(dec *json.Decoder, handle func(name string) (bool, error)) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		done, err := handle(name)
		if err == nil && !done {
			err = skip(dec)
		}
		if err != nil {
			return err
		}
	}
	return expect(dec, '}')
}

// array reads a JSON array element by element; null is an empty one.
func array(dec *json.Decoder, element func() error) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok == nil {
		return nil
	}
	if tok != json.Delim('[') {
		return fmt.Errorf("%w: %v instead of a list", walk.ErrShape, tok)
	}
	for dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return expect(dec, ']')
}

func expect(dec *json.Decoder, d json.Delim) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok != d {
		return fmt.Errorf("%w: %v instead of %v", walk.ErrShape, tok, d)
	}
	return nil
}

// skip passes over one value.
func skip(dec *json.Decoder) error {
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
