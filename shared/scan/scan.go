// Package scan lets a program see the content of attachments before Jira does. It stands apart from package site so that the
// functions on AWS, which run no program, do not carry what starts one. It owns no stored keys. Start reading at [Program].
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// scanTime bounds one scan.
const scanTime = 2 * time.Minute

// Program is a program with its arguments, as the settings name it; the file's path comes last. Empty: nothing is scanned.
type Program []string

// Scanned lets the program see the content of an attachment, and returns it to be read. Anything but exit code 0 is a
// permanent error with what the program said first; a program that cannot run is a temporary one, so that nothing gets past
// it.
func (p Program) Scanned(ctx context.Context, r io.ReadCloser, m bridge.Member) (io.ReadCloser, error) {
	if len(p) == 0 {
		return r, nil
	}
	defer r.Close()
	dir, err := os.MkdirTemp("", "drawbridge-scan-") // mode 0700
	if err != nil {
		return nil, bridge.Temporary("scan-failed", "attachment %q cannot be scanned: %w", m.Name, err)
	}
	file := filepath.Join(dir, "content")
	if err := p.scan(ctx, r, m, file); err != nil {
		_ = os.RemoveAll(dir) // the error at hand says more
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, bridge.Temporary("scan-failed", "attachment %q: %w", m.Name, err)
	}
	return &scannedFile{f, dir}, nil
}

func (p Program) scan(ctx context.Context, r io.Reader, m bridge.Member, file string) error {
	if err := copyTo(file, r); err != nil {
		return err // of the content itself: says what it is
	}
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p[0], append(p[1:len(p):len(p)], file)...)
	cmd.Env = append(os.Environ(), "DRAWBRIDGE_NAME="+bridge.OneLine(m.Name), "DRAWBRIDGE_TYPE="+bridge.OneLine(m.Type), fmt.Sprintf("DRAWBRIDGE_SIZE=%d", m.Size))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() > 0 && ctx.Err() == nil:
		said, _, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(string(out), file, m.Name)), "\n")
		return bridge.Permanent("scan-refused", "attachment %q is kept out by this site's scan (exit %d): %.200s", m.Name, exit.ExitCode(), said)
	}
	return bridge.Temporary("scan-failed", "attachment %q cannot be scanned by %s: %w", m.Name, p[0], err)
}

func copyTo(file string, r io.Reader) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// scannedFile is a scanned copy, gone when it is closed.
type scannedFile struct {
	*os.File
	dir string
}

func (f *scannedFile) Close() error { return errors.Join(f.File.Close(), os.RemoveAll(f.dir)) }
