package simulator

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func keysOf(p *reply) string {
	var keys []string
	list, _ := p.at("issues").([]any)
	for _, is := range list {
		keys = append(keys, fmt.Sprint(dig(is, "key")))
	}
	return strings.Join(keys, " ")
}

func TestSearchFindsByEveryField(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a := r.make("Login fails", obj{"labels": []string{"web"}, "priority": obj{"name": "High"}, "components": []obj{{"name": "Backend"}},
			"fixVersions": []obj{{"name": "1.1"}}, "duedate": "2026-12-24", r.field("Story points"): 5, r.field("Severity"): obj{"value": "Major"}})
		b := r.make("Typo", obj{"issuetype": obj{"name": "Bug"}})
		r.moveTo(b, "Done", obj{"resolution": obj{"name": "Done"}}).want(204)
		r.do("POST", "/issue/"+a+"/comment", obj{"body": "seen with Firefox"}).want(201)
		cf := "cf[" + strings.TrimPrefix(r.field("Story points"), "customfield_") + "]"
		for jql, want := range map[string]string{
			"project = ABC AND labels = web":                  a,
			"priority >= High AND project = ABC":              a,
			"component = Backend":                             a,
			"fixVersion in (\"1.1\")":                         a,
			"duedate < 2027-01-01":                            a,
			cf + " > 4":                                       a,
			"\"Story points\" = 5":                            a,
			"Severity = Major":                                a,
			"text ~ firefox":                                  a,
			"summary ~ login":                                 a,
			"issuetype = Bug":                                 b,
			"statusCategory = Done":                           b,
			"status = Done AND resolution = Done":             b,
			"resolution is EMPTY AND project = ABC":           a,
			"reporter = currentUser() AND project = ABC":      a + " " + b,
			"project = ABC ORDER BY key DESC":                 b + " " + a,
			"project = ABC AND created >= startOfDay(\"-1\")": a + " " + b,
			"key in (" + a + "," + b + ") ORDER BY key":       a + " " + b,
			"issuetype = Task AND project in (ABC, ABCSD)":    a,
		} {
			if !strings.Contains(jql, "ORDER BY") {
				jql += " ORDER BY key ASC"
			}
			if got := keysOf(r.search(jql, "summary")); got != want {
				t.Errorf("%s: %q, want %q", jql, got, want)
			}
		}
	})
}

func TestTokenPaging(t *testing.T) {
	r := newRig(t, Cloud)
	for i := range 7 {
		r.make(fmt.Sprint(i))
	}
	jql := url.QueryEscape("project = ABC ORDER BY key")
	first := r.do("GET", "/search/jql?fields=summary&maxResults=3&jql="+jql, nil).want(200).is("isLast", false).is("total", nil).is("issues.2.key", "ABC-3")
	token := first.at("nextPageToken").(string)
	second := r.do("POST", "/search/jql", obj{"jql": "project = ABC ORDER BY key", "fields": []string{"summary"}, "maxResults": 100, "nextPageToken": token, "expand": "names"}).want(200)
	second.is("isLast", true).is("issues.0.key", "ABC-4").is("names.summary", "Summary").is("nextPageToken", nil)
	r.do("GET", "/search/jql?jql=project%3DABCSD&nextPageToken="+token, nil).want(400)
	r.do("GET", "/search/jql?maxResults=1&jql="+jql, nil).is("issues.0", "map[id:"+fmt.Sprint(r.find("ABC-1").ID)+"]")
	r.do("POST", "/search/approximate-count", obj{"jql": "project = ABC"}).want(200).is("count", 7)
	ids := []int64{r.find("ABC-1").ID, r.find("ABC-2").ID}
	r.do("POST", "/jql/match", obj{"issueIds": ids, "jqls": []string{"summary ~ 1", "colour = red"}}).want(200).
		is("matches.0.matchedIssues", fmt.Sprintf("[%v]", float64(ids[1]))).is("matches.1.matchedIssues", "[]")
}

func TestShortPagesStillReachTheEnd(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.ShortPages = true })
	for i := range 30 {
		r.make(fmt.Sprint(i))
	}
	seen, token, short := 0, "", false
	for {
		p := r.do("GET", "/search/jql?fields=summary&maxResults=5&jql=project%3DABC&nextPageToken="+token, nil).want(200)
		n := p.len("issues")
		seen += n
		short = short || n < 5
		if p.at("isLast") == true {
			break
		}
		token = p.at("nextPageToken").(string)
	}
	if seen != 30 || !short {
		t.Errorf("saw %d issues, a short page: %v", seen, short)
	}
}

func TestStartAtPaging(t *testing.T) {
	r := newRig(t, DataCenter)
	for i := range 7 {
		r.make(fmt.Sprint(i))
	}
	r.do("GET", "/search?jql=project%3DABC+order+by+key&startAt=5&maxResults=5", nil).want(200).is("total", 7).is("startAt", 5).is("issues.1.key", "ABC-7").is("issues.2", nil)
	out := r.do("POST", "/search", obj{"jql": "project=ABC order by key", "maxResults": 1, "fields": []string{"*all"}, "expand": []string{"changelog"}}).want(200)
	if out.at("issues.0.fields.comment.total") != 0.0 || out.at("issues.0.changelog") == nil {
		t.Errorf("comment and changelog should be there: %s", out.Body)
	}
	r.do("GET", "/search/jql?jql=project%3DABC", nil).want(404)
}

// Quoted dates mean the searching user's time zone; epoch milliseconds do not.
func TestDatesInTheSearchersZone(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 30, 500e6, time.UTC)}
	r := newRigAt(t, DataCenter, c)
	r.make("x")
	for jql, want := range map[string]float64{
		`updated >= "2026/11/21 05:00"`:                                 1, // alice: New York, 05:00:30
		`updated >= "2026-11-21 05:01"`:                                 0,
		fmt.Sprintf(`updated >= %d`, c.t.Add(-time.Minute).UnixMilli()): 1,
		fmt.Sprintf(`updated > %d`, c.t.Add(time.Minute).UnixMilli()):   0,
		`updated >= -5m`: 1,
	} {
		r.search(jql, "id").is("total", want)
	}
	path := "/search?fields=updated&jql=" + url.QueryEscape(`updated >= "2026-11-21 15:31"`)
	r.as("bob", "GET", path, nil).is("total", 0) // Kolkata: 15:30:30
	path = "/search?fields=updated&jql=" + url.QueryEscape(`updated >= "2026-11-21 15:30"`)
	r.as("bob", "GET", path, nil).is("total", 1).is("issues.0.fields.updated", "2026-11-21T15:30:30.500+0530")
}

func TestSearchLag(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	r := newRigAt(t, DataCenter, c, func(st *Settings) { st.SearchLag = 10 * time.Second })
	key := r.make("old")
	r.search("project=ABC", "id").is("total", 0)
	c.add(10 * time.Second)
	r.search("summary ~ old", "id").is("total", 1)
	r.edit(key, obj{"summary": "new"}).want(204)
	r.search("summary ~ old", "summary").is("total", 1).is("issues.0.fields.summary", "new") // found as it was, shown as it is
	sum := r.as("admin", "GET", "/index/summary", nil).want(200)
	if sum.at("issueIndex.lastUpdatedInDatabase") == sum.at("issueIndex.lastUpdatedInIndex") {
		t.Error("the summary should show the lag")
	}
	r.do("GET", "/index/summary", nil).want(403)
	c.add(10 * time.Second)
	r.search("summary ~ new", "id").is("total", 1)
	r.edit(key, obj{"summary": "newer"}).want(204)
	r.Reindex()
	r.search("summary ~ newer", "id").is("total", 1)
	r.do("DELETE", "/issue/"+key, nil).want(204)
	r.search("project=ABC", "id").is("total", 0)
}

func TestReconcileIssuesReadsPastTheIndex(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.SearchLag = time.Hour })
	key := r.make("x")
	r.search("project=ABC", "id").is("issues", "[]")
	r.search("project=ABC", "summary", fmt.Sprint("reconcileIssues=", r.find(key).ID)).is("issues.0.key", key)
}

func TestArchivedIssuesLeaveSearch(t *testing.T) {
	r := newRig(t, DataCenter)
	key := r.make("x")
	r.as("admin", "PUT", "/issue/"+key+"/archive", nil).want(204)
	r.search("project=ABC", "id").is("total", 0)
	r.do("GET", "/issue/"+key, nil).want(200)
	r.edit(key, obj{"summary": "y"}).want(403)
	r.as("admin", "PUT", "/issue/"+key+"/restore", nil).want(204)
	r.search("project=ABC", "id").is("total", 1)
}

func TestManyIssues(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 issues")
	}
	r := newRig(t, DataCenter)
	r.mu.Lock()
	alice := r.userNamed("alice")
	for i := range 10000 {
		d := &draft{values: map[string]Value{"summary": {fmt.Sprint("issue ", i)}, "issuetype": {r.st.Types[0].ID}, "labels": {fmt.Sprint("l", i%10)}}}
		r.create(r.st.Projects[0], d, alice, nil)
	}
	r.mu.Unlock()
	start := time.Now()
	r.search("project in (ABC) AND labels = l3 ORDER BY updated ASC, key ASC", "summary", "maxResults=50").is("total", 1000)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("search took %v", d)
	}
}

func BenchmarkGetIssue(b *testing.B) {
	s := New(Options{Flavour: Cloud})
	s.SeedDemo("ABC")
	s.mu.Lock()
	u := s.userNamed("alice")
	is := s.create(s.st.Projects[0], &draft{values: map[string]Value{"summary": {"x"}, "issuetype": {s.st.Types[0].ID}}}, u, nil)
	s.mu.Unlock()
	c := &call{s: s, user: u, api: "2"}
	for b.Loop() {
		encode(c.expanded(is, wantFields(nil, "*all"), nil, nil, false))
	}
}

func BenchmarkSearch(b *testing.B) {
	s := New(Options{Flavour: DataCenter})
	s.SeedDemo("ABC")
	u := s.userNamed("alice")
	for range 10000 {
		s.create(s.st.Projects[0], &draft{values: map[string]Value{"summary": {"x"}, "issuetype": {s.st.Types[0].ID}}}, u, nil)
	}
	c := &call{s: s, user: u, api: "2"}
	q, err := s.parse("project in (ABC) AND updated >= -1h ORDER BY updated ASC, key ASC")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.ix.searches = nil
		c.found(q, "", nil)
	}
}
