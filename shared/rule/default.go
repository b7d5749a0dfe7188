package rule

import (
	_ "embed"
	"sync"
)

//go:embed default.yaml
var defaultRules string

//go:embed examples.yaml
var exampleRules string

//go:embed schema.json
var schemaJSON []byte

// DefaultSource is the default rule set, in the form of any other rule file. It is the same for both roles: what one site lets
// out, the other takes, and nothing else.
func DefaultSource() []byte { return []byte(defaultRules) }

// Examples are commented-out samples of what people usually add to the default rule set.
func Examples() []byte { return []byte(exampleRules) }

// JSONSchema is the schema of a rule file, for editors.
func JSONSchema() []byte { return append([]byte(nil), schemaJSON...) }

// defaults returns the default rule set, to be read over. It panics if the embedded file is broken, which a test shows.
func defaults() Set { return *readDefaults() }

var readDefaults = sync.OnceValue(func() *Set {
	src := []byte(defaultRules)
	f := newFile("default rule set", src)
	f.builtin = true
	d := &decoder{file: f, seen: map[string][]string{}}
	s := d.set(readYAML(f, src), nil)
	if len(f.problems) > 0 {
		panic(f.problems)
	}
	return s
})
