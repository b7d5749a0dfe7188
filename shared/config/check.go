package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A checker walks a file along its schema. Each method holds for one kind of value and reports every mistake it sees;
// none of them stops the walk.
type checker struct {
	base     string // folder of the file; relative paths count from it
	outside  bool   // look at the environment and at files too: are the secrets there?
	problems []problem
}

func (c *checker) report(p place, width int, message, hint string) {
	c.problems = append(c.problems, problem{place: p, width: width, message: message, hint: hint})
}

// value checks n against s and returns the value as JSON would have it, defaults filled in.
func (c *checker) value(n *node, s *schema, path string) any {
	switch {
	case n.kind == "":
		return nil
	case s.Secret:
		return c.secret(n, s, path)
	}
	if !c.kind(n, s, path) {
		return nil
	}
	c.conditions(n, s)
	switch n.kind {
	case object:
		return c.object(n, s, path)
	case array:
		return c.array(n, s, path)
	case text:
		return c.text(n, s, path)
	case integer:
		c.bounds(n, s, path)
	case boolean:
		if s.Const != nil && n.value != *s.Const {
			c.report(n.place, 0, fmt.Sprintf("%s is %v", path, n.value), fmt.Sprintf("it has to be %v", *s.Const))
		}
	}
	return n.value
}

func (c *checker) kind(n *node, s *schema, path string) bool {
	if s.Type == "" || s.Type == n.kind {
		return true
	}
	message := fmt.Sprintf("%s is %s, not %s", subject(path), named(n.kind), named(s.Type))
	switch {
	case n.kind == null:
		message = fmt.Sprintf("%s is empty", subject(path))
		c.report(n.place, 0, message, "give it a value or remove the line")
	case s.Type == text && s.Expects == "" && n.kind != object && n.kind != array:
		c.report(n.place, len(n.raw), message, fmt.Sprintf("put it in quotes: %q", n.raw))
	case s.Type == array && n.kind == text:
		c.report(n.place, 0, message, fmt.Sprintf("write it as [%v]", n.value))
	case s.Type == object:
		c.report(n.place, 0, message, "it has settings of its own: "+strings.Join(s.Properties.names(), ", "))
	default:
		c.report(n.place, 0, message, expected(s))
	}
	return false
}

// conditions are the rules over several settings: if one holds, another is asked for.
func (c *checker) conditions(n *node, s *schema) {
	for _, rule := range s.AllOf {
		c.conditions(n, rule)
	}
	if s.If != nil && holds(n, s.If) && !holds(n, s.Then) {
		about := n
		if names := s.If.Properties.names(); len(names) > 0 && n.field(names[0]) != nil {
			about = n.field(names[0])
		}
		if about.kind != "" {
			message, hint, _ := strings.Cut(s.Then.Why, ". ")
			c.report(about.place, len(about.raw), message, hint)
		}
	}
	if s.Not != nil && holds(n, s.Not) {
		c.report(n.place, 0, "this value is not allowed here", s.Not.Expects)
	}
}

// holds reports whether a value is one that the schema accepts, and says nothing about why.
func holds(n *node, s *schema) bool {
	silent := &checker{}
	silent.value(n, s, "")
	return len(silent.problems) == 0
}

func (c *checker) object(n *node, s *schema, path string) any {
	out := map[string]any{}
	var meant []string // settings that are there under a misspelt name
	for _, f := range n.fields {
		p := s.Properties.get(f.name)
		switch {
		case p != nil:
			out[f.name] = c.value(f.value, p, join(path, f.name))
		case s.AdditionalProperties != nil && !*s.AdditionalProperties:
			meant = append(meant, c.unknown(f, s, path))
		}
	}
	c.required(n, s, path, meant)
	for _, p := range s.Properties {
		if _, there := out[p.name]; !there {
			if v, has := c.fallback(p.schema); has {
				out[p.name] = v
			}
		}
	}
	return out
}

// unknown reports a setting that is not allowed here and returns the one that was probably meant.
func (c *checker) unknown(f field, s *schema, path string) string {
	names := s.Properties.names()
	where := "here"
	if path != "" {
		where = "under " + path
	}
	hint := fmt.Sprintf("allowed %s: %s", where, strings.Join(names, ", "))
	best := nearest(f.name, names)
	switch other := elsewhere(f.name, s.Title); {
	case path == "" && other != "":
		hint, best = fmt.Sprintf("it belongs in %s; %s", other, hint), ""
	case best != "":
		hint = fmt.Sprintf("did you mean %q? %s", best, hint)
	}
	c.report(f.place, len(f.name), fmt.Sprintf("unknown setting %q", f.name), hint)
	return best
}

// elsewhere is the title of another settings file that has the setting at its top.
func elsewhere(name, title string) string {
	all, err := parsed()
	if err != nil {
		return ""
	}
	for _, k := range Kinds {
		if s := all[k]; s.Title != title && s.Properties.get(name) != nil {
			return s.Title
		}
	}
	return ""
}

func (c *checker) required(n *node, s *schema, path string, meant []string) {
	for _, name := range s.Required {
		if n.field(name) == nil && !slices.Contains(meant, name) {
			c.problems = append(c.problems, problem{place: n.place, bare: path == "",
				message: fmt.Sprintf("%s is missing", join(path, name)), hint: describe(s.Properties.get(name))})
		}
	}
	for _, f := range n.fields {
		for _, name := range s.DependentRequired[f.name] {
			if n.field(name) == nil {
				c.report(f.place, len(f.name), fmt.Sprintf("%s needs %s beside it", join(path, f.name), name), describe(s.Properties.get(name)))
			}
		}
	}
	if s.MinProperties > len(n.fields) {
		c.report(n.place, 0, fmt.Sprintf("%s is empty", subject(path)), "allowed here: "+strings.Join(s.Properties.names(), ", "))
	}
	if s.MaxProperties > 0 && len(n.fields) > s.MaxProperties {
		c.report(n.place, 0, fmt.Sprintf("%s has %d settings", subject(path), len(n.fields)), "keep one of "+strings.Join(s.Properties.names(), ", "))
	}
}

// fallback is the value of a setting that is not in the file: its default, or an object of defaults. An object that has to
// say something is not there unless the file says it.
func (c *checker) fallback(s *schema) (any, bool) {
	if s.Default != nil {
		var v any
		if json.Unmarshal(s.Default, &v) != nil {
			return nil, false
		}
		if path, ok := v.(string); ok && s.Path {
			return c.resolve(path), true
		}
		return v, true
	}
	if s.Type != object || s.Secret || len(s.Required) > 0 {
		return nil, false
	}
	out := map[string]any{}
	for _, p := range s.Properties {
		if v, has := c.fallback(p.schema); has {
			out[p.name] = v
		}
	}
	return out, len(out) > 0
}

func (c *checker) array(n *node, s *schema, path string) any {
	out := []any{}
	for i, item := range n.items {
		if s.Items != nil {
			out = append(out, c.value(item, s.Items, fmt.Sprintf("%s[%d]", path, i)))
		}
	}
	return out
}

func (c *checker) text(n *node, s *schema, path string) any {
	v, _ := n.value.(string)
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		hint := "allowed: " + strings.Join(s.Enum, ", ")
		if best := nearest(v, s.Enum); best != "" {
			hint = fmt.Sprintf("did you mean %q? %s", best, hint)
		}
		c.report(n.place, len(v), fmt.Sprintf("%s is %q", path, v), hint)
	case s.pattern != nil && s.Quiet && !s.pattern.MatchString(v):
		c.problems = append(c.problems, problem{place: n.place, bare: true, message: path + " is not a name", hint: "expected " + s.Expects})
	case s.pattern != nil && !s.pattern.MatchString(v):
		c.report(n.place, len(v), fmt.Sprintf("%s is %q", path, v), "expected "+s.Expects)
	case utf8.RuneCountInString(v) < s.MinLength:
		c.report(n.place, 0, fmt.Sprintf("%s is empty", path), expected(s))
	case s.Path:
		return c.resolve(v)
	}
	return v
}

func (c *checker) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.base, path)
}

func (c *checker) bounds(n *node, s *schema, path string) {
	v, ok := n.value.(int64)
	low, high := s.Minimum, s.Maximum
	switch {
	case !ok && (low != nil || high != nil):
		c.report(n.place, 0, fmt.Sprintf("%s is %v", path, n.value), expected(s))
	case low != nil && v < *low, high != nil && v > *high:
		c.report(n.place, 0, fmt.Sprintf("%s is %d", path, v), expected(s))
	}
}

// secret checks the place a secret is named to be in. A secret that stands in the file itself is refused without
// repeating it.
func (c *checker) secret(n *node, s *schema, path string) any {
	if n.kind != object {
		c.report(n.place, 0, fmt.Sprintf("the secret %s stands in the file", path),
			"say where it is instead: {env: NAME} for an environment variable, {file: PATH} for a file with mode 0600. If this file was shared, change the secret")
		return nil
	}
	plain := *s
	plain.Secret = false
	before := len(c.problems)
	v := c.value(n, &plain, path)
	if c.outside && len(c.problems) == before {
		sec := secretOf(v)
		if _, err := sec.Reveal(); err != nil {
			c.report(n.place, 0, fmt.Sprintf("the secret %s: %v", path, cause(err)), hintOf(err))
		}
	}
	return v
}

func cause(err error) error {
	var s *secretError
	if errors.As(err, &s) {
		return s.cause
	}
	return err
}

func hintOf(err error) string {
	var s *secretError
	if errors.As(err, &s) {
		return s.hint
	}
	return ""
}

func expected(s *schema) string {
	switch {
	case s.Expects != "":
		return "expected " + s.Expects
	case len(s.Enum) > 0:
		return "allowed: " + strings.Join(s.Enum, ", ")
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("allowed: %d to %d", *s.Minimum, *s.Maximum)
	}
	return "expected " + named(s.Type)
}

func describe(s *schema) string {
	if s == nil {
		return ""
	}
	switch {
	case len(s.Enum) > 0:
		return s.Description + " One of " + strings.Join(s.Enum, ", ") + "."
	case s.Secret:
		return s.Description + " Say {env: NAME} or {file: PATH}."
	}
	return s.Description
}

func named(k kind) string {
	switch k {
	case object:
		return "a group of settings"
	case array:
		return "a list"
	case text:
		return "a text"
	case integer:
		return "a whole number"
	case number:
		return "a number"
	case boolean:
		return "true or false"
	}
	return "empty"
}

func subject(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
