// Package template holds the tests of template.yaml: our own invariants, which
// need nothing but Go (invariants_test.go), and what the authorities say, the
// SAM command line and cfn-lint (tools_test.go). It exports nothing.
package template
