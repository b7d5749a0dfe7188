package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "drawbridge"

// A pkg is one package of the tree as go list shows it.
type pkg struct {
	Dir, ImportPath, Name              string
	Imports, TestImports, XTestImports []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// path is the package's place in the tree: "shared/merge", "" for the root.
func (p pkg) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// all are the imports of the package and of its tests.
func (p pkg) all() []string {
	return append(append(append([]string{}, p.Imports...), p.TestImports...), p.XTestImports...)
}

var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return filepath.Dir(filepath.Dir(dir))
})

var list = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Name,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = root()
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return pkgs, nil
		case err != nil:
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
})

func packages(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// files are the files of the project, by path from its root: what git tracks or would track.
func files(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root()
	if out, err := cmd.Output(); err == nil {
		return present(strings.Split(strings.TrimRight(string(out), "\x00"), "\x00"))
	}
	return walk(t) // a source archive without its repository
}

func present(names []string) (there []string) {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(root(), name)); err == nil && info.Mode().IsRegular() {
			there = append(there, name)
		}
	}
	return there
}

func walk(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root(), func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bin" || d.Name() == "demo" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.Type().IsRegular():
			rel, err := filepath.Rel(root(), path)
			names = append(names, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// read returns a file's content, and false for a binary one.
func read(t *testing.T, name string) (string, bool) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root(), name))
	if errors.Is(err, os.ErrNotExist) {
		return "", false // removed since it was listed
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), !bytes.Contains(raw[:min(len(raw), 8000)], []byte{0})
}
