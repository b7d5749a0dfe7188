package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite golden files")

func samples(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files for %s: %v", pattern, err)
	}
	return names
}

// environment sets what the sample files name: variables, and the file "token" beside them.
func environment(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"TEST_TOKEN", "TEST_PROXY", "TEST_WEBHOOK"} {
		t.Setenv(name, "value-of-"+name)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("value-of-token-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// copied puts a sample into a folder of its own, with the environment it needs.
func copied(t *testing.T, sample string) string {
	t.Helper()
	dir := t.TempDir()
	environment(t, dir)
	data, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(sample))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func loadAny(k Kind, path string) error {
	if k == HubFile {
		_, err := LoadHub(path)
		return err
	}
	_, err := LoadPoller(path)
	return err
}

func TestGoodFilesLoad(t *testing.T) {
	for _, k := range Kinds {
		for _, sample := range samples(t, string(k)+"/good/*.yaml") {
			t.Run(sample, func(t *testing.T) {
				if err := loadAny(k, copied(t, sample)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestBadFilesSayEverything(t *testing.T) {
	for _, k := range Kinds {
		for _, sample := range samples(t, string(k)+"/bad/*.yaml") {
			t.Run(sample, func(t *testing.T) {
				path := copied(t, sample)
				err := loadAny(k, path)
				var found Mistakes
				if !errors.As(err, &found) {
					t.Fatalf("error is %v, not mistakes with places", err)
				}
				got := strings.ReplaceAll(found.Error(), filepath.Dir(path)+"/", "") + "\n"
				golden(t, strings.TrimSuffix(sample, ".yaml")+".txt", got)
				if strings.Contains(got, "hunter2") {
					t.Error("the error repeats a secret")
				}
			})
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", name, got, want)
	}
}

// TestSchemaIsTheTruth: a validator that is not ours accepts and refuses the same files.
func TestSchemaIsTheTruth(t *testing.T) {
	for _, k := range Kinds {
		validator := compile(t, k)
		for _, sample := range append(samples(t, string(k)+"/good/*.yaml"), samples(t, string(k)+"/bad/*.yaml")...) {
			data, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, validator, k, sample, data)
		}
	}
}

// FuzzSchemaIsTheTruth looks for a file that one accepts and the other refuses.
func FuzzSchemaIsTheTruth(f *testing.F) {
	for _, pattern := range []string{"testdata/*/good/*.yaml", "testdata/*/bad/*.yaml"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	validators := map[Kind]*jsonschema.Schema{HubFile: compile(f, HubFile), PollerFile: compile(f, PollerFile)}
	f.Fuzz(func(t *testing.T, data []byte) {
		for k, v := range validators {
			agree(t, v, k, "fuzz", data)
		}
	})
}

func compile(t testing.TB, k Kind) *jsonschema.Schema {
	t.Helper()
	raw, err := Schema(k)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func agree(t *testing.T, validator *jsonschema.Schema, k Kind, name string, data []byte) {
	t.Helper()
	found := Check(k, name, data)
	value, ok := plain(data)
	if !ok || unread(found) {
		if !ok && len(found) == 0 {
			t.Errorf("%s: accepted, but it cannot be read as JSON data", name)
		}
		return
	}
	if err := validator.Validate(value); (err == nil) != (len(found) == 0) {
		t.Errorf("%s: the schema says %v, loading says:\n%v", name, err, found)
	}
}

// unread reports mistakes that no JSON Schema can know: of YAML itself.
func unread(found Mistakes) bool {
	for _, m := range found {
		if strings.HasPrefix(m.Message, "not YAML") || strings.Contains(m.Message, "anchors") || strings.Contains(m.Message, "twice") || strings.Contains(m.Message, "second document") {
			return true
		}
	}
	return false
}

// plain reads YAML as JSON data, by the library's own way.
func plain(data []byte) (any, bool) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, false
	}
	if v == nil {
		v = map[string]any{}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	return value, err == nil
}

func TestEverythingArrives(t *testing.T) {
	path := copied(t, "testdata/hub/good/everything.yaml")
	h, err := LoadHub(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	for name, c := range map[string]struct{ got, want any }{
		"state":      {h.State, "/var/lib/drawbridge/hub.db"},
		"blobs":      {h.Blobs, filepath.Join(dir, "blobs")},
		"cert":       {h.TLS.Cert, filepath.Join(dir, "tls/cert.pem")},
		"api_url":    {h.Site.APIURL, "https://api.atlassian.com/ex/jira/11111111-2222-3333-4444-555555555555"},
		"browse_url": {h.Site.BrowseURL, "https://acme.atlassian.net"},
		"expires":    {h.Site.CredentialExpires.Format("2006-01-02"), "2027-03-31"},
		"interval":   {h.Watch.Interval.Std().String(), "1h30m0s"},
		"attachment": {int64(h.Limits.Attachment), int64(2 << 30)},
		"workers":    {h.Workers, 16},
		"pace":       {h.Pace, "cheap"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", name, c.got, c.want)
		}
	}
	for want, s := range map[string]Secret{"value-of-token-file": h.Site.Auth.Token, "value-of-TEST_WEBHOOK": h.Webhook.Secret, "value-of-TEST_PROXY": h.Site.Network.ProxyPassword} {
		if got, err := s.Reveal(); got != want || err != nil {
			t.Errorf("%s: %q, %v", s.Source(), got, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	p, err := LoadPoller(copied(t, "testdata/poller/good/smallest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Watch.Interval.Std().String() != "10s" || p.Log.Level != "info" || p.Metrics != nil || p.Site.BrowseURL != p.Site.APIURL {
		t.Errorf("defaults are not as documented: %+v", p)
	}
	if n := p.Notify; n.Mail != nil || n.Webhook != nil || len(n.Command) > 0 {
		t.Errorf("nobody is to be told, but %+v", n)
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	_, err := LoadHub(filepath.Join(t.TempDir(), "hub.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "hub.yaml") {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestNearestWord(t *testing.T) {
	for in, want := range map[string]string{"flavor": "flavour", "FLAVOUR": "flavour", "nmae": "name", "apiurl": "api_url", "zzz": "", "": ""} {
		if got := nearest(in, []string{"name", "flavour", "api_url", "auth"}); got != want {
			t.Errorf("nearest to %q is %q, want %q", in, got, want)
		}
	}
}

func TestExamplesAreRight(t *testing.T) {
	for _, k := range Kinds {
		text, err := Example(k)
		if err != nil {
			t.Fatal(err)
		}
		if found := Check(k, string(k)+".yaml", text); len(found) > 0 {
			t.Error(found)
		}
	}
}
