// Package attack holds the tests that attack Drawbridge from outside: forged,
// altered, repeated and misdirected messages, other people's objects, guessed
// invitations, and bodies made to exhaust the hub. Each asserts three things:
// the answer gives nothing away, nothing stored changed, nothing was passed on.
// It exports nothing; start with hub in hub_test.go.
package attack
