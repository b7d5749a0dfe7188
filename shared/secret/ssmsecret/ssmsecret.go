// Package ssmsecret takes secrets from SSM Parameter Store: the secret driver
// on AWS. A secret is a SecureString under the prefix of its stack, e.g.
// "/drawbridge/prod/hub-key". Start reading at [New].
package ssmsecret

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"drawbridge/shared/awscall"
	"drawbridge/shared/bridge"
	"drawbridge/shared/secret"
)

// Source is the parameters under a prefix. It implements secret.Source.
type Source struct {
	ssm    *awscall.Client
	prefix string
}

var _ secret.Source = (*Source)(nil)

// New uses the parameters under prefix, e.g. "/drawbridge/prod/".
func New(cfg aws.Config, prefix string) *Source { return &Source{awscall.New(cfg, "ssm", ""), prefix} }

// batch is the most parameters of one request.
const batch = 10

// Get implements secret.Source. One request reads ten secrets.
func (s *Source) Get(ctx context.Context, names ...string) (map[string]secret.Value, error) {
	if err := secret.ValidNames(names); err != nil {
		return nil, err
	}
	found := map[string]secret.Value{}
	var missing []string
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for some := range slices.Chunk(names, batch) {
		var paths []string
		for _, n := range some {
			paths = append(paths, s.prefix+n)
		}
		var out struct {
			Parameters        []parameter
			InvalidParameters []string
		}
		err := s.call(ctx, "GetParameters", map[string]any{"Names": paths, "WithDecryption": true}, &out)
		if err != nil {
			return nil, s.failed(ctx, "read", strings.Join(paths, ", "), err)
		}
		missing = append(missing, out.InvalidParameters...)
		for _, p := range out.Parameters {
			found[strings.TrimPrefix(p.Name, s.prefix)] = secret.New(p.Value)
		}
	}
	if len(missing) > 0 {
		return nil, secret.Missing(missing)
	}
	return found, nil
}

// Put stores a secret, replacing what is there.
func (s *Source) Put(ctx context.Context, name string, v secret.Value) error {
	if err := secret.ValidName(name); err != nil {
		return err
	}
	path := s.prefix + name
	err := s.call(ctx, "PutParameter", map[string]any{"Name": path, "Value": v.Reveal(), "Type": "SecureString", "Overwrite": true}, new(struct{}))
	if err != nil {
		return s.failed(ctx, "write", path, err)
	}
	return nil
}

type parameter struct{ Name, Value string }

// call makes one call of the service (AWS Systems Manager API Reference).
func (s *Source) call(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := s.ssm.Do(ctx, awscall.Request{
		Method: http.MethodPost, Path: "/", Body: awscall.Text(string(body)),
		Header: http.Header{"X-Amz-Target": {"AmazonSSM." + action}, "Content-Type": {"application/x-amz-json-1.1"}},
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

// failed wraps a failed call; it names the parameters, never their values.
func (s *Source) failed(ctx context.Context, what, paths string, err error) error {
	if ctx.Err() != nil {
		return bridge.Temporary("secret-unavailable", "%s parameters %s: %w", what, paths, ctx.Err())
	}
	if refusal := new(awscall.Error); errors.As(err, &refusal) {
		switch refusal.Code {
		case "AccessDeniedException", "KMSAccessDeniedException":
			return bridge.Temporary("secret-denied", "%s parameters %s: %w; look at the role's policy and the key",
				what, paths, err).At(bridge.LevelSite)
		case "ValidationException", "InvalidKeyId":
			return bridge.Permanent("secret-request", "%s parameters %s: %w", what, paths, err)
		}
	}
	return bridge.Temporary("secret-unavailable", "%s parameters %s: %w", what, paths, err).At(bridge.LevelSite)
}
