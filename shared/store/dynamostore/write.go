package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"drawbridge/shared/store"
)

// Conditions. An expired item counts as absent whether or not DynamoDB has
// deleted it.
const (
	isAbsent = "attribute_not_exists(part) OR expires <= :now"
	isAt     = "rev = :rev AND (attribute_not_exists(expires) OR expires > :now)"
)

// writerLen is the length of a write's name: 60 random bits, which need to differ from those of one other write.
const writerLen = 12

// tries is how often a write is tried that a concurrent transaction hinders.
const tries = 10

// Apply implements store.Store.
func (s *Store) Apply(ctx context.Context, ops ...store.Op) error {
	if err := store.ValidOps(ops); err != nil {
		return err
	}
	if len(ops) == 0 {
		return nil
	}
	what := "write " + ops[0].Key().String()
	writer := rand.Text()[:writerLen]
	var err error
	for try := range tries {
		if err = pause(ctx, try-1); err != nil {
			break
		}
		if len(ops) == 1 {
			err = s.one(ctx, ops[0], writer)
		} else {
			err = s.transact(ctx, ops, writer)
		}
		if !hindered(err) {
			break
		}
	}
	return s.failed(ctx, what, err)
}

// Sequence implements store.Store: plain writes, at half the price of a transaction.
func (s *Store) Sequence(ctx context.Context, ops ...store.Op) error {
	return store.OneByOne(ctx, s.Apply, ops)
}

// pause waits before a further try: not at all before the first (n < 0), then
// 10 ms, doubled each time up to a second, half of it at random.
func pause(ctx context.Context, n int) error {
	if n < 0 {
		return ctx.Err()
	}
	d := min(10*time.Millisecond<<min(n, 10), time.Second)
	if r, err := rand.Int(rand.Reader, big.NewInt(int64(d/2))); err == nil {
		d = d/2 + time.Duration(r.Int64())
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// one does a single operation as one plain write.
func (s *Store) one(ctx context.Context, o store.Op, writer string) error {
	w := s.write(o, writer)
	var err error
	switch {
	case w.Put != nil:
		_, err = s.call.putItem(ctx, &dynamodb.PutItemInput{
			TableName: &s.table, Item: w.Put.Item, ConditionExpression: w.Put.ConditionExpression,
			ExpressionAttributeValues:           w.Put.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
	case w.Update != nil:
		_, err = s.call.updateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.table, Key: w.Update.Key, UpdateExpression: w.Update.UpdateExpression,
			ExpressionAttributeNames: w.Update.ExpressionAttributeNames, ExpressionAttributeValues: w.Update.ExpressionAttributeValues,
		})
	case w.Delete != nil:
		err = s.deleteOne(ctx, w.Delete)
	default:
		return s.check(ctx, o)
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		if item(failed.Item).text("writer") == writer {
			return nil // our own write, sent again after its answer was lost
		}
		return &store.Conflict{Key: o.Key(), Kind: o.Kind}
	}
	return err
}

// deleteOne sends a conditional deletion once only: sent again after a lost
// answer, its condition would fail and look like a conflict.
func (s *Store) deleteOne(ctx context.Context, d *types.Delete) error {
	in := &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: d.Key, ConditionExpression: d.ConditionExpression, ExpressionAttributeValues: d.ExpressionAttributeValues,
	}
	_, err := s.call.deleteItem(ctx, in, func(o *dynamodb.Options) {
		if d.ConditionExpression != nil {
			o.Retryer = aws.NopRetryer{}
		}
	})
	return err
}

// check reads: a condition without a write is a read.
func (s *Store) check(ctx context.Context, o store.Op) error {
	docs, err := s.Get(ctx, o.Key())
	if err != nil {
		return err
	}
	var rev int64
	if docs[0] != nil {
		rev = docs[0].Rev
	}
	if !o.Holds(rev) {
		return &store.Conflict{Key: o.Key(), Kind: o.Kind}
	}
	return nil
}

// transact does several operations in one transaction, whose token lets the
// SDK send it again safely.
func (s *Store) transact(ctx context.Context, ops []store.Op, writer string) error {
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(rand.Text())}
	for _, o := range ops {
		in.TransactItems = append(in.TransactItems, s.write(o, writer))
	}
	_, err := s.call.transactWriteItems(ctx, in)
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return err
	}
	for i, reason := range canceled.CancellationReasons {
		if aws.ToString(reason.Code) == "ConditionalCheckFailed" && i < len(ops) {
			return &store.Conflict{Key: ops[i].Key(), Kind: ops[i].Kind}
		}
	}
	return err
}

// write is an operation in DynamoDB's words.
func (s *Store) write(o store.Op, writer string) types.TransactWriteItem {
	now := item{":now": num(s.now().UnixMilli())}
	at := item{":now": now[":now"], ":rev": num(o.Doc.Rev)}
	key := keyItem(o.Key())
	switch o.Kind {
	case store.OpPut:
		return types.TransactWriteItem{Update: s.update(o.Doc, writer)}
	case store.OpCreate:
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &s.table, Item: itemOf(o.Doc, 1, writer), ConditionExpression: aws.String(isAbsent), ExpressionAttributeValues: now,
		}}
	case store.OpReplace:
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &s.table, Item: itemOf(o.Doc, o.Doc.Rev+1, writer), ConditionExpression: aws.String(isAt), ExpressionAttributeValues: at,
		}}
	case store.OpDelete:
		return types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: key}}
	case store.OpDeleteRev:
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: &s.table, Key: key, ConditionExpression: aws.String(isAt), ExpressionAttributeValues: at,
		}}
	}
	condition, values := isAbsent, now
	if o.Doc.Rev > 0 {
		condition, values = isAt, at
	}
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: key, ConditionExpression: aws.String(condition), ExpressionAttributeValues: values,
	}}
}

// update is an unconditional put: only an update can count up the revision
// that is stored.
func (s *Store) update(d store.Doc, writer string) *types.Update {
	names := map[string]string{"#rev": "rev", "#writer": "writer"}
	set := []string{"#rev = if_not_exists(#rev, :zero) + :one", "#writer = :writer"}
	args := item{":zero": num(0), ":one": num(1), ":writer": str(writer)}
	have := values(d)
	for name, v := range have {
		names["#"+name], args[":"+name] = name, v
		set = append(set, "#"+name+" = :"+name)
	}
	var remove []string
	for _, name := range optional {
		if _, ok := have[name]; !ok {
			names["#"+name] = name
			remove = append(remove, "#"+name)
		}
	}
	text := "SET " + strings.Join(set, ", ")
	if len(remove) > 0 {
		text += " REMOVE " + strings.Join(remove, ", ")
	}
	return &types.Update{
		TableName: &s.table, Key: keyItem(d.Key), UpdateExpression: &text,
		ExpressionAttributeNames: names, ExpressionAttributeValues: args,
	}
}
