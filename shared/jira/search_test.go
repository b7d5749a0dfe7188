package jira

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func issueJSON(id int) string { return fmt.Sprintf(`{"id":"%d","key":"P-%d","fields":{}}`, id, id) }

func TestCloudSearchEndsOnlyWhereJiraSaysSo(t *testing.T) {
	s := script(t, ok(`{"issues":[`+issueJSON(1)+`],"nextPageToken":"a","isLast":false}`), ok(`{"issues":[],"nextPageToken":"b","isLast":false}`),
		ok(`{"isLast":true,"issues":[`+issueJSON(2)+`],"nextPageToken":"c"}`))
	var got []string
	err := s.client(t, bridge.Cloud).Search(ctx, "project = P", SearchOptions{}, func(i *Issue) error { got = append(got, i.ID); return nil })
	if err != nil || strings.Join(got, ",") != "1,2" || len(s.lines()) != 3 {
		t.Errorf("%v, %v, %d calls", got, err, len(s.lines()))
	}
	s = script(t, ok(`{"issues":[`+issueJSON(1)+`],"nextPageToken":"a"}`), ok(`{"issues":[`+issueJSON(1)+`],"nextPageToken":"a"}`))
	err = s.client(t, bridge.Cloud).Search(ctx, "project = P", SearchOptions{}, func(i *Issue) error { return nil })
	if bridge.NameOf(err) != "bad-answer" {
		t.Errorf("the same token twice: %v", err)
	}
}

func TestDataCenterSearchPagesByPosition(t *testing.T) {
	s := script(t, ok(`{"startAt":0,"maxResults":2,"total":3,"issues":[`+issueJSON(1)+`,`+issueJSON(2)+`]}`), ok(`{"startAt":2,"total":3,"issues":[`+issueJSON(3)+`]}`))
	n := 0
	err := s.client(t, bridge.DataCenter).Search(ctx, "project = P", SearchOptions{Page: 50, Properties: []string{"x"}}, func(i *Issue) error { n++; return nil })
	if err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	if l := s.lines(); len(l) != 2 || !strings.Contains(l[1], "startAt=2") || strings.Contains(l[0], "properties") {
		t.Errorf("%q", l)
	}
	s = script(t, ok(`{"total":3,"issues":[`+issueJSON(1)+`]}`), ok(`{"total":3,"issues":[]}`))
	if err := s.client(t, bridge.DataCenter).Search(ctx, "x", SearchOptions{}, func(i *Issue) error { return nil }); err != nil || len(s.lines()) != 2 {
		t.Errorf("issues that vanish meanwhile: %v, %d calls", err, len(s.lines()))
	}
}

func TestSearchStopsWithTheCaller(t *testing.T) {
	s := script(t, ok(`{"issues":[`+issueJSON(1)+`,`+issueJSON(2)+`],"nextPageToken":"a"}`))
	stop := errors.New("stop")
	if err := s.client(t, bridge.Cloud).Search(ctx, "x", SearchOptions{}, func(*Issue) error { return stop }); err != stop {
		t.Error(err)
	}
}

func TestLongQueriesGoIntoABody(t *testing.T) {
	both(t, func(t *testing.T, fl bridge.Flavour) {
		s := script(t, ok(`{"issues":[`+issueJSON(1)+`],"total":1}`))
		jql := "project in (" + strings.Repeat("ABCDE,", 1000) + "X)"
		_, _, err := s.client(t, fl).SearchPage(ctx, jql, SearchOptions{Histories: true, Fields: []string{"summary"}}, "")
		want := map[bridge.Flavour]string{
			bridge.Cloud:      `POST /jira/rest/api/2/search/jql {"expand":"changelog","fields":["summary"],"jql":"` + jql + `","maxResults":25}`,
			bridge.DataCenter: `POST /jira/rest/api/2/search {"expand":["changelog"],"fields":["summary"],"jql":"` + jql + `","maxResults":25,"startAt":0}`,
		}[fl]
		if err != nil {
			t.Error(err)
		}
		wantLines(t, s, want)
	})
}

func TestHistoriesKnowWhetherTheyAreAll(t *testing.T) {
	many := func(n int, total string) string {
		var h []string
		for i := range n {
			h = append(h, fmt.Sprintf(`{"id":"%d","items":[]}`, n-i))
		}
		return `{"id":"1","fields":{},"changelog":{` + total + `"histories":[` + strings.Join(h, ",") + `]}}`
	}
	for _, c := range []struct {
		fl   bridge.Flavour
		body string
		all  bool
	}{
		{bridge.Cloud, many(3, `"total":3,`), true}, {bridge.Cloud, many(3, `"total":9,`), false}, {bridge.Cloud, many(40, `"total":40,`), false},
		{bridge.Cloud, many(3, ""), true}, {bridge.DataCenter, many(300, `"total":300,`), true}, {bridge.DataCenter, `{"id":"1","fields":{}}`, false},
	} {
		s := script(t, ok(`{"issues":[`+c.body+`],"total":1}`))
		page, _, err := s.client(t, c.fl).SearchPage(ctx, "x", SearchOptions{Histories: true}, "")
		if err != nil || page[0].AllHistories != c.all || len(page[0].Histories) > 1 && page[0].Histories[0].ID != 1 {
			t.Errorf("%s %.60s: all=%v, %v", c.fl, c.body, page[0].AllHistories, err)
		}
	}
}

func TestHistoriesAreStreamed(t *testing.T) {
	page := func(from, n, total int) string {
		var h []string
		for i := range n {
			h = append(h, fmt.Sprintf(`{"id":"%d","created":"2026-11-21T10:00:00.000+0000","items":[]}`, from+i+1))
		}
		return fmt.Sprintf(`{"startAt":%d,"total":%d,"values":[%s]}`, from, total, strings.Join(h, ","))
	}
	read := func(c *Client, stopAt int64) (ids []int64, err error) {
		err = c.Histories(ctx, "1", func(h History) error {
			if ids = append(ids, h.ID); h.ID == stopAt {
				return errEnough
			}
			return nil
		})
		return ids, err
	}
	s := script(t, ok(page(0, 2, 3)), ok(page(2, 1, 3)))
	if ids, err := read(s.client(t, bridge.Cloud), 0); len(ids) != 3 || err != nil {
		t.Errorf("%v, %v", ids, err)
	}
	dc := `{"id":"1","names":{"x":[1,{"y":2}]},"changelog":{"startAt":0,"histories":[{"id":"1"},{"id":"2","historyMetadata":{"type":"t","extraData":{"n":7}}}],"total":2},"fields":{"a":[]}}`
	s = script(t, ok(dc), ok(dc), ok(dc[:80]))
	c := s.client(t, bridge.DataCenter)
	if ids, err := read(c, 0); len(ids) != 2 || err != nil {
		t.Errorf("%v, %v", ids, err)
	}
	if ids, err := read(c, 1); len(ids) != 1 || err != errEnough {
		t.Errorf("stopped by the caller: %v, %v", ids, err)
	}
	if _, err := read(c, 0); !bridge.IsTemporary(err) || len(s.lines()) != 3 {
		t.Errorf("a half read stream is not repeated: %v, %d calls", err, len(s.lines()))
	}
}

func TestPagesThatDoNotMove(t *testing.T) {
	s := script(t, ok(`{"startAt":0,"total":4,"comments":[{"id":"1"},{"id":"2"}]}`), ok(`{"startAt":0,"total":4,"comments":[{"id":"1"},{"id":"2"}]}`))
	if _, err := s.client(t, bridge.DataCenter).ListComments(ctx, "1"); bridge.NameOf(err) != "bad-answer" {
		t.Error(err)
	}
}

func TestMatch(t *testing.T) {
	s := script(t, ok(`{"matches":[{"matchedIssues":[5,10001],"errors":[]},{"matchedIssues":[],"errors":[]}]}`))
	if got, err := s.client(t, bridge.Cloud).Match(ctx, []string{"a", "b"}, "10001"); err != nil || !got[0] || got[1] {
		t.Errorf("%v, %v", got, err)
	}
	s = script(t, ok(`{"matches":[{"matchedIssues":[],"errors":["Field 'x' does not exist"]}]}`))
	if _, err := s.client(t, bridge.Cloud).Match(ctx, []string{"x = 1"}, "10001"); bridge.NameOf(err) != "jql-refused" || !strings.Contains(err.Error(), "x = 1") {
		t.Error(err)
	}
	refused := answer{status: 400, body: `{"errorMessages":["A value with ID '10001' does not exist for the field 'id'."]}`}
	s = script(t, refused, refused)
	if got, err := s.client(t, bridge.DataCenter).Match(ctx, []string{"a"}, "10001"); err != nil || got[0] {
		t.Errorf("an issue that is gone: %v, %v", got, err)
	}
	s = script(t, answer{status: 400, body: `{"errorMessages":["Field 'x' does not exist"]}`}, ok(`{"issues":[`+issueJSON(10001)+`],"total":1}`))
	if _, err := s.client(t, bridge.DataCenter).Match(ctx, []string{"x = 1"}, "10001"); bridge.NameOf(err) != "jql-refused" {
		t.Error(err)
	}
}

func TestWithoutOrder(t *testing.T) {
	for in, want := range map[string]string{
		"project = P ORDER BY key": "project = P", "project = P": "project = P", "order by key": "",
		`summary ~ "order by" order   by created DESC`: `summary ~ "order by"`, `labels = 'it\'s order by'`: `labels = 'it\'s order by'`,
		"border by = 1": "border by = 1", "cf.order by = 1": "cf.order by = 1", "(a = 1)ORDER BY b": "(a = 1)",
	} {
		if got := withoutOrder(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
