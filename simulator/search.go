package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/simulator/jql"
)

// operands lets JQL look at an issue.
func (s *Site) operands(is *Issue) jql.Issue { return &operands{s, is} }

type operands struct {
	s  *Site
	is *Issue
}

// jqlFields are the fields JQL calls otherwise than by their id.
var jqlFields = map[string]string{"component": "components", "fixversion": "fixVersions", "affectedversion": "versions", "level": "security",
	"originalestimate": "timeoriginalestimate", "remainingestimate": "timeestimate"}

// Get gives the values of a field by its JQL name.
func (o *operands) Get(name string) []jql.Operand {
	is := o.is
	switch name {
	case "key", "issuekey", "issue":
		return []jql.Operand{{Names: append([]string{is.Key}, o.s.formerKeys(is)...), Num: float64(is.Number)}}
	case "id":
		return []jql.Operand{{Names: []string{is.idString(), is.Key}, Num: float64(is.ID)}}
	case "created":
		return moment(is.Created)
	case "updated":
		return moment(is.Updated)
	case "resolutiondate", "resolved":
		return moment(is.Resolved)
	case "creator":
		return []jql.Operand{seekUser(o.s, nil, is.Creator)}
	case "statuscategory":
		cat := o.s.status(is.word("status")).Category
		c := categories[cat]
		return []jql.Operand{{Names: []string{c.name, cat, fmt.Sprint(c.id)}, Num: float64(c.id)}}
	case "comment":
		return o.comments()
	case "text":
		return append(append(o.Get("summary"), o.Get("description")...), o.Get("comment")...)
	}
	f := o.s.jqlField(name)
	if f == nil {
		return nil
	}
	var list []jql.Operand
	for _, w := range is.Values[f.ID] {
		list = append(list, f.kind().seek(o.s, f, w))
	}
	return list
}

func (o *operands) comments() []jql.Operand {
	var list []jql.Operand
	for _, c := range o.is.Comments {
		list = append(list, jql.Operand{Text: c.Body})
	}
	return list
}

func moment(t time.Time) []jql.Operand {
	if t.IsZero() {
		return nil
	}
	return []jql.Operand{{Time: t}}
}

func (s *Site) formerKeys(is *Issue) []string {
	if len(s.st.OldKeys) == 0 {
		return nil
	}
	var keys []string
	for k, id := range s.st.OldKeys {
		if id == is.ID {
			keys = append(keys, k)
		}
	}
	return keys
}

// jqlField finds a field by the name JQL uses for it.
func (s *Site) jqlField(name string) *Field {
	if s.ix.jql == nil {
		s.ix.jql = map[string]*Field{}
		for _, f := range s.st.Fields {
			s.ix.jql[strings.ToLower(f.Name)] = f
			s.ix.jql[strings.ToLower(f.ID)] = f
			if n, custom := strings.CutPrefix(f.ID, "customfield_"); custom {
				s.ix.jql["cf["+n+"]"] = f
			}
		}
		for name, id := range jqlFields {
			s.ix.jql[name] = s.ix.fields[id]
		}
	}
	return s.ix.jql[name]
}

// builtIn are the names Get answers itself.
var builtIn = map[string]bool{"key": true, "issuekey": true, "issue": true, "id": true, "created": true, "updated": true, "resolutiondate": true,
	"resolved": true, "creator": true, "statuscategory": true, "comment": true, "text": true}

func (s *Site) env(u *User) jql.Env {
	e := jql.Env{Now: s.now(), Zone: zoneOf(u), Flavour: s.opt.Flavour,
		KnownField: func(name string) bool { return builtIn[name] || s.jqlField(name) != nil }}
	if u != nil {
		e.User = u.ID
	}
	return e
}

// jql parses and checks a search.
func (c *call) jql(src string) (*jql.Query, error) {
	q, err := c.s.parse(src)
	if err == nil {
		err = q.Check(c.s.env(c.user))
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%s", err)
	}
	return q, c.checkValues(q)
}

// checkValues refuses names of projects, types, statuses and the like that do
// not exist, as Jira does.
func (c *call) checkValues(q *jql.Query) error {
	for _, field := range []string{"project", "status", "priority", "resolution", "issuetype"} {
		for _, val := range q.Values(field) {
			if !c.s.valueExists(field, val) {
				return refuse(http.StatusBadRequest, "The value '%s' does not exist for the field '%s'.", val, field)
			}
		}
	}
	return nil
}

func (s *Site) valueExists(field, val string) bool {
	is := func(id, name string) bool { return id == val || strings.EqualFold(name, val) }
	switch field {
	case "project":
		return pick(s.st.Projects, func(p *Project) bool { return is(p.ID, p.Key) || is("", p.Name) }) != nil
	case "status":
		return pick(s.st.Statuses, func(x *Status) bool { return is(x.ID, x.Name) }) != nil
	case "issuetype":
		return pick(s.st.Types, func(x *IssueType) bool { return is(x.ID, x.Name) }) != nil || val == "standardIssueTypes" || val == "subTaskIssueTypes"
	case "priority":
		return pick(s.st.Priorities, func(x *Named) bool { return is(x.ID, x.Name) }) != nil
	}
	return pick(s.st.Resolutions, func(x *Named) bool { return is(x.ID, x.Name) }) != nil || strings.EqualFold(val, "Unresolved")
}

// found gives the issues a caller sees that match, in the query's order. The
// index decides what matches; a deleted issue never shows. fresh are issues to
// look at past the index.
func (c *call) found(q *jql.Query, src string, fresh map[int64]bool) ([]*Issue, error) {
	if hits, known := c.remembered(src); known {
		return hits, nil
	}
	env := c.s.env(c.user)
	var hits []*operands
	for _, is := range c.s.st.Issues {
		doc := c.s.indexed(is)
		if fresh[is.ID] {
			doc = is
		}
		if doc == nil || doc.Archived || !c.s.sees(c.user, is) {
			continue
		}
		o := &operands{c.s, doc}
		hit, err := q.Match(env, o)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "%s", err)
		}
		if hit {
			hits = append(hits, o)
		}
	}
	arrange(hits, q, env)
	list := make([]*Issue, len(hits))
	for i, o := range hits {
		list[i] = c.s.st.Issues[o.is.ID] // shown as it is now, found as it was indexed
	}
	c.remember(src, list)
	return list, nil
}

// arrange sorts by the query's order, the newest first where it says nothing.
func arrange(hits []*operands, q *jql.Query, env jql.Env) {
	slices.SortFunc(hits, func(a, b *operands) int {
		switch {
		case q.Less(env, a, b):
			return -1
		case q.Less(env, b, a):
			return 1
		}
		return int(b.is.ID - a.is.ID)
	})
}

// lastSearch is the latest search of a caller, kept so that walking through the
// pages of a long result does not repeat it. Any change of any issue ends it.
type lastSearch struct {
	src  string
	hits []*Issue
	at   time.Time
}

const searchKept = time.Second

func (c *call) remembered(src string) ([]*Issue, bool) {
	l := c.s.ix.searches[c.who()]
	if l == nil || l.src != src || c.now.Sub(l.at) > searchKept || c.s.settings.SearchLag > 0 {
		return nil, false
	}
	return l.hits, true
}

func (c *call) remember(src string, hits []*Issue) {
	if c.s.ix.searches == nil {
		c.s.ix.searches = map[string]*lastSearch{}
	}
	c.s.ix.searches[c.who()] = &lastSearch{src, hits, c.now}
}

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
