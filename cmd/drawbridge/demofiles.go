package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"drawbridge/simulator"
)

// The demo's ports, in the order in which they are given out.
const (
	portCloud = iota
	portDataCenter
	portHub
	portMetrics
	portWebhook
	portCloudManage
	portDataCenterManage
	portCount
)

// demoFiles is the folder of a demo: its settings, its state, its logs, and the ports it keeps.
type demoFiles struct {
	dir   string
	ports []string // addresses, by the constants above
}

// A demoJira is one of the two Jiras, as ready.json tells of it. User and token are those of a person, not of Drawbridge.
type demoJira struct {
	BaseURL  string `json:"base_url"`
	Flavour  string `json:"flavour"`
	User     string `json:"user"`
	Token    string `json:"token"`
	Password string `json:"password,omitempty"`
	Project  string `json:"project"`
	Service  string `json:"service_project"`
	Manage   string `json:"manage_url"`

	address, manage string
}

// openDemoFiles makes the folder, or opens the one of an earlier start with the ports it had.
func openDemoFiles(dir, listen string) (*demoFiles, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"", "logs", "secrets"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	f := &demoFiles{dir: dir}
	raw, err := os.ReadFile(f.path("demo.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, f.choosePorts(listen)
	case err != nil:
		return nil, err
	}
	var kept struct{ Ports []string }
	if err := json.Unmarshal(raw, &kept); err != nil || len(kept.Ports) != portCount {
		return nil, fmt.Errorf("%s is damaged; remove the folder %s to begin anew", f.path("demo.json"), dir)
	}
	f.ports = kept.Ports
	return f, f.portsFree()
}

func (f *demoFiles) path(name string) string { return filepath.Join(f.dir, name) }

// choosePorts takes free ports, or the ones from the given on, and keeps them: they stand in signatures and webhooks.
func (f *demoFiles) choosePorts(listen string) error {
	host, first, err := net.SplitHostPort(listen)
	if err != nil {
		return usage("drawbridge demo", "--listen %q: say host:port, such as 127.0.0.1:0", listen)
	}
	start, err := strconv.Atoi(first)
	if err != nil {
		return usage("drawbridge demo", "--listen %q: the port is not a number", listen)
	}
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close() // it was only held so that no port is given out twice
		}
	}()
	for i := range portCount {
		port := 0
		if start > 0 {
			port = start + i
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("no port for the demo: %w", err)
		}
		open = append(open, l)
		f.ports = append(f.ports, l.Addr().String())
	}
	raw, err := json.Marshal(map[string]any{"ports": f.ports})
	if err != nil {
		return err
	}
	return writeWhole(f.path("demo.json"), raw)
}

// portsFree says which port of an earlier start somebody else has now: most likely the demo runs already.
func (f *demoFiles) portsFree() error {
	for _, p := range f.ports {
		l, err := net.Listen("tcp", p)
		if err != nil {
			return fmt.Errorf("the demo in %s kept the port %s, and it is taken: does this demo run already? Otherwise use another --dir (%w)", f.dir, p, err)
		}
		_ = l.Close()
	}
	return nil
}

func (f *demoFiles) hubURL() string { return "http://" + f.ports[portHub] }

func (f *demoFiles) public() demoJira {
	return demoJira{
		BaseURL: "http://" + f.ports[portCloud], Flavour: "cloud", User: simulator.AdminUser + "@example.com", Token: simulator.AdminUser + "-token",
		Project: "PUB", Service: "PUBSD", Manage: "http://" + f.ports[portCloudManage], address: f.ports[portCloud], manage: f.ports[portCloudManage],
	}
}

func (f *demoFiles) private() demoJira {
	return demoJira{
		BaseURL: "http://" + f.ports[portDataCenter], Flavour: "datacenter", User: simulator.AdminUser, Token: simulator.AdminUser + "-token", Password: simulator.AdminUser,
		Project: "PRIV", Service: "PRIVSD", Manage: "http://" + f.ports[portDataCenterManage], address: f.ports[portDataCenter], manage: f.ports[portDataCenterManage],
	}
}

// writeSettings writes what is not there yet: what somebody changed by hand stays.
func (f *demoFiles) writeSettings() error {
	files := map[string]string{
		"hub.yaml":                   f.hubSettings(),
		"poller.yaml":                f.pollerSettings(),
		"rules-public.yaml":          fmt.Sprintf(demoRules, "public", "project = PUB"),
		"rules-private.yaml":         fmt.Sprintf(demoRules, "private", "project = PRIV"),
		"secrets/cloud-token":        simulator.SyncUser + "-token\n",
		"secrets/datacenter-token":   simulator.SyncUser + "-token\n",
		"secrets/cloud-webhook":      rand.Text() + "\n",
		"secrets/datacenter-webhook": rand.Text() + "\n",
	}
	for name, text := range files {
		if _, err := os.Stat(f.path(name)); err == nil {
			continue
		}
		if err := writeWhole(f.path(name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func (f *demoFiles) hubSettings() string {
	return fmt.Sprintf(`# The demo's hub. All settings: docs/configuration.md
public_url: %s
listen: %s
state: hub.db
blobs: hub-blobs
site:
  name: cloud
  flavour: cloud
  api_url: %s
  auth: {user: drawbridge@example.com, token: {file: secrets/cloud-token}}
webhook:
  secret: {file: secrets/cloud-webhook}
watch: {interval: 5s}
`, f.hubURL(), f.ports[portHub], f.public().BaseURL)
}

func (f *demoFiles) pollerSettings() string {
	return fmt.Sprintf(`# The demo's poller. All settings: docs/configuration.md
state: poller.db
blobs: poller-blobs
site:
  name: inside
  flavour: datacenter
  api_url: %s
  auth: {token: {file: secrets/datacenter-token}}
watch:
  interval: 2s
  webhook: {listen: "%s", secret: {file: secrets/datacenter-webhook}}
metrics: {listen: "%s"}
`, f.private().BaseURL, f.ports[portWebhook], f.ports[portMetrics])
}

// demoRules let everything out that the default rules keep in, so that there is something to see.
const demoRules = `# The rules of the demo's %s side. Change them, then: drawbridge rules publish FILE
version: 1
fields:
  - priority
  - labels
  - duedate
  - components
  - fixVersions
  - assignee
  - reporter
  - Customer
  - Story points
  - Target date
  - Severity
  - Platforms
  - Approver
users:
  email: true
  send: [email]
worklogs:
  direction: both
triggers:
  - jql: %s
`

// writeWhole writes a file so that nobody sees half of it. Only its owner may read it.
func writeWhole(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // that it answers is all
	return resp.StatusCode < 500
}
