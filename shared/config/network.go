package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Network is the way to one target: its proxy, and which certificates count.
type Network struct {
	Proxy         string `json:"proxy"`
	ProxyUser     string `json:"proxy_user"`
	ProxyPassword Secret `json:"proxy_password"`
	CAFile        string `json:"ca_file"`
	ClientCert    string `json:"client_cert"`
	ClientKey     string `json:"client_key"`
}

// Transport returns an HTTP transport for the target. TLS is 1.2 or newer and always verified; automatic decompression is
// off, because signatures cover the bytes on the wire. Each target gets its own.
func (n Network) Transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ResponseHeaderTimeout = 2 * time.Minute
	t.MaxIdleConnsPerHost = 8
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	for _, set := range []func(*http.Transport) error{n.proxy, n.authorities, n.certificate} {
		if err := set(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (n Network) proxy(t *http.Transport) error {
	if strings.HasPrefix(cmp.Or(n.Proxy, os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy")), "https:") {
		t.ForceAttemptHTTP2 = false // or the proxy itself may choose HTTP/2, in which the transport cannot ask it for a way
		t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	if n.Proxy == "" {
		return nil
	}
	base, err := url.Parse(n.Proxy)
	if err != nil {
		return fmt.Errorf("proxy %q: %w", n.Proxy, err)
	}
	t.Proxy = func(*http.Request) (*url.URL, error) {
		u := *base
		if n.ProxyUser != "" {
			password, err := n.ProxyPassword.Reveal()
			if err != nil {
				return nil, fmt.Errorf("password for proxy %s: %w", base.Host, err)
			}
			u.User = url.UserPassword(n.ProxyUser, password)
		}
		return &u, nil
	}
	return nil
}

func (n Network) authorities(t *http.Transport) (err error) {
	t.TLSClientConfig.RootCAs, err = Authorities(n.CAFile)
	return err
}

// Authorities are the system's and those of a PEM file; nil, which means the system's, without a file.
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s: no certificate in it; it must be PEM, beginning with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

func (n Network) certificate(t *http.Transport) error {
	if n.ClientCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(n.ClientCert, n.ClientKey)
	if err != nil {
		return fmt.Errorf("client_cert %s with client_key %s: %w", n.ClientCert, n.ClientKey, err)
	}
	t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	return nil
}
