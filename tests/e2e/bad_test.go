package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"drawbridge/tests/rig"
)

// TestBadInput sends the hub what nobody should: each is refused or passed over, none changes anything, and afterwards
// everything works as before.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Not for strangers", nil)
	for _, c := range badWebhooks(w, s.here.Project) {
		t.Run(c.name, func(t *testing.T) {
			header := map[string]string{"X-Atlassian-Webhook-Identifier": "bad-" + c.name}
			switch c.signature {
			case "":
				header["X-Hub-Signature"] = signature(w.WebhookSecret(), c.body)
			case "none":
			default:
				header["X-Hub-Signature"] = c.signature
			}
			for k, v := range c.header {
				header[k] = v
			}
			kind := "application/json"
			if c.kind != "" {
				kind = c.kind
			}
			url := w.WebhookURL()
			if c.url != "" {
				url = c.url
			}
			status, answer, err := rig.Webhook(url, kind, c.body, header)
			if err != nil && c.want == http.StatusRequestEntityTooLarge {
				return // the connection was cut while the body was sent
			}
			if err != nil || status != c.want {
				t.Errorf("status %d, not %d (%v)", status, c.want, err)
			}
			if len(answer) > 100 || strings.Contains(answer, ".go:") {
				t.Errorf("the answer tells of inside: %.200q", answer)
			}
		})
	}
	s.here.Edit(key, rig.Fields{"summary": "Works as before"})
	s.there.Shows(twin, "summary", "Works as before")
	if s.there.Text(twin, "description") != "" || s.here.Text(key, "description") != "" {
		t.Error("a forged body changed an issue")
	}
	if w.Hub.Ended() {
		t.Error("the hub has ended")
	}
	if r := w.RunOnHub("status"); r.Code != 0 {
		t.Errorf("something needs attention:\n%s", r.Out)
	}
}

type badWebhook struct {
	name      string
	body      []byte
	signature string // "": a good one; "none": no header
	header    map[string]string
	kind, url string
	want      int
}

func badWebhooks(w *rig.World, project string) []badWebhook {
	forged := []byte(fmt.Sprintf(`{"timestamp":1,"webhookEvent":"jira:issue_updated","user":{"accountId":"x"},"issue":{"id":"10001","key":"%s-1",
		"fields":{"summary":"Forged","description":"Forged","project":{"key":"%s"}}},
		"changelog":{"id":"999999","items":[{"field":"description","fieldId":"description","fieldtype":"jira","from":null,"to":"Forged","toString":"Forged"}]}}`, project, project))
	deep := []byte(`{"webhookEvent":"jira:issue_updated","issue":` + strings.Repeat(`{"fields":[`, 50_000) + strings.Repeat(`]}`, 50_000) + `}`)
	wide := []byte(`{"webhookEvent":"sprint_started","pad":"` + strings.Repeat("x", 9<<20) + `"}`)
	large := []byte(`{"webhookEvent":"sprint_started","pad":"` + strings.Repeat("x", 11<<20) + `"}`)
	return []badWebhook{
		{name: "no signature", body: forged, signature: "none", want: 401},
		{name: "wrong signature", body: forged, signature: "sha256=" + strings.Repeat("0", 64), want: 401},
		{name: "signature of another body", body: forged, signature: signature(w.WebhookSecret(), []byte("{}")), want: 401},
		{name: "signature by an older method", body: forged, signature: "sha1=" + strings.Repeat("0", 40), want: 401},
		{name: "unknown site", body: forged, url: w.HubURL + "/v1/webhooks/elsewhere", want: 404},
		{name: "a path that climbs", body: forged, url: w.HubURL + "/v1/webhooks/..%2fcloud", want: 404},
		{name: "truncated", body: forged[:len(forged)/2], want: 400},
		{name: "empty", body: nil, want: 400},
		{name: "not an object", body: []byte(`[1,2,3]`), want: 400},
		{name: "no JSON", body: []byte("webhookEvent=jira:issue_updated"), kind: "application/x-www-form-urlencoded", want: 400},
		{name: "deeply nested", body: deep, want: 400},
		{name: "nine megabytes of an event nobody wants", body: wide, want: 202},
		{name: "over ten megabytes", body: large, want: 413},
		{name: "unknown event", body: []byte(`{"timestamp":1,"webhookEvent":"jira:issue_enchanted","issue":{"id":"10001","key":"PUB-1"}}`), want: 202},
		{name: "no event at all", body: []byte(`{"timestamp":1}`), want: 400},
		{name: "UTF-16", body: wideChars(string(forged)), want: 400},
		{name: "compressed", body: zipped(forged), header: map[string]string{"Content-Encoding": "gzip"}, want: 400},
		{name: "an issue that is not there", body: bytes.ReplaceAll(forged, []byte(`"10001"`), []byte(`"99999999"`)), want: 202},
		{name: "an id that climbs", body: bytes.ReplaceAll(forged, []byte(`"10001"`), []byte(`"../../myself"`)), want: 400},
	}
}

func signature(secret string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

func wideChars(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, r := range utf16.Encode([]rune(s)) {
		out = append(out, byte(r), byte(r>>8))
	}
	return out
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // into memory
	_ = z.Close()
	return out.Bytes()
}

// TestBadSettings has settings files with mistakes: every one is named at once, with its line, and nothing starts.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name, command, text string
		want                []string
	}{
		{"several mistakes", "hub", "public_url: ftp://hub\nlisten: nowhere\nsite:\n  name: Cloud Site\n  flavour: clowd\n  api_url: https://jira.example.com\n  auth: {token: secret-in-the-file}\ncolour: red\n",
			[]string{"bad.yaml:1:", "bad.yaml:2:", "bad.yaml:5:", "cloud", "datacenter", "bad.yaml:7:", "bad.yaml:8:", "colour", "mistakes"}},
		{"an open port", "poller", "site: {name: inside, flavour: datacenter, api_url: \"https://jira.inside\", auth: {token: {env: NO_SUCH_VARIABLE}}}\nmetrics: {listen: \"0.0.0.0:9090\"}\n",
			[]string{"bad.yaml:1:", "NO_SUCH_VARIABLE", "bad.yaml:2:", "loopback"}},
		{"no YAML", "hub", "site: [unclosed\n", []string{"bad.yaml:1:"}},
		{"empty", "poller", "", []string{"site"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, dir, "bad.yaml", c.text)
			args := []string{c.command, "--config", path}
			if c.command == "poller" {
				args = []string{"poller", "run", "--config", path}
			}
			r := rig.Exec(t, "", dir, args...)
			if r.Code != 2 {
				t.Errorf("exit code %d, not 2\n%s%s", r.Code, r.Out, r.Err)
			}
			for _, want := range c.want {
				if !strings.Contains(r.Err, want) {
					t.Errorf("no %q in:\n%s", want, r.Err)
				}
			}
			if strings.Contains(r.Err, "secret-in-the-file") {
				t.Errorf("a secret is shown:\n%s", r.Err)
			}
		})
	}
	if r := rig.Exec(t, "", dir, "hub", "--config", dir+"/none.yaml"); r.Code == 0 || !strings.Contains(r.Err, "none.yaml") {
		t.Errorf("no settings file: exit code %d: %s", r.Code, r.Err)
	}
}
