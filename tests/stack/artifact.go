package stack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	building sync.Mutex
	built    = map[string][]byte{} // binaries by folder
)

// binary builds a package as the template's settings do, for this machine's
// processor: what runs here cannot be arm64 everywhere.
func binary(t testing.TB, root, name string) ([]byte, error) {
	building.Lock()
	defer building.Unlock()
	if built[name] != nil {
		return built[name], nil
	}
	path := filepath.Join(t.TempDir(), "binary")
	cmd := exec.Command("go", "build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s", "-o", path, "./"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	content, err := os.ReadFile(path)
	built[name] = content
	return content, err
}

// artifact is the zip of a function. What is started in it is a line of shell
// that says where AWS is and keeps the log, then [drawbridge/tests/stack/once],
// then the binary.
func artifact(t testing.TB, root, name, endpoint, log string) ([]byte, error) {
	content, err := binary(t, root, "functions/"+name)
	if err != nil {
		return nil, err
	}
	once, err := binary(t, root, "tests/stack/once")
	if err != nil {
		return nil, err
	}
	start := fmt.Sprintf("#!/bin/sh\nAWS_ENDPOINT_URL='%s' exec ./once 2>>'%s'\n", endpoint, log)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, file := range []struct {
		name    string
		content []byte
	}{{"bootstrap", []byte(start)}, {"once", once}, {"function", content}} {
		h := &zip.FileHeader{Name: file.name, Method: zip.Store}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
