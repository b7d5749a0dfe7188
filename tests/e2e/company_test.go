package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// An authority issues a company's own certificates, into files of a folder.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Corp CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(240 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.key = a.sign(t, "ca", a.cert)
	return a
}

// issue makes a certificate of that name for this machine.
func (a *authority) issue(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	a.n++
	a.sign(t, name, &x509.Certificate{SerialNumber: big.NewInt(a.n + 1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return a.path(name + ".pem"), a.path(name + ".key")
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// sign makes the certificate and its key; the first one signs itself.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	by := a.key
	if by == nil {
		by = key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, a.dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	writeFile(t, a.dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return key
}

// pool is who trusts the authority.
func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	raw, err := os.ReadFile(a.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(raw)
	return p
}

// serve serves h, on TLS with a certificate of the authority where secure, and returns host:port with the name the
// certificate is for.
func (a *authority) serve(t *testing.T, name string, secure bool, conf *tls.Config, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &http.Server{Handler: h, TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0)} // refusing is its work
	go func() {
		if secure {
			certificate, key := a.issue(t, name)
			_ = s.ServeTLS(l, certificate, key) // ends when it is closed
			return
		}
		_ = s.Serve(l)
	}()
	t.Cleanup(func() { _ = s.Close() })
	return "localhost:" + port
}

// A proxy is a company's: it lets nobody through who does not say who he is, opens connections for the others, and
// remembers where to.
type proxy struct {
	user, password string

	mu      sync.Mutex
	to      map[string]int
	refused int
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	user, password, _ := said.BasicAuth()
	known := user == p.user && password == p.password
	p.note(r.Host, known)
	switch {
	case !known:
		w.Header().Set("Proxy-Authenticate", `Basic realm="corp"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		tunnel(w, r.Host)
	}
}

func (p *proxy) note(host string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.to == nil {
		p.to = map[string]int{}
	}
	if p.to[host]++; !known {
		p.refused++
	}
}

// seen is where it was asked to go, and how often it refused.
func (p *proxy) seen() (hosts []string, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.to {
		hosts = append(hosts, h)
	}
	return hosts, p.refused
}

// tunnel carries bytes both ways until an end has had enough.
func tunnel(w http.ResponseWriter, host string) {
	far, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	pipe := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from) // an end that closes is the end
		done <- struct{}{}
	}
	go pipe(far, buffered)
	go pipe(near, far)
	<-done
}

// below serves what stands at base under a path, after check has let the request through: 0, or the status to refuse with.
func below(t *testing.T, base, path string, check func(*http.Request) (status int, why string)) http.Handler {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, path)
		r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.RawPath, path)
		r.Out.Host = u.Host
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path+"/") {
			http.NotFound(w, r)
			return
		}
		if status, why := check(r); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, why)
			return
		}
		forward.ServeHTTP(w, r)
	})
}
