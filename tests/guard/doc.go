// Package guard breaks the product on purpose, one promise at a time, and shows that a named test fails for each break: a
// proof that cannot fail proves nothing. The product's files are left alone; go test -overlay puts the broken ones in their
// place. A break whose text is found no more fails as well, so that the list cannot outlive the code.
//
// Start reading at the list in guard_test.go.
package guard
