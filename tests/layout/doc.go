// Package layout holds the tests that keep the tree in the shape docs/architecture.md describes: which package may
// import which, how long a file may be, which words are not used, that every dependency has a decision and every error
// name a place in the catalogue. It exports nothing; start with the table in import_test.go.
package layout
