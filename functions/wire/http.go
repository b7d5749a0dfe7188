package wire

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Request and Response are events of an HTTP API, payload format 2.0.
type (
	Request  = events.APIGatewayV2HTTPRequest
	Response = events.APIGatewayV2HTTPResponse
)

// HTTP serves events of an HTTP API (payload format 2.0) with h. The body h
// reads is the one that was sent, whether API Gateway made base64 of it or
// not: signatures are over these bytes.
func HTTP(h http.Handler) func(context.Context, Request) (Response, error) {
	return func(ctx context.Context, e Request) (Response, error) {
		r, err := request(ctx, e)
		if err != nil {
			return Response{StatusCode: http.StatusBadRequest}, nil
		}
		w := &recorder{header: http.Header{}}
		h.ServeHTTP(w, r)
		return w.response(), nil
	}
}

func request(ctx context.Context, e Request) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, err
		}
	}
	u := "https://" + e.RequestContext.DomainName + path(e)
	if e.RawQueryString != "" {
		u += "?" + e.RawQueryString
	}
	if _, err := url.ParseRequestURI(u); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, v := range e.Headers {
		r.Header.Set(name, v)
	}
	if len(e.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	r.Host, r.RequestURI = e.RequestContext.DomainName, u[strings.Index(u[8:], "/")+8:]
	r.RemoteAddr = e.RequestContext.HTTP.SourceIP + ":0"
	return r, nil
}

// path is the path as it was asked for: rawPath carries the stage, except for
// the default one.
func path(e Request) string {
	stage := e.RequestContext.Stage
	if p, ok := strings.CutPrefix(e.RawPath, "/"+stage); ok && stage != "$default" && (p == "" || p[0] == '/') {
		return "/" + strings.TrimPrefix(p, "/")
	}
	return "/" + strings.TrimPrefix(e.RawPath, "/")
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(b) > maxAnswer {
		return 0, fmt.Errorf("answer over %d bytes", maxAnswer)
	}
	return w.body.Write(b)
}

// maxAnswer keeps an answer under Lambda's 6 MB even as base64.
const maxAnswer = 4500 << 10

func (w *recorder) response() Response {
	w.WriteHeader(http.StatusOK)
	out := Response{StatusCode: w.status, Headers: map[string]string{}}
	for name, values := range w.header {
		out.Headers[name] = strings.Join(values, ", ")
	}
	if b := w.body.Bytes(); utf8.Valid(b) && textual(w.header) {
		out.Body = string(b)
	} else {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(b), true
	}
	return out
}

// textual: everything but text goes as base64, so that no byte is lost on the way.
func textual(h http.Header) bool {
	t := h.Get("Content-Type")
	return strings.HasPrefix(t, "text/") || strings.HasPrefix(t, "application/json") || t == ""
}
