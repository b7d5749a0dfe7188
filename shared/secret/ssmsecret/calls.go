package ssmsecret

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// calls are the operations of the client that are used. A field holding the
// client itself would have the linker keep every operation of the service in
// the functions: some megabytes.
type calls struct {
	getParameters func(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
	putParameter  func(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
}

func callsOf(c *ssm.Client) calls {
	return calls{c.GetParameters, c.PutParameter}
}
