package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MakeTable makes a table and returns when it can be used. The answer of a slow engine may come too late: then the SDK asks
// a second time and hears that the table, whose name nobody else uses, is there.
func MakeTable(t testing.TB, c *dynamodb.Client, table *dynamodb.CreateTableInput) {
	t.Helper()
	var there *types.ResourceInUseException
	if _, err := c.CreateTable(t.Context(), table); err != nil && !errors.As(err, &there) {
		t.Fatal(err)
	}
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 20 * time.Millisecond })
	if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: table.TableName}, time.Minute); err != nil {
		t.Fatal(err)
	}
}
