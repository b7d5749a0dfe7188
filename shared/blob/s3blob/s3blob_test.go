package s3blob_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"drawbridge/shared/blob"
	"drawbridge/shared/blob/blobtest"
	"drawbridge/shared/blob/s3blob"
	"drawbridge/shared/bridge"
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

var buckets atomic.Int64

// open returns a bucket, and with it the SDK's client: what one writes the other reads.
func open(t *testing.T) (*s3blob.Store, *s3.Client, string) {
	t.Helper()
	cfg := config(engine.MiniStack(t), http.DefaultTransport)
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := fmt.Sprintf("drawbridge-%d-%d", os.Getpid(), buckets.Add(1))
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return s3blob.New(cfg, bucket), c, bucket
}

func TestConformance(t *testing.T) {
	blobtest.Conformance(t, blobtest.Options{Presigns: true}, func(t *testing.T) blob.Store {
		s, _, _ := open(t)
		return s
	})
}

// TestDamageIsSeen: an object that somebody changed does not pass for ours.
func TestDamageIsSeen(t *testing.T) {
	s, c, bucket := open(t)
	if _, err := s.Put(t.Context(), "k", strings.NewReader("content"), 7, ""); err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("changed"), Metadata: head.Metadata,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); bridge.NameOf(err) != "blob-mismatch" {
		t.Errorf("got %v, want a mismatch", err)
	}
}

type refuse struct {
	status int
	code   string
}

func (r refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	body := fmt.Sprintf("<Error><Code>%s</Code><Message>no</Message></Error>", r.code)
	return &http.Response{
		StatusCode: r.status, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: req,
	}, nil
}

func TestErrorsNameTheBucket(t *testing.T) {
	for want, answer := range map[string]refuse{
		"blob-bucket":      {404, "NoSuchBucket"},
		"blob-denied":      {403, "AccessDenied"},
		"blob-unavailable": {503, "SlowDown"},
	} {
		s := s3blob.New(config("http://127.0.0.1:1", answer), "my-bucket")
		_, putErr := s.Put(t.Context(), "k", strings.NewReader("x"), 1, "")
		_, _, getErr := s.Get(t.Context(), "k")
		for _, err := range []error{putErr, getErr} {
			temporary := want != "blob-bucket"
			if bridge.NameOf(err) != want || bridge.IsTemporary(err) != temporary || !strings.Contains(err.Error(), "my-bucket") {
				t.Errorf("%s gives %v", answer.code, err)
			}
		}
	}
}
