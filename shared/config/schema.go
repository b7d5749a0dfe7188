package config

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
)

// A Kind is one of the settings files.
type Kind string

// The settings files.
const (
	HubFile    Kind = "hub"
	PollerFile Kind = "poller"
)

// Kinds are all of them.
var Kinds = []Kind{HubFile, PollerFile}

//go:embed schema/*.json schema/*.yaml
var embedded embed.FS

// Schema returns the JSON Schema (draft 2020-12) of a settings file, as editors use it.
func Schema(k Kind) ([]byte, error) {
	root, err := embedded.ReadFile("schema/" + string(k) + ".json")
	if err != nil {
		return nil, fmt.Errorf("no schema for %q; there is one for hub and one for poller", k)
	}
	defs, err := embedded.ReadFile("schema/defs.json")
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(root, '}')
	joined := append(append(bytes.TrimRight(root[:end], " \n"), ",\n\"$defs\": "...), append(defs, '}')...)
	var out bytes.Buffer
	if err := json.Indent(&out, joined, "", "  "); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", k, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Example returns a short settings file to start from.
func Example(k Kind) ([]byte, error) {
	text, err := embedded.ReadFile("schema/" + string(k) + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no example for %q; there is one for hub and one for poller", k)
	}
	return text, nil
}

// A schema is the part of JSON Schema that our files use. A keyword that is not here fails the parse: what the
// published schema says and what loading checks must be one.
type schema struct {
	Schema               string              `json:"$schema"`
	Defs                 map[string]*schema  `json:"$defs"`
	Ref                  string              `json:"$ref"`
	Title                string              `json:"title"`
	Description          string              `json:"description"`
	Type                 kind                `json:"type"`
	Properties           properties          `json:"properties"`
	Required             []string            `json:"required"`
	AdditionalProperties *bool               `json:"additionalProperties"`
	DependentRequired    map[string][]string `json:"dependentRequired"`
	MinProperties        int                 `json:"minProperties"`
	MaxProperties        int                 `json:"maxProperties"`
	Items                *schema             `json:"items"`
	Enum                 []string            `json:"enum"`
	Const                *bool               `json:"const"`
	Pattern              string              `json:"pattern"`
	MinLength            int                 `json:"minLength"`
	Minimum              *int64              `json:"minimum"`
	Maximum              *int64              `json:"maximum"`
	Default              json.RawMessage     `json:"default"`
	AllOf                []*schema           `json:"allOf"`
	If                   *schema             `json:"if"`
	Then                 *schema             `json:"then"`
	Not                  *schema             `json:"not"`

	Expects string `json:"x-expects"` // what a pattern wants, for a person
	Why     string `json:"x-why"`     // why a "then" is asked for
	Secret  bool   `json:"x-secret"`  // names where a secret is
	Path    bool   `json:"x-path"`    // a path, relative to the file
	Quiet   bool   `json:"x-quiet"`   // a wrong value is not repeated: it may be the secret itself

	pattern *regexp.Regexp
}

// properties keep the order of the schema file, which is the order of the documentation.
type properties []property

type property struct {
	name string
	*schema
}

func (p *properties) UnmarshalJSON(raw []byte) error {
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byName); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		s, err := decodeSchema(byName[name.(string)])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*p = append(*p, property{name.(string), s})
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

func (p properties) get(name string) *schema {
	for _, q := range p {
		if q.name == name {
			return q.schema
		}
	}
	return nil
}

func (p properties) names() []string {
	out := make([]string, len(p))
	for i, q := range p {
		out[i] = q.name
	}
	return out
}

func decodeSchema(raw []byte) (*schema, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var s schema
	if err := dec.Decode(&s); err != nil {
		return nil, err
	}
	return &s, nil
}

var parsed = sync.OnceValues(func() (map[Kind]*schema, error) {
	out := map[Kind]*schema{}
	for _, k := range Kinds {
		raw, err := Schema(k)
		if err != nil {
			return nil, err
		}
		s, err := decodeSchema(raw)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", k, err)
		}
		if err := s.resolve(s.Defs); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", k, err)
		}
		out[k] = s
	}
	return out, nil
})

// resolve puts what $ref names in its place and compiles patterns, all the way down. What stands beside a $ref is its
// description and default.
func (s *schema) resolve(defs map[string]*schema) error {
	if s == nil {
		return nil
	}
	if name, ok := bytes.CutPrefix([]byte(s.Ref), []byte("#/$defs/")); ok {
		target := defs[string(name)]
		if target == nil {
			return fmt.Errorf("no definition %s", s.Ref)
		}
		description, def := s.Description, s.Default
		*s = *target
		if description != "" {
			s.Description = description
		}
		if def != nil {
			s.Default = def
		}
	}
	if s.Pattern != "" {
		re, err := regexp.Compile(s.Pattern)
		if err != nil {
			return err
		}
		s.pattern = re
	}
	for _, below := range s.below() {
		if err := below.resolve(defs); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) below() []*schema {
	out := append([]*schema{s.Items, s.If, s.Then, s.Not}, s.AllOf...)
	for _, p := range s.Properties {
		out = append(out, p.schema)
	}
	return out
}
