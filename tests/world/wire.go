package world

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// wire is the way to a Jira in this process, without a network: in a bubble of fake time nothing may wait for one.
type wire struct{ jira http.Handler }

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close() // it was read to its end
	}
	in := req.Clone(req.Context())
	in.Body, in.RequestURI, in.Host = io.NopCloser(bytes.NewReader(body)), req.URL.RequestURI(), req.URL.Host
	rec := httptest.NewRecorder()
	w.jira.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = req
	res.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return res, nil
}
