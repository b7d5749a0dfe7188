// Package docs carries the pages that the binary itself shows: whoever is in trouble may not have the source at hand.
package docs

import (
	_ "embed"
	"strings"
)

//go:embed errors.md
var errorsPage string

// Error returns what errors.md says about an error name, as plain text; "" if it does not explain that name.
func Error(name string) string {
	_, entry, found := strings.Cut(errorsPage, "\n### `"+name+"`\n")
	if !found {
		return ""
	}
	for _, next := range []string{"\n### ", "\n## "} {
		entry, _, _ = strings.Cut(entry, next)
	}
	return strings.TrimSpace(entry)
}

// Errors lists the names that errors.md explains, in its order.
func Errors() (names []string) {
	for _, line := range strings.Split(errorsPage, "\n") {
		if name, ok := strings.CutPrefix(line, "### `"); ok {
			names = append(names, strings.TrimSuffix(name, "`"))
		}
	}
	return names
}
