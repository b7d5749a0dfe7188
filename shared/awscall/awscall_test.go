package awscall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func config(base string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &base, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "session"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond })
		},
	}
}

// service answers with one status after the other, the last one again and again, and keeps the bodies it was sent.
func service(t *testing.T, statuses ...int) (*Client, *[]string) {
	t.Helper()
	bodies := new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*bodies = append(*bodies, string(b))
		a := r.Header.Get("Authorization")
		if !strings.Contains(a, "/eu-west-1/s3/aws4_request") || !strings.Contains(a, "x-amz-content-sha256") || r.Header.Get("X-Amz-Security-Token") != "session" {
			t.Errorf("signed as %v", r.Header)
		}
		status := statuses[min(len(*bodies), len(statuses))-1]
		w.WriteHeader(status)
		if status >= 300 {
			fmt.Fprintf(w, "<Error><Code>Status%d</Code><Message>no</Message></Error>", status)
		}
	}))
	t.Cleanup(s.Close)
	return New(config(s.URL), "s3", "bucket"), bodies
}

func TestAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		sent     int
		ok       bool
	}{
		"at once":           {[]int{200}, 1, true},
		"the third":         {[]int{503, 500, 200}, 3, true},
		"never":             {[]int{503}, 3, false},
		"a refusal is one":  {[]int{404, 200}, 1, false},
		"no redirect taken": {[]int{307, 200}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, bodies := service(t, c.statuses...)
			resp, err := client.Do(t.Context(), Request{Method: "PUT", Path: "/k", Body: Text("content")})
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				resp.Body.Close()
			}
			if want := slices.Repeat([]string{"content"}, c.sent); !slices.Equal(*bodies, want) {
				t.Errorf("sent %q, want %q", *bodies, want)
			}
		})
	}
}

// TestNoAttemptBeyondTheTimeLeft: what would wait past the context's deadline says at once why it failed.
func TestNoAttemptBeyondTheTimeLeft(t *testing.T) {
	client, bodies := service(t, 503)
	client.retry = retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Hour, nil })
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := client.Do(ctx, Request{Method: "GET", Path: "/k"})
	if refusal := new(Error); !errors.As(err, &refusal) || refusal.Code != "Status503" || len(*bodies) != 1 {
		t.Errorf("got %v after %d attempts", err, len(*bodies))
	}
}

func TestEndpoints(t *testing.T) {
	in := func(region string) aws.Config { return aws.Config{Region: region} }
	for want, got := range map[string]string{
		"https://b.s3.eu-west-1.amazonaws.com":         endpoint(in("eu-west-1"), "s3", "b"),
		"https://ssm.us-gov-west-1.amazonaws.com":      endpoint(in("us-gov-west-1"), "ssm", ""),
		"https://b.s3.cn-north-1.amazonaws.com.cn":     endpoint(in("cn-north-1"), "s3", "b"),
		"https://b.s3.eusc-de-east-1.amazonaws.eu":     endpoint(in("eusc-de-east-1"), "s3", "b"),
		"http://127.0.0.1:9/b":                         endpoint(config("http://127.0.0.1:9/"), "s3", "b"),
		"http://127.0.0.1:9":                           endpoint(config("http://127.0.0.1:9"), "ssm", ""),
		"https://cloudformation.us-east-1.example/own": ownEndpoint(t),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func ownEndpoint(t *testing.T) string {
	t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "https://cloudformation.us-east-1.example/own/")
	return endpoint(config("http://127.0.0.1:9"), "cloudformation", "")
}

func TestRefusals(t *testing.T) {
	for body, want := range map[string]Error{
		"": {Status: 403, Request: "r1"},
		`{"__type":"com.amazonaws.ssm#AccessDeniedException","message":"no"}`:                                                    {403, "AccessDeniedException", "no", "r1"},
		`{"__type":"ThrottlingException","Message":"later"}`:                                                                     {403, "ThrottlingException", "later", "r1"},
		`<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>`:                                      {403, "NoSuchKey", "gone", "r1"},
		`<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack nope does not exist</Message></Error></ErrorResponse>`: {403, "ValidationError", "Stack nope does not exist", "r1"},
		`<html>a gateway</html>`: {Status: 403, Request: "r1"},
	} {
		got := refused(&http.Response{StatusCode: 403, Header: http.Header{"X-Amz-Request-Id": {"r1"}}, Body: io.NopCloser(strings.NewReader(body))})
		if *got != want {
			t.Errorf("%s is read as %+v, want %+v", body, *got, want)
		}
	}
}

func TestAPresignedURLSaysHowLong(t *testing.T) {
	text, err := New(config("http://127.0.0.1:9"), "s3", "b").Presign(t.Context(), "PUT", "/k", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if q := u.Query(); err != nil || u.Path != "/b/k" || q.Get("X-Amz-Expires") != "600" || q.Get("X-Amz-SignedHeaders") != "host" || q.Get("X-Amz-Signature") == "" {
		t.Errorf("got %s, %v", text, err)
	}
}
