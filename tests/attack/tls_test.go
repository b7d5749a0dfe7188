package attack

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/exchange"
	"drawbridge/shared/jira"
	"drawbridge/shared/sign"
)

// TestAnUnknownAuthorityIsNotSpokenTo: with the settings as they are by default, neither a Jira nor a hub whose certificate nobody
// vouches for is told anything.
func TestAnUnknownAuthorityIsNotSpokenTo(t *testing.T) {
	told := 0
	impostor := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))
	defer impostor.Close()
	transport, err := config.Network{}.Transport()
	if err != nil {
		t.Fatal(err)
	}
	hc := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	site, err := jira.New(jira.Options{
		APIURL: impostor.URL, BrowseURL: impostor.URL, Flavour: bridge.DataCenter, HTTP: hc,
		Auth: jira.Auth{Kind: "pat", Secret: func() (string, error) { return "token", nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := site.Myself(context.Background()); bridge.NameOf(err) != "site-unreachable" || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a Jira with an unknown certificate: %v", err)
	}
	inv, err := sign.NewInvitation(strings.NewReader(strings.Repeat("x", 44)), impostor.URL, hubKey.Public(), "c1", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	client, err := exchange.NewClient(inv, poller1, hc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Accept(context.Background(), inv, "p", exchange.Site{}); bridge.NameOf(err) != "hub-unreachable" {
		t.Errorf("a hub with an unknown certificate: %v", err)
	}
	if told != 0 {
		t.Errorf("%d requests reached it", told)
	}
}

// TestNoSettingSkipsTLS: nothing in the product switches the check of certificates off.
func TestNoSettingSkipsTLS(t *testing.T) {
	read := 0
	for _, dir := range []string{"cmd", "functions", "shared", "simulator"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			read++
			ast.Inspect(file, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && (id.Name == "InsecureSkipVerify" || id.Name == "VerifyConnection" || id.Name == "VerifyPeerCertificate") {
					t.Errorf("%s: %s", path, id.Name)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}
