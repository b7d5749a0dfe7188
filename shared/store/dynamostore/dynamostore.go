// Package dynamostore keeps documents in one DynamoDB table: the store driver
// on AWS.
//
// A document is one item a person can read in the AWS console: part and sort
// are its key, body is the JSON text, rev its revision, list and at its place
// in the sparse index "pending", expires its end in milliseconds and ttl the
// same in seconds for DynamoDB's own deletion, writer a random name of the
// write that made it. [Table] describes the table; template.yaml must agree.
//
// One operation is one plain conditional write. The SDK may send a write again
// after a lost answer: the item a failed condition returns shows by its writer
// whether the condition failed against our own first try.
//
// Start reading at [New], then write.go.
package dynamostore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"drawbridge/shared/store"
)

// IndexName is the name of the sparse index (a global secondary index).
const IndexName = "pending"

// Store is a table. It implements store.Store.
type Store struct {
	Now func() time.Time // the clock that decides about expiry; nil: time.Now

	call  calls
	table string
}

var _ store.Store = (*Store)(nil)

// New uses a table that exists.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{call: callsOf(client), table: table}
}

// Table describes the table a Store needs.
func Table(name string) *dynamodb.CreateTableInput {
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: aws.String(name), KeyType: kind}
	}
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	return &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("part", types.ScalarAttributeTypeS), attribute("sort", types.ScalarAttributeTypeS),
			attribute("list", types.ScalarAttributeTypeS), attribute("at", types.ScalarAttributeTypeN),
		},
		KeySchema: []types.KeySchemaElement{key("part", types.KeyTypeHash), key("sort", types.KeyTypeRange)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String(IndexName),
			KeySchema:  []types.KeySchemaElement{key("list", types.KeyTypeHash), key("at", types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
	}
}

// batchGet is the most keys DynamoDB takes in one BatchGetItem.
const batchGet = 100

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]*store.Doc, error) {
	if err := store.ValidKeys(keys); err != nil {
		return nil, err
	}
	found := map[store.Key]*store.Doc{}
	if len(keys) == 1 {
		if err := s.getOne(ctx, keys[0], found); err != nil {
			return nil, err
		}
	} else {
		for some := range slices.Chunk(unique(keys), batchGet) {
			if err := s.getBatch(ctx, some, found); err != nil {
				return nil, err
			}
		}
	}
	out := make([]*store.Doc, len(keys))
	given := map[store.Key]bool{}
	for i, k := range keys {
		if out[i] = found[k]; given[k] && out[i] != nil {
			out[i] = clone(out[i])
		}
		given[k] = true
	}
	return out, nil
}

func clone(d *store.Doc) *store.Doc {
	c := *d
	c.Body = slices.Clone(d.Body)
	return &c
}

func unique(keys []store.Key) []store.Key {
	set := map[store.Key]bool{}
	for _, k := range keys {
		set[k] = true
	}
	return slices.Collect(maps.Keys(set))
}

func (s *Store) getOne(ctx context.Context, k store.Key, found map[store.Key]*store.Doc) error {
	out, err := s.call.getItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: keyItem(k), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return s.failed(ctx, "read "+k.String(), err)
	}
	return s.collect(found, []map[string]types.AttributeValue{out.Item})
}

func (s *Store) getBatch(ctx context.Context, keys []store.Key, found map[store.Key]*store.Doc) error {
	want := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, k := range keys {
		want.Keys = append(want.Keys, keyItem(k))
	}
	request := map[string]types.KeysAndAttributes{s.table: want}
	for try := 0; len(request) > 0; try++ {
		if err := pause(ctx, try-1); err != nil {
			return s.failed(ctx, "read several", err)
		}
		out, err := s.call.batchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return s.failed(ctx, "read several", err)
		}
		if err := s.collect(found, out.Responses[s.table]); err != nil {
			return err
		}
		if len(out.Responses[s.table]) > 0 {
			try = 0 // progress: the rest was only too much for one answer
		}
		request = out.UnprocessedKeys
	}
	return nil
}

func (s *Store) collect(found map[store.Key]*store.Doc, items []map[string]types.AttributeValue) error {
	for _, it := range items {
		d, err := item(it).doc()
		if err != nil {
			return err
		}
		if d != nil && !d.expired(s.now()) {
			found[d.Key] = &d.Doc
		}
	}
	return nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, part string, r store.Range) ([]store.Doc, error) {
	if err := store.ValidKey(store.Key{Part: part, Sort: "-"}); err != nil {
		return nil, err
	}
	q := s.query()
	q.ConsistentRead, q.ScanIndexForward = aws.Bool(true), aws.Bool(!r.Reverse)
	condition := "part = :part"
	q.ExpressionAttributeValues = item{":part": str(part), ":now": num(s.now().UnixMilli())}
	q.FilterExpression = aws.String("attribute_not_exists(expires) OR expires > :now")
	switch start, empty := startOf(r); {
	case empty:
		return nil, nil
	case r.Prefix != "":
		condition += " AND begins_with(#sort, :prefix)"
		q.ExpressionAttributeValues[":prefix"] = str(r.Prefix)
		if start != "" {
			q.ExclusiveStartKey = keyItem(store.Key{Part: part, Sort: start})
		}
	case start != "":
		condition += " AND #sort " + map[bool]string{false: ">", true: "<"}[r.Reverse] + " :after"
		q.ExpressionAttributeValues[":after"] = str(start)
	}
	if strings.Contains(condition, "#sort") {
		q.ExpressionAttributeNames = map[string]string{"#sort": "sort"}
	}
	q.KeyConditionExpression = &condition
	var out []store.Doc
	err := s.pages(ctx, "list "+part, q, r.Limit, func(it item) (int, error) {
		d, err := it.doc()
		if err == nil {
			out = append(out, d.Doc)
		}
		return len(out), err
	})
	return out, err
}

// startOf returns the sort key to start after, "" for the very first, and
// whether nothing can follow. DynamoDB refuses a start outside the prefix.
func startOf(r store.Range) (start string, empty bool) {
	if r.After == "" || r.Prefix == "" || strings.HasPrefix(r.After, r.Prefix) && r.After != r.Prefix {
		return r.After, false
	}
	below := r.After < r.Prefix
	switch {
	case r.After == r.Prefix:
		return r.After, r.Reverse
	case below == r.Reverse:
		return "", true
	}
	return "", false
}

// Indexed implements store.Store.
func (s *Store) Indexed(ctx context.Context, name string, r store.IndexRange) ([]store.IndexHit, error) {
	if err := store.ValidKey(store.Key{Part: name, Sort: "-"}); err != nil {
		return nil, err
	}
	q := s.query()
	q.IndexName = aws.String(IndexName)
	q.ExpressionAttributeNames = map[string]string{"#list": "list", "#at": "at"}
	q.ExpressionAttributeValues = item{":list": str(name)}
	condition := "#list = :list"
	if r.Until > 0 {
		if r.After.At > r.Until {
			return nil, nil
		}
		condition += " AND #at <= :until"
		q.ExpressionAttributeValues[":until"] = num(r.Until)
	} else {
		delete(q.ExpressionAttributeNames, "#at")
	}
	q.KeyConditionExpression = &condition
	if r.After.At > 0 {
		q.ExclusiveStartKey = keyItem(r.After.Key)
		q.ExclusiveStartKey["list"], q.ExclusiveStartKey["at"] = str(name), num(r.After.At)
	}
	var out []store.IndexHit
	err := s.pages(ctx, "read index "+name, q, r.Limit, func(it item) (int, error) {
		at, err := it.number("at")
		out = append(out, store.IndexHit{Key: it.key(), At: at})
		return len(out), err
	})
	return out, err
}

func (s *Store) query() *dynamodb.QueryInput { return &dynamodb.QueryInput{TableName: &s.table} }

// pages runs a query page by page and gives each item to add, which returns
// how many were kept, until there are limit (zero: all).
func (s *Store) pages(ctx context.Context, what string, q *dynamodb.QueryInput, limit int, add func(item) (int, error)) error {
	for kept := 0; ; {
		if limit > 0 {
			q.Limit = aws.Int32(int32(min(limit-kept, 1000)))
		}
		out, err := s.call.query(ctx, q)
		if err != nil {
			return s.failed(ctx, what, err)
		}
		for _, it := range out.Items {
			if kept, err = add(it); err != nil {
				return err
			}
		}
		if q.ExclusiveStartKey = out.LastEvaluatedKey; len(q.ExclusiveStartKey) == 0 || limit > 0 && kept >= limit {
			return nil
		}
	}
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
