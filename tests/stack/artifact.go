package stack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
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
	if err := compile(root, dir); err != nil {
		return nil, err
	}
	zips := map[string][]byte{}
	for _, f := range Functions {
		var err error
		if zips[f], err = pack(filepath.Join(dir, f)); err != nil {
			return nil, err
		}
	}
	built = zips
	return built, nil
}

// compile builds the functions as the template's settings do, but for this
// machine's processor: what runs here cannot be arm64 everywhere.
func compile(root, dir string) error {
	args := []string{"build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s", "-o", dir + "/"}
	for _, f := range Functions {
		args = append(args, "./functions/"+f)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the functions: %w\n%s", err, out)
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
