package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"drawbridge/shared/bridge"
)

// pager says how to read a list that Jira serves in pages by startAt.
type pager struct {
	what, route, path string
	query             url.Values
	size              int
}

// pageOf is one page; the list's name differs from call to call.
type pageOf[T any] struct {
	StartAt    *number `json:"startAt"`
	Total      *number `json:"total"`
	IsLast     *truth  `json:"isLast"`
	Values     []T     `json:"values"`
	Comments   []T     `json:"comments"`
	Worklogs   []T     `json:"worklogs"`
	Fields     []T     `json:"fields"`
	IssueTypes []T     `json:"issueTypes"`
	Results    []T     `json:"results"`
	Histories  []T     `json:"histories"`
}

func (p *pageOf[T]) items() []T {
	for _, list := range [][]T{p.Values, p.Comments, p.Worklogs, p.Fields, p.IssueTypes, p.Results, p.Histories} {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// last reports whether seen items are all there are.
func (p *pageOf[T]) last(seen int) bool {
	switch {
	case p.IsLast != nil:
		return bool(*p.IsLast)
	case p.Total != nil:
		return seen >= int(*p.Total)
	}
	return true
}

// pages reads every page and calls each for every item, after the page has come in whole.
func pages[T any](ctx context.Context, c *Client, p pager, each func(T) error) error {
	q := url.Values{}
	for k, v := range p.query {
		q[k] = v
	}
	for seen := 0; ; {
		q.Set("startAt", strconv.Itoa(seen))
		q.Set("maxResults", strconv.Itoa(p.size))
		var w pageOf[T]
		if err := c.get(ctx, p.what, p.route, p.path+"?"+q.Encode(), into(&w)); err != nil {
			return err
		}
		if w.StartAt != nil && int(*w.StartAt) != seen {
			f := &fault{status: http.StatusOK, cause: fmt.Errorf("asked from %d, answered from %d", seen, *w.StartAt)}
			return f.with(bridge.Permanent("bad-answer", "%s: asked for the list from item %d on, answered from %d", p.what, seen, *w.StartAt), bridge.LevelPair)
		}
		for _, item := range w.items() {
			if err := each(item); err != nil {
				return err
			}
		}
		seen += len(w.items())
		if len(w.items()) == 0 || w.last(seen) {
			return nil
		}
	}
}
