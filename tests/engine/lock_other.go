//go:build !unix

package engine

// lockFile fails: the engines are installed on Unix systems only.
func lockFile(string) (func(), error) {
	return nil, missing{"a Unix system", "run the conformance suites on Linux or macOS"}
}
