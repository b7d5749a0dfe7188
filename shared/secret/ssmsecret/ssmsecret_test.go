package ssmsecret_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"drawbridge/shared/bridge"
	"drawbridge/shared/secret"
	"drawbridge/shared/secret/secrettest"
	"drawbridge/shared/secret/ssmsecret"
	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

func config(url string, transport http.RoundTripper) aws.Config {
	return aws.Config{
		Region: engine.Region, BaseEndpoint: &url, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond })
		},
	}
}

func TestConformance(t *testing.T) {
	cfg := config(engine.MiniStack(t), http.DefaultTransport)
	secrettest.Conformance(t, func(t *testing.T, secrets map[string]string) secret.Source {
		s := ssmsecret.New(cfg, fmt.Sprintf("/drawbridge/%d/", os.Getpid()))
		for n, v := range secrets {
			for _, value := range []string{"old", v} {
				if err := s.Put(t.Context(), n, secret.New(value)); err != nil {
					t.Fatal(err)
				}
			}
		}
		return s
	})
}

type refuse struct{ code string }

func (r refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 400, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"__type":%q,"message":"no"}`, r.code))), Request: req,
	}, nil
}

func TestErrorsNameTheParameterNotTheValue(t *testing.T) {
	for code, want := range map[string]string{
		"AccessDeniedException": "secret-denied", "InternalServerError": "secret-unavailable", "ValidationException": "secret-request",
	} {
		s := ssmsecret.New(config("http://127.0.0.1:1", refuse{code}), "/drawbridge/prod/")
		_, getErr := s.Get(t.Context(), "hub-key")
		putErr := s.Put(t.Context(), "hub-key", secret.New("hunter2"))
		for _, err := range []error{getErr, putErr} {
			if bridge.NameOf(err) != want || !strings.Contains(err.Error(), "/drawbridge/prod/hub-key") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s gives %v", code, err)
			}
		}
	}
}
