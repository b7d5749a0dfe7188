package dynamostore

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// hindered reports whether a write was refused only because of a concurrent
// transaction or throttling inside a transaction, which the SDK does not retry.
func hindered(err error) bool {
	var conflict *types.TransactionConflictException
	var progress *types.TransactionInProgressException
	var canceled *types.TransactionCanceledException
	switch {
	case errors.As(err, &conflict), errors.As(err, &progress):
		return true
	case errors.As(err, &canceled):
		return slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
			return slices.Contains(transient, aws.ToString(r.Code))
		})
	}
	return false
}

// transient are the cancellation reasons a later try may not meet.
var transient = []string{"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

// failed wraps an error of the SDK; what says what was attempted.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	var known *bridge.Error
	var conflict *store.Conflict
	if err == nil || errors.As(err, &known) || errors.As(err, &conflict) {
		return err
	}
	if ctx.Err() != nil {
		return bridge.Temporary("store-unavailable", "table %s: %s: %w", s.table, what, ctx.Err())
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ResourceNotFoundException":
			return bridge.Permanent("store-missing",
				"table %s: %s: %w; deploy the stack, or name the right table", s.table, what, err).At(bridge.LevelSite)
		case "ValidationException":
			return bridge.Permanent("store-request", "table %s: %s: %w", s.table, what, err)
		case "AccessDeniedException":
			return bridge.Temporary("store-denied",
				"table %s: %s: %w; look at the role's policy and the table's key", s.table, what, err).At(bridge.LevelSite)
		}
	}
	return bridge.Temporary("store-unavailable", "table %s: %s: %w", s.table, what, err).At(bridge.LevelSite)
}
