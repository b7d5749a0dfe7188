package stack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"drawbridge/tests/engine"
)

var (
	building sync.Mutex
	built    map[string][]byte // artifacts by function
)

// artifacts are the zips of the functions, built once in a test binary.
func artifacts(t testing.TB, root string) (map[string][]byte, error) {
	building.Lock()
	defer building.Unlock()
	if built != nil {
		return built, nil
	}
	dir := t.TempDir()
	if err := compile(t, root, dir); err != nil {
		return nil, err
	}
	zips := map[string][]byte{}
	for _, f := range Functions {
		var err error
		if zips[f], err = pack(filepath.Join(dir, resource(f), bootstrap)); err != nil {
			return nil, err
		}
	}
	built = zips
	return built, nil
}

// resource is the name of a function in the template.
func resource(function string) string { return strings.ToUpper(function[:1]) + function[1:] }

// compile has sam build the functions, as docs/operations.md says, but for this
// machine's processor: what runs here cannot be arm64 everywhere.
func compile(t testing.TB, root, dir string) error {
	raw, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return err
	}
	if runtime.GOARCH == "amd64" {
		raw = bytes.Replace(raw, []byte("Architectures: [arm64]"), []byte("Architectures: [x86_64]"), 1)
	}
	template := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(template, raw, 0o600); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(engine.SAM(t), "sam"), "build", "--template", template, "--base-dir", ".", "--build-dir", dir)
	cmd.Dir = root
	cmd.Env = append(engine.SAMEnvironment(t), "CGO_ENABLED=0", "GOFLAGS=-trimpath -tags=lambda.norpc,nethttpomithttp2 -ldflags=-s")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sam build: %w\n%s", err, out)
	}
	return nil
}

// pack makes the artifact of a binary.
func pack(path string) ([]byte, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: bootstrap, Method: zip.Store}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write(binary)
	}
	if err == nil {
		err = w.Close()
	}
	return buf.Bytes(), err
}

// bootstrap is the file of an artifact that provided.al2023 starts.
const bootstrap = "bootstrap"

// unpack writes the binary of an artifact to a file.
func unpack(artifact []byte, path string) error {
	files, err := zip.NewReader(bytes.NewReader(artifact), int64(len(artifact)))
	if err != nil {
		return err
	}
	f, err := files.Open(bootstrap)
	if err != nil {
		return err
	}
	defer f.Close()
	binary, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return os.WriteFile(path, binary, 0o755)
}
