package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/engine"
)

// Front stands where API Gateway does: it has the name the stack's outputs
// give, and a certificate for it. Others reach it as they reach the world from
// inside a company, through a proxy; it leads nowhere else.
type Front struct {
	Proxy string // URL of the proxy
	CA    string // file with the certificate to trust
}

// Front opens the way to the stack's API; it is closed with the test.
func (s *Stack) Front(t testing.TB) *Front {
	t.Helper()
	host := s.API + ".execute-api." + engine.Region + ".amazonaws.com"
	to, err := url.Parse(s.URL)
	must(t, err)
	api := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = s.API + ".execute-api.localhost:" + to.Port()
	}})
	certificate, pemText := certify(t, host)
	api.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	api.StartTLS()
	t.Cleanup(api.Close)
	proxy := httptest.NewServer(tunnel(host+":443", api.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	f := &Front{Proxy: proxy.URL, CA: filepath.Join(t.TempDir(), "ca.pem")}
	must(t, os.WriteFile(f.CA, pemText, 0o600))
	return f
}

// Environment makes a process find the front. Addresses on loopback are never
// asked of a proxy.
func (f *Front) Environment() []string {
	return []string{"HTTPS_PROXY=" + f.Proxy, "https_proxy=" + f.Proxy, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE=" + f.CA}
}

// tunnel is a proxy that connects to one host only, which is at address.
func tunnel(host, address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.EqualFold(r.Host, host) {
			http.Error(w, "this way leads to "+host+" only", http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(there, buffered)
			there.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(here, there)
	}
}

// certify makes a certificate for a host, its own authority.
func certify(t testing.TB, host string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	must(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, text
}
