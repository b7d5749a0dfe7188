package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	longestFile = 600 // lines; tests may be longer
	longestMain = 60  // lines of a Lambda main: it wires
)

// unwanted are package names that say nothing about what is inside.
var unwanted = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "misc", "base", "lib"}

var packageName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

func TestPackagesAreNamed(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(unwanted, p.Name) || slices.Contains(unwanted, path.Base(p.path())) {
			t.Errorf("%s: the name %q says nothing; name what the package is for", p.path(), p.Name)
		}
		if !packageName.MatchString(p.Name) {
			t.Errorf("%s: package name %q is not one lower-case word", p.path(), p.Name)
		}
	}
}

func TestPackagesAreDescribed(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 && !described(t, p) {
			t.Errorf("%s has no package comment: say what it is for and where to start reading", p.path())
		}
	}
}

func described(t *testing.T, p pkg) bool {
	t.Helper()
	for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err == nil && longEnough(f.Doc) {
			return true
		}
	}
	return false
}

func longEnough(doc *ast.CommentGroup) bool { return doc != nil && len(doc.Text()) > 40 }

func TestFilesAreShort(t *testing.T) {
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, _ := read(t, name)
		limit := longestFile
		if within(name, "functions") && path.Base(name) == "main.go" {
			limit = longestMain
		}
		if n := strings.Count(text, "\n"); n > limit {
			t.Errorf("%s has %d lines, more than %d: split it by what it does", name, n, limit)
		}
	}
}

// unnamed are texts that have no place in the tree: hosts of package registries (a build takes them from the machine's
// own settings) and paths of somebody's machine. They are joined from parts so that this file does not hold them.
var unnamed = func() []*regexp.Regexp {
	hosts := []string{
		"proxy.go" + "lang.org", "sum.go" + "lang.org", "py" + "pi.org", "files.python" + "hosted.org", "registry.npm" + "js.org",
		"registry.yarn" + "pkg.com", "repo1.ma" + "ven.org", "repo.ma" + "ven.apache.org", "static.crates" + ".io", "index.crates" + ".io",
		"deb.deb" + "ian.org",
	}
	var found []*regexp.Regexp
	for _, h := range hosts {
		found = append(found, regexp.MustCompile(`(?i)`+regexp.QuoteMeta(h)))
	}
	paths := "/(?:wo" + "rk/(?:main|shared|\\.library)|ro" + "ot|ho" + "me/[a-z]+|Us" + "ers/[A-Za-z]+)(?:/|\\b)"
	return append(found, regexp.MustCompile(`(?:^|[\s"'=(:])`+paths))
}()

func TestNoMachineIsNamed(t *testing.T) {
	for _, name := range files(t) {
		text, isText := read(t, name)
		if !isText || path.Base(name) == "go.sum" {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			for _, re := range unnamed {
				if found := re.FindString(line); found != "" {
					t.Errorf("%s:%d names %q: hosts of registries and paths of a machine stay out of the tree", name, i+1, strings.TrimSpace(found))
				}
			}
		}
	}
}
