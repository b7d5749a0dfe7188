package simulator

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Snapshot is the whole site as JSON: issues, attachments, webhooks, rules.
func (s *Site) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(&s.st)
}

// Restore replaces everything with a snapshot of the same flavour.
func (s *Site) Restore(data []byte) error {
	st := emptyState(s.opt.Flavour)
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	if st.Flavour != s.opt.Flavour {
		return fmt.Errorf("snapshot is of flavour %q, this site is %q", st.Flavour, s.opt.Flavour)
	}
	repair(&st)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st = st
	s.reindex()
	return nil
}

// repair makes the maps that JSON leaves nil.
func repair(st *state) {
	for _, is := range st.Issues {
		if is.Values == nil {
			is.Values = map[string]Value{}
		}
		if is.Properties == nil {
			is.Properties = map[string]json.RawMessage{}
		}
		for _, c := range is.Comments {
			if c.Properties == nil {
				c.Properties = map[string]json.RawMessage{}
			}
		}
	}
}

// changedSinceSave reports whether a request may have changed something since
// it was last asked.
func (s *Site) changedSinceSave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirty := s.dirty
	s.dirty = false
	return dirty
}

// Save writes the site to a file; a crash leaves either the old or the new one.
func (s *Site) Save(path string) error {
	data, err := s.Snapshot()
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	return nil
}

// Load reads what Save wrote.
func (s *Site) Load(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := s.Restore(data); err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}
