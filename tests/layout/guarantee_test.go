package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	promise = regexp.MustCompile(`(?m)^\d+\. \*\*(.+?)\*\*`)
	proofs  = regexp.MustCompile("`([a-z0-9/]+)` ((?:Test\\w+(?:, )?)+)")
)

// TestGuaranteesAreProven: every promise of docs/guarantees.md says what a crash leaves, what is lost, and which tests prove it; and
// these tests are there.
func TestGuaranteesAreProven(t *testing.T) {
	text, _ := read(t, "docs/guarantees.md")
	text, _, _ = strings.Cut(text, "\n## ")
	starts := promise.FindAllStringSubmatchIndex(text, -1)
	if len(starts) < 12 {
		t.Fatalf("%d promises", len(starts))
	}
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, body := text[at[2]:at[3]], text[at[0]:end]
		for _, word := range []string{"- A crash leaves: ", "- Lost", "- Proof: "} {
			if !strings.Contains(body, word) {
				t.Errorf("%s lacks %q", name, word)
			}
		}
		_, proof, _ := strings.Cut(body, "- Proof: ")
		found := proofs.FindAllStringSubmatch(proof, -1)
		if len(found) == 0 {
			t.Errorf("%s names no test", name)
		}
		for _, f := range found {
			tests := testsIn(t, f[1])
			for _, test := range strings.Split(f[2], ", ") {
				if !tests[test] {
					t.Errorf("%s: there is no %s in %s", name, test, f[1])
				}
			}
		}
	}
}

// testsIn are the test functions of a package.
func testsIn(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(root(), filepath.FromSlash(pkg), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	return found
}
