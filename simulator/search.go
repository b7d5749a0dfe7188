package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"time"
)

// searchBody is the body of every search.
type searchBody struct {
	JQL           string          `json:"jql"`
	StartAt       int             `json:"startAt"`
	MaxResults    *int            `json:"maxResults"`
	NextPageToken string          `json:"nextPageToken"`
	Fields        []string        `json:"fields"`
	Expand        json.RawMessage `json:"expand"` // a list, or a string with commas
	Properties    []string        `json:"properties"`
	Reconcile     []int64         `json:"reconcileIssues"` // read past the index
	expand        []string
}

func (c *call) readSearch() (*searchBody, error) {
	var b searchBody
	if c.r.Method == http.MethodPost {
		if err := c.decode(&b); err != nil {
			return nil, err
		}
		if s, isString := plainString(b.Expand); isString {
			b.expand = words(s, ",")
		} else if !isNull(b.Expand) && json.Unmarshal(b.Expand, &b.expand) != nil {
			return nil, errJSON
		}
		return &b, nil
	}
	b = searchBody{JQL: c.query("jql"), NextPageToken: c.query("nextPageToken"), Fields: c.queryList("fields"), expand: c.queryList("expand"), Properties: c.queryList("properties")}
	for _, id := range c.queryList("reconcileIssues") {
		b.Reconcile = append(b.Reconcile, parseID(id))
	}
	b.StartAt = parsePositive(c.query("startAt"))
	if m := c.query("maxResults"); m != "" {
		n := int(parseID(m))
		b.MaxResults = &n
	}
	return &b, nil
}

// searchGone is what Cloud answers on the old path.
func (c *call) searchGone() (answer, error) {
	return answer{}, refuse(http.StatusGone, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "+
		"A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046")
}

// search is Data Center's search. It cannot return properties.
func (c *call) search() (answer, error) {
	b, err := c.readSearch()
	if err != nil {
		return answer{}, err
	}
	if c.user == nil {
		return ok(obj{"startAt": b.StartAt, "maxResults": 50, "total": 0, "issues": []any{}})
	}
	q, err := c.jql(b.JQL)
	if err != nil {
		return answer{}, err
	}
	hits, err := c.found(q, b.JQL, nil)
	if err != nil {
		return answer{}, err
	}
	size := 50
	if b.MaxResults != nil && *b.MaxResults >= 0 {
		size = min(*b.MaxResults, 1000)
	}
	w := wantFields(b.Fields, "*navigable")
	out := obj{"expand": "schema,names", "startAt": b.StartAt, "maxResults": size, "total": len(hits),
		"issues": c.shown(cut(hits, b.StartAt, size), w, b)}
	c.addNames(out, w, b.expand)
	return ok(out)
}

func (c *call) shown(list []*Issue, w wanted, b *searchBody) []any {
	expand := slices.DeleteFunc(slices.Clone(b.expand), func(e string) bool { return e == "names" || e == "schema" })
	out := make([]any, 0, len(list))
	for _, is := range list {
		out = append(out, c.expanded(is, w, expand, b.Properties, true))
	}
	return out
}

func (c *call) addNames(out obj, w wanted, expand []string) {
	if slices.Contains(expand, "names") {
		out["names"] = c.s.fieldNames(w)
	}
	if slices.Contains(expand, "schema") {
		out["schema"] = c.s.fieldSchemas(w)
	}
}

// searchJQL is Cloud's search, by tokens.
func (c *call) searchJQL() (answer, error) {
	b, err := c.readSearch()
	if err != nil {
		return answer{}, err
	}
	q, err := c.s.parse(b.JQL)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "%s", err)
	}
	if !q.Bounded() {
		return answer{}, refuse(http.StatusBadRequest, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	size, err := cloudPage(b)
	if err != nil {
		return answer{}, err
	}
	start, err := readToken(b.NextPageToken, b.JQL, c.now)
	if err != nil {
		return answer{}, err
	}
	if c.user == nil {
		return ok(obj{"issues": []any{}, "isLast": true})
	}
	if q, err = c.jql(b.JQL); err != nil {
		return answer{}, err
	}
	if len(b.Reconcile) > 50 {
		return answer{}, refuse(http.StatusBadRequest, "The number of issues to reconcile has to be at most 50.")
	}
	hits, err := c.found(q, b.JQL, toSet(b.Reconcile))
	if err != nil {
		return answer{}, err
	}
	return c.cloudAnswer(b, hits, start, size)
}

func (c *call) cloudAnswer(b *searchBody, hits []*Issue, start, size int) (answer, error) {
	if c.s.settings.ShortPages && size > 1 && c.s.rng.happens(0.3) {
		size = 1 + int(c.s.rng.below(int64(size)))
	}
	w := wantFields(b.Fields, "id")
	page := cut(hits, start, size)
	out := obj{"issues": c.shown(page, w, b), "isLast": true}
	if start+len(page) < len(hits) {
		out["isLast"] = false
		out["nextPageToken"] = makeToken(start+len(page), b.JQL, c.now)
	}
	c.addNames(out, w, b.expand)
	if w.all || len(w.names) != 1 || !w.names["id"] || len(b.expand) > 0 {
		return ok(out)
	}
	for i, is := range page { // asked for ids only
		out["issues"].([]any)[i] = obj{"id": is.idString()}
	}
	return ok(out)
}

func toSet(ids []int64) map[int64]bool {
	set := map[int64]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func cloudPage(b *searchBody) (int, error) {
	if b.MaxResults == nil {
		return 50, nil
	}
	n := *b.MaxResults
	if n < 1 || n > 5000 {
		return 0, refuse(http.StatusBadRequest, "The max results parameter has to be between 1 and 5,000.")
	}
	if idsOnly := len(b.Fields) <= 1 && !slices.Contains(b.Fields, "*all"); !idsOnly {
		n = min(n, 100)
	}
	return n, nil
}

const tokenLife = 7 * 24 * time.Hour

func queryHash(src string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(src))
	return h.Sum64()
}

func makeToken(start int, src string, now time.Time) string {
	return base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%d:%x:%d", start, queryHash(src), now.Unix())))
}

func readToken(token, src string, now time.Time) (int, error) {
	if token == "" {
		return 0, nil
	}
	var start int
	var hash uint64
	var made int64
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = fmt.Sscanf(string(raw), "%d:%x:%d", &start, &hash, &made)
	}
	if err != nil || hash != queryHash(src) || now.Sub(time.Unix(made, 0)) > tokenLife {
		return 0, refuse(http.StatusBadRequest, "The provided next page token is invalid or expired.")
	}
	return start, nil
}

// approximateCount is POST /search/approximate-count.
func (c *call) approximateCount() (answer, error) {
	b, err := c.readSearch()
	if err != nil {
		return answer{}, err
	}
	q, err := c.jql(b.JQL)
	if err != nil {
		return answer{}, err
	}
	if !q.Bounded() {
		return answer{}, refuse(http.StatusBadRequest, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	hits, err := c.found(q, b.JQL, nil)
	if err != nil {
		return answer{}, err
	}
	return ok(obj{"count": len(hits)})
}

// match is POST /jql/match: which of some issues match which queries. It reads
// the issues themselves, not the index.
func (c *call) match() (answer, error) {
	var in struct {
		IssueIDs []int64  `json:"issueIds"`
		JQLs     []string `json:"jqls"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	matches := []any{}
	for _, src := range in.JQLs {
		ids, errs := []int64{}, []string{}
		if _, err := c.jql(src); err != nil {
			errs = append(errs, err.(*refusal).messages...)
		} else {
			for _, id := range in.IssueIDs {
				if is := c.s.st.Issues[id]; is != nil && c.s.sees(c.user, is) && c.s.matches(src, is, c.user) {
					ids = append(ids, id)
				}
			}
		}
		matches = append(matches, obj{"matchedIssues": ids, "errors": errs})
	}
	return ok(obj{"matches": matches})
}

// indexSummary is Data Center's GET /index/summary.
func (c *call) indexSummary() (answer, error) {
	if err := c.need("ADMINISTER"); err != nil {
		return answer{}, err
	}
	var inDatabase, inIndex time.Time
	indexed, archived := 0, 0
	for _, is := range c.s.st.Issues {
		if is.Updated.After(inDatabase) {
			inDatabase = is.Updated
		}
		doc := c.s.indexed(is)
		switch {
		case doc == nil:
		case doc.Archived:
			archived++
		default:
			indexed++
			if doc.Updated.After(inIndex) {
				inIndex = doc.Updated
			}
		}
	}
	v := c.view()
	issue := obj{"indexReadable": true, "countInDatabase": len(c.s.st.Issues), "countInIndex": indexed, "countInArchive": archived,
		"lastUpdatedInDatabase": v.stamp(inDatabase), "lastUpdatedInIndex": v.stamp(inIndex)}
	return ok(obj{"nodeId": "node1", "reportTime": v.stamp(c.now), "issueIndex": issue, "replicationQueues": obj{}})
}
