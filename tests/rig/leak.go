package rig

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// said keeps what a command printed, to be searched for secrets at the end. Invitation codes are printed on purpose.
func (w *World) said(r Result) Result {
	f, err := os.OpenFile(w.Path("commands.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.T.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(codePattern.ReplaceAllString(r.Out, "(code)") + r.Err); err != nil {
		w.T.Fatal(err)
	}
	return r
}

var codePattern = regexp.MustCompile(`drawbridge1\.[A-Za-z0-9_.-]+`)

// Inside adds a text that must not be found on the public side: not in its Jira, its state, its log, its blobs.
func (w *World) Inside(text string) { w.secrets["inside: "+text] = text }

// finish stops what runs and looks for what must not be anywhere.
func (w *World) finish() {
	public := ""
	if w.cloud != nil && !w.cloud.Ended() {
		public = w.Public.Snapshot()
	}
	for _, p := range []*Process{w.Poller, w.Hub, w.server, w.cloud} {
		if p != nil {
			p.Kill()
		}
	}
	w.CheckLeaks(public)
}

// CheckLeaks searches logs, state files and folders of the halves for secrets, and public, the public Jira's content, for
// what stays inside.
func (w *World) CheckLeaks(public string) {
	w.T.Helper()
	files := w.read()
	for what, secret := range w.secrets {
		inside := strings.HasPrefix(what, "inside: ")
		if inside && strings.Contains(public, secret) {
			w.T.Errorf("the public Jira holds what stays inside: %s", what)
		}
		for name, text := range files {
			if inside && !publicFile(name) {
				continue
			}
			for _, form := range forms(secret) {
				if strings.Contains(text, form) {
					w.T.Errorf("%s holds the %s", name, what)
				}
			}
		}
	}
	for _, code := range w.Codes {
		for name, text := range files {
			if secret := codeSecret(code); strings.Contains(text, code) || secret != "" && strings.Contains(text, secret) {
				w.T.Errorf("%s holds an invitation's secret", name)
			}
		}
	}
	w.checkKeys(files)
	w.checkModes()
}

// publicFile says whether the file belongs to the public side.
func publicFile(name string) bool { return strings.HasPrefix(name, "hub") }

// forms are the ways a secret may be written.
func forms(secret string) []string {
	return []string{secret, base64.StdEncoding.EncodeToString([]byte("drawbridge@example.com:" + secret))}
}

// read returns the logs and state of the halves by name, and what commands have printed. The simulators' own files are
// left out: they are the Jiras.
func (w *World) read() map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(w.Dir, path)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(name, "hub") && !strings.HasPrefix(name, "poller") && !strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".yaml") {
			return nil
		}
		raw, err := os.ReadFile(path)
		out[name] = string(raw)
		return err
	})
	if err != nil {
		w.T.Error(err)
	}
	return out
}

// codeSecret is the secret inside an invitation code.
func codeSecret(code string) string {
	parts := strings.Split(code, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var inv struct{ S string }
	if err != nil || json.Unmarshal(raw, &inv) != nil {
		return ""
	}
	return inv.S
}

// checkKeys looks for private keys in everything that is no state file.
func (w *World) checkKeys(files map[string]string) {
	w.T.Helper()
	for name, text := range files {
		if !strings.Contains(name, ".db") && strings.Contains(text, "drawbridge-private-key.") {
			w.T.Errorf("%s holds a private key", name)
		}
	}
}

// checkModes sees that what holds keys or content is for its owner only.
func (w *World) checkModes() {
	w.T.Helper()
	for _, pattern := range []string{"hub.db*", "poller.db*", "hub-blobs", "poller-blobs"} {
		found, err := filepath.Glob(w.Path(pattern))
		if err != nil {
			w.T.Error(err)
		}
		for _, path := range found {
			info, err := os.Stat(path)
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				w.T.Errorf("%s has mode %s: others may read it", filepath.Base(path), info.Mode().Perm())
			}
		}
	}
}
