// Package awscall makes signed calls to AWS services one by one. It is for services of which a few calls are used and
// whose SDK client would be a fifth of a function's artifact (docs/decisions/aws.md). Signing, retrying, credentials and
// the HTTP client are the SDK's. It owns no stored keys. Start reading at [New] and [Client.Do].
package awscall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Client calls one service. Its methods are safe for concurrent use.
type Client struct {
	URL string // where it is called, without a slash at its end

	service string
	config  aws.Config
	sign    *v4.Signer
	retry   aws.Retryer
	http    aws.HTTPClient
}

// New makes a client of a service, named as in its host name and its signature: "s3". A resource that has a host of its
// own, a bucket, is named as well; it becomes the path's first segment where the configuration names an endpoint.
func New(cfg aws.Config, service, resource string) *Client {
	c := &Client{URL: endpoint(cfg, service, resource), service: service, config: cfg, sign: v4.NewSigner(), http: cfg.HTTPClient}
	if c.http == nil {
		c.http = awshttp.NewBuildableClient()
	}
	if cfg.Retryer != nil {
		c.retry = cfg.Retryer()
	} else {
		c.retry = retry.NewStandard()
	}
	return c
}

func endpoint(cfg aws.Config, service, resource string) string {
	base := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(service)) // as the SDK's own clients do
	if base == "" {
		base = aws.ToString(cfg.BaseEndpoint)
	}
	if base != "" {
		return strings.TrimRight(strings.TrimRight(base, "/")+"/"+resource, "/")
	}
	if resource != "" {
		resource += "."
	}
	return "https://" + resource + service + "." + cfg.Region + "." + domain(cfg.Region)
}

// domain is that of a region's services ("AWS service endpoints" in the AWS General Reference).
func domain(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "amazonaws.com.cn"
	case strings.HasPrefix(region, "eusc-"):
		return "amazonaws.eu"
	}
	return "amazonaws.com"
}

// Request is a call.
type Request struct {
	Method string
	Path   string // below the client's URL: letters, digits and /._- only, so that there is one way to write it
	Header http.Header
	Body   Body
}

// Body is what a request carries. It can be read again for another attempt.
type Body struct {
	Content io.ReaderAt // nil: nothing
	Size    int64       // bytes
	SHA256  string      // lower-case hex
}

// Text is a body in memory.
func Text(s string) Body {
	sum := sha256.Sum256([]byte(s))
	return Body{strings.NewReader(s), int64(len(s)), hex.EncodeToString(sum[:])}
}

// Do makes a call and returns its answer, the body of which the caller closes. It is tried again where the SDK's own
// clients would and the context's time allows it. What the service refuses is an [*Error].
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	if r.Body.Content == nil {
		r.Body = Text("")
	}
	for attempt := 1; ; attempt++ {
		resp, err := c.once(ctx, r)
		if err == nil || ctx.Err() != nil || attempt >= c.retry.MaxAttempts() || !c.retry.IsErrorRetryable(err) {
			return resp, err
		}
		pause, noPause := c.retry.RetryDelay(attempt, err)
		if deadline, ok := ctx.Deadline(); noPause != nil || ok && time.Until(deadline) < pause {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, r Request) (*http.Response, error) {
	who, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("no AWS credentials: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.URL+r.Path, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("X-Amz-Content-Sha256", r.Body.SHA256)
	if req.ContentLength = r.Body.Size; r.Body.Size > 0 {
		req.Body = io.NopCloser(io.NewSectionReader(r.Body.Content, 0, r.Body.Size))
	}
	if err := c.sign.SignHTTP(ctx, who, req, r.Body.SHA256, c.service, c.config.Region, time.Now()); err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // what is stored, not what the transport would unpack; not signed: proxies change it
	req.Header.Set("User-Agent", "drawbridge")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, refused(resp)
	}
	return resp, nil
}

// Presign returns a URL with which whoever has it may make a call until ttl is over. It is valid for at most as long as
// the credentials that signed it.
func (c *Client) Presign(ctx context.Context, method, path string, ttl time.Duration) (string, error) {
	who, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("no AWS credentials: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s%s?X-Amz-Expires=%d", c.URL, path, int64(ttl.Seconds())), nil)
	if err != nil {
		return "", err
	}
	url, _, err := c.sign.PresignHTTP(ctx, who, req, "UNSIGNED-PAYLOAD", c.service, c.config.Region, time.Now())
	return url, err
}
