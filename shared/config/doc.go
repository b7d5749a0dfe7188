// Package config reads the two settings files, hub.yaml and poller.yaml.
//
// What a file may hold stands in one place, the JSON Schema in schema/: it is what loading checks, where defaults come
// from, what editors use ([Schema]) and what docs/configuration.md is written from. Every mistake of a file is reported
// at once, with its line, what is allowed and the nearest right word ([Mistakes]).
//
// Secrets never stand in a file: a file names where they are ([Secret]), and the logger that a loaded file gives out
// replaces their values in every line.
//
// Start with [LoadHub] and [Hub]; then check.go, which walks a file along the schema.
package config
