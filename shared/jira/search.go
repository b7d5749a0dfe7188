package jira

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// SearchOptions say what a search brings with each issue.
type SearchOptions struct {
	Fields     []string // ids; nil is all, empty is ids only
	Histories  bool     // the changelog; on Cloud at most 40 entries of it
	Comments   bool     // the first page of them
	Properties []string // keys, at most 5; Cloud only, a Data Center search cannot return any
	Page       int      // issues a page; 0 lets us choose
	Reconcile  []string // issue ids whose last change the answer must know of, at most 50; Cloud only
}

func (o SearchOptions) page() int {
	switch {
	case o.Page > 0:
		return o.Page
	case o.Histories || o.Comments:
		return 25
	case o.Fields != nil && len(o.Fields) == 0:
		return 500
	}
	return 50
}

// Search calls each for every issue that jql matches, page by page; a page has come in whole before its first issue is handed out.
// Data Center pages by position: order by something that does not move (key, id) or expect issues twice or not at all when
// somebody edits meanwhile.
func (c *Client) Search(ctx context.Context, jql string, o SearchOptions, each func(*Issue) error) error {
	for cursor := ""; ; {
		page, next, err := c.SearchPage(ctx, jql, o, cursor)
		if err != nil {
			return err
		}
		for _, i := range page {
			if err := each(i); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

// SearchPage reads one page. next is the cursor of the following one, "" after the last; a page may be empty and not the
// last. A Cloud cursor is valid for 7 days.
func (c *Client) SearchPage(ctx context.Context, jql string, o SearchOptions, cursor string) (page []*Issue, next string, err error) {
	var got searched
	k := c.searchCall(jql, o, cursor)
	nameless := false
	k.decode = func(res *http.Response, r io.Reader) error {
		nameless = c.account.nameless(res.Header)
		return whole(func(raw []byte) (err error) {
			got, err = readSearch(raw, c.searchCap())
			return err
		})(res, r)
	}
	if err := c.do(ctx, k); err != nil {
		return nil, "", err
	}
	next = got.token
	if !c.cloud() {
		next = nextStart(cursor, got)
	}
	if next != "" && next == cursor {
		return nil, "", (&fault{status: http.StatusOK}).with(bridge.Permanent("bad-answer", "search: jira gives the same page again and again"), bridge.LevelPair)
	}
	if cursor == "" && next == "" && len(got.issues) == 0 {
		if why := c.vouch(ctx, nameless); why != nil {
			return nil, "", why
		}
	}
	return got.issues, next, nil
}

// nextStart is where the following Data Center page starts; it ends at the total, or where nothing came.
func nextStart(cursor string, got searched) string {
	start, _ := strconv.Atoi(cursor)
	if start += len(got.issues); len(got.issues) == 0 || start >= got.total {
		return ""
	}
	return strconv.Itoa(start)
}

// longestQuery is how long a query may be in an address; a longer one goes into a body.
const longestQuery = 4000

// searchCall makes the request: Cloud's search/jql with tokens, Data Center's search with positions.
func (c *Client) searchCall(jql string, o SearchOptions, cursor string) call {
	route := "search"
	body := map[string]any{"jql": jql, "maxResults": o.page(), "fields": fieldList(o.Fields, o.Comments)}
	if c.cloud() {
		route = "search/jql"
		if cursor != "" {
			body["nextPageToken"] = cursor
		}
		if len(o.Properties) > 0 {
			body["properties"] = o.Properties
		}
		if ids := numbers(o.Reconcile); len(ids) > 0 {
			body["reconcileIssues"] = ids
		}
	} else {
		start, _ := strconv.Atoi(cursor)
		body["startAt"] = start
	}
	if o.Histories {
		body["expand"] = []string{"changelog"}
	}
	k := call{what: "search", method: http.MethodGet, route: route, path: "rest/api/2/" + route + "?" + query(body).Encode(), reads: true}
	if len(k.path) > longestQuery {
		k.method, k.path, k.body = http.MethodPost, "rest/api/2/"+route, body
		if c.cloud() && o.Histories {
			body["expand"] = "changelog" // a text there, a list on Data Center
		}
	}
	return k
}

// query writes a body as a query: lists joined by commas.
func query(body map[string]any) url.Values {
	q := url.Values{}
	for name, v := range body {
		switch v := v.(type) {
		case string:
			q.Set(name, v)
		case int:
			q.Set(name, strconv.Itoa(v))
		case []string:
			q.Set(name, strings.Join(v, ","))
		case []int64:
			for _, n := range v {
				q.Add(name, strconv.FormatInt(n, 10))
			}
		}
	}
	return q
}

func numbers(ids []string) []int64 {
	var list []int64
	for _, id := range ids {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// searched is one page of either flavour.
type searched struct {
	issues []*Issue
	total  int
	token  string
}

// readSearch reads a page. Where a page ends says only isLast or a missing token, never its length.
func readSearch(raw []byte, capped int) (got searched, err error) {
	isLast, seen := false, false
	err = walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "issues":
			seen = true
			got.issues, err = walk.List(value, func(raw []byte) (*Issue, error) { return readIssue(raw, capped, true) })
		case "total":
			got.total = int(integer(value))
		case "nextPageToken":
			got.token = word(value)
		case "isLast":
			isLast = bare(value) == "true"
		}
		return err
	})
	if isLast {
		got.token = ""
	}
	if err == nil && !seen {
		err = walk.ErrShape
	}
	return got, err
}

// Count is how many issues jql matches; on Cloud an estimate.
func (c *Client) Count(ctx context.Context, jql string) (int, error) {
	k := call{what: "count issues", method: http.MethodGet, route: "search", reads: true,
		path: "rest/api/2/search?" + url.Values{"jql": {jql}, "maxResults": {"0"}, "fields": {"id"}}.Encode()}
	if c.cloud() {
		k = call{what: "count issues", method: http.MethodPost, route: "search/approximate-count", reads: true,
			path: "rest/api/2/search/approximate-count", body: map[string]string{"jql": jql}}
	} else if len(k.path) > longestQuery {
		k.method, k.path, k.body = http.MethodPost, "rest/api/2/search", map[string]any{"jql": jql, "maxResults": 0, "fields": []string{"id"}}
	}
	var w struct {
		Total *number `json:"total"`
		Count *number `json:"count"`
	}
	k.decode = into(&w)
	if err := c.do(ctx, k); err != nil {
		return 0, err
	}
	for _, n := range []*number{w.Count, w.Total} {
		if n != nil {
			return int(*n), nil
		}
	}
	return 0, (&fault{status: http.StatusOK}).with(bridge.Temporary("bad-answer", "count issues: the answer holds no count"), bridge.LevelPair)
}

// Match tells for each query whether it matches the issue now, as the search index knows it. A query that Jira cannot
// evaluate is an error.
func (c *Client) Match(ctx context.Context, jqls []string, issueID string) ([]bool, error) {
	if len(jqls) == 0 {
		return nil, nil
	}
	plain := make([]string, len(jqls))
	for i, q := range jqls {
		plain[i] = withoutOrder(q)
	}
	if c.cloud() {
		return c.matchCloud(ctx, plain, issueID)
	}
	return c.matchOneByOne(ctx, plain, issueID)
}

func (c *Client) matchCloud(ctx context.Context, jqls []string, issueID string) ([]bool, error) {
	id, err := strconv.ParseInt(issueID, 10, 64)
	if err != nil {
		return nil, bridge.Permanent("request-unwritable", "match issue %q: not an issue id", issueID)
	}
	var w struct {
		Matches []struct {
			Issues []number `json:"matchedIssues"`
			Errors []string `json:"errors"`
		} `json:"matches"`
	}
	what := "match issue " + issueID
	body := map[string]any{"issueIds": []int64{id}, "jqls": jqls}
	err = c.do(ctx, call{what: what, method: http.MethodPost, route: "jql/match", path: "rest/api/2/jql/match", body: body, reads: true, decode: into(&w)})
	if s := StatusOf(err); s == http.StatusNotFound || s == http.StatusNotImplemented {
		return c.matchOneByOne(ctx, jqls, issueID)
	}
	if err != nil {
		return nil, err
	}
	if len(w.Matches) != len(jqls) {
		return nil, (&fault{status: http.StatusOK}).with(bridge.Temporary("bad-answer", "%s: %d answers to %d queries", what, len(w.Matches), len(jqls)), bridge.LevelPair)
	}
	found := make([]bool, len(jqls))
	for i, m := range w.Matches {
		if len(m.Errors) > 0 {
			return nil, bridge.Permanent("jql-refused", "%s: jira does not understand %q: %s", what, jqls[i], strings.Join(m.Errors, "; "))
		}
		found[i] = slices.Contains(m.Issues, number(id))
	}
	return found, nil
}

// matchOneByOne asks with one search per query.
func (c *Client) matchOneByOne(ctx context.Context, jqls []string, issueID string) ([]bool, error) {
	found := make([]bool, len(jqls))
	for i, q := range jqls {
		one := "id = " + issueID
		if q != "" {
			one += " AND (" + q + ")"
		}
		page, _, err := c.SearchPage(ctx, one, SearchOptions{Fields: []string{}, Page: 1}, "")
		if StatusOf(err) == http.StatusBadRequest {
			return found, c.whyRefused(ctx, q, issueID, err)
		}
		if err != nil {
			return nil, err
		}
		found[i] = len(page) > 0
	}
	return found, nil
}

// whyRefused tells a query Jira cannot evaluate from an issue that is gone: a search that names one of those is refused as well.
func (c *Client) whyRefused(ctx context.Context, q, issueID string, refused error) error {
	_, _, err := c.SearchPage(ctx, "id = "+issueID, SearchOptions{Fields: []string{}, Page: 1}, "")
	switch {
	case StatusOf(err) == http.StatusBadRequest:
		return nil // gone: nothing matches it
	case err != nil:
		return err
	}
	return faultOf(refused).with(bridge.Permanent("jql-refused", "match issue %s: jira does not understand %q: %v", issueID, q, refused), bridge.LevelPair)
}

// withoutOrder cuts the ORDER BY off a query, so that it can stand in parentheses. Words in quotes are no words.
func withoutOrder(jql string) string {
	quote := byte(0)
	for i := 0; i < len(jql); i++ {
		switch b := jql[i]; {
		case quote != 0 && b == '\\':
			i++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case (b == 'o' || b == 'O') && (i == 0 || !letter(jql[i-1])) && startsOrder(jql[i:]):
			return strings.TrimSpace(jql[:i])
		}
	}
	return strings.TrimSpace(jql)
}

func startsOrder(s string) bool {
	words := strings.Fields(s[:min(len(s), 200)])
	return len(words) >= 2 && strings.EqualFold(words[0], "order") && strings.EqualFold(words[1], "by")
}

func letter(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '.' || b >= 0x80
}
