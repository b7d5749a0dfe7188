package jira

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
)

func TestSignature(t *testing.T) {
	// The vector of Atlassian's page "Webhooks".
	const secret, body, sum = "It's a Secret to Everybody", "Hello World!", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	if !VerifySignature(secret, []byte(body), sum) || !VerifySignature(secret, []byte(body), " SHA256="+strings.ToUpper(sum[7:])+" ") {
		t.Error("the vector fails")
	}
	for _, c := range [][3]string{{"", body, sum}, {secret, body + " ", sum}, {secret, body, ""}, {secret, body, "sha1=" + sum[7:]}, {secret, body, sum[:60]}, {secret, body, sum[7:]},
		{"other", body, sum}, {secret, body, "sha256="}, {secret, body, "sha256=zz"}} {
		if VerifySignature(c[0], []byte(c[1]), c[2]) {
			t.Errorf("%q passes", c)
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	for want, body := range map[string]string{
		"empty": " \n", "byte order mark": "\xEF\xBB\xBF{}", "UTF-16": "\xFF\xFE{\x00}\x00", "UTF-32": "{\x00\x00\x00", "compressed": "\x1F\x8B\x08", "not UTF-8 at byte 6": `{"a":"` + "\xFC" + `"}`,
		"not a JSON object": `[1]`, "deeper than 100": deep, "truncated after 8 bytes": `{"a":{}, `[:8], "truncated after 7 bytes": `{"a":"x`, "no webhookEvent": `{"timestamp":1}`,
		"invalid character": `{"a":b}`, "after top-level": `{"webhookEvent":"x"} {}`, "looking for beginning": `{"a":}`,
	} {
		_, err := DecodeEvent([]byte(body), nil)
		if bridge.NameOf(err) != "event-unreadable" || bridge.IsTemporary(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := DecodeEvent([]byte(`{"webhookEvent":"x","a":"{[{[\"`+strings.Repeat("[", 200)+`"}`), nil); err != nil {
		t.Errorf("brackets in a text: %v", err)
	}
}

func TestEvents(t *testing.T) {
	h := http.Header{}
	h.Set("x-atlassian-webhook-identifier", "d-1")
	h.Set("X-Atlassian-Webhook-Retry", "2")
	for _, c := range []struct {
		name, body string
		check      func(e Event) bool
	}{
		{"unknown", `{"webhookEvent":"sprint_created","sprint":{}}`, func(e Event) bool {
			return e.Kind == Ignored && e.Name == "sprint_created" && e.Delivery == "d-1" && e.Retry == 2
		}},
		{"cloud update", `{"timestamp":1777122314106,"webhookEvent":"jira:issue_updated","user":{"accountId":"u"},"issue":{"id":"10","key":"P-1","fields":{"updated":"x","attachment":[{"id":"3"}]}},"changelog":{"id":"77","items":[{"field":"summary","fieldId":"summary","toString":"n"}]}}`,
			func(e Event) bool {
				return e.Kind == IssueUpdated && e.IssueID == "10" && e.IssueKey == "P-1" && !e.Issue.Partial && e.Trust && e.History.ID == 77 && e.History.Author.ID() == "u" &&
					e.History.Created.Equal(time.UnixMilli(1777122314106)) && e.History.Items[0].ToString == "n" && e.Issue.HasAttachments && e.Issue.Attachments[0].ID == "3"
			}},
		{"creation's changelog is not trusted", `{"webhookEvent":"jira:issue_created","issue":{"id":"10"},"changelog":{"id":"77"}}`, func(e Event) bool { return e.Kind == IssueCreated && !e.Trust && e.Issue.Partial }},
		{"an id that is the issue's is not trusted", `{"webhookEvent":"jira:issue_updated","issue":{"id":"10"},"changelog":{"id":"10"}}`, func(e Event) bool { return !e.Trust && e.History != nil }},
		{"comment without issue", `{"webhookEvent":"comment_created","comment":{"self":"http://x/jira/rest/api/2/issue/42/comment/7","id":"7","author":{"name":"a"},"updateAuthor":{"name":"b"}}}`,
			func(e Event) bool {
				return e.IssueID == "42" && e.User.Name == "b" && e.Comment.ID == "7" && e.Comment.Internal == nil && !e.Comment.Complete && !e.Comment.Open()
			}},
		{"deleted comment on cloud", `{"webhookEvent":"comment_deleted","comment":{"id":"7","updateAuthor":{"accountId":"b"},"jsdPublic":true},"issue":{"id":"42","key":"P-1","fields":{"summary":"s"}}}`,
			func(e Event) bool {
				return e.User.ID() == "" && e.Issue.Partial && !e.Comment.Open() && !*e.Comment.Internal
			}},
		{"data center comment with its issue", `{"webhookEvent":"jira:issue_updated","issue_event_type_name":"issue_commented","comment":{"id":"7"},"user":{"name":"a"},"issue":{"id":"1","fields":{"updated":"x","comment":{"total":1,"comments":[{"id":"7","body":"x"}]}}}}`,
			func(e Event) bool {
				return e.Kind == IssueUpdated && e.Comment.ID == "7" && e.Issue.AllComments && !e.Issue.Comments[0].Complete && !e.Issue.Knows("comment") && !e.Trust && e.History == nil
			}},
		{"worklog", `{"webhookEvent":"worklog_updated","worklog":{"id":"9","issueId":"10014","timeSpentSeconds":60,"updateAuthor":{"accountId":"w"}}}`,
			func(e Event) bool { return e.IssueID == "10014" && e.Worklog.Seconds == 60 && e.User.ID() == "w" }},
		{"attachment without issue", `{"webhookEvent":"attachment_created","attachment":{"self":"http://x/rest/api/2/attachment/5","filename":"a","author":{"name":"n"}}}`,
			func(e Event) bool { return e.IssueID == "" && e.Attachment.ID == "5" && e.User.Name == "n" }},
		{"link", `{"webhookEvent":"issuelink_created","issueLink":{"id":1,"sourceIssueId":2,"destinationIssueId":3,"issueLinkType":{"id":4,"name":"Blocks","outwardName":"blocks","inwardName":"is blocked by"}}}`,
			func(e Event) bool {
				return e.Link.Source == "2" && e.Link.Destination == "3" && e.Link.Type.Name == "Blocks" && e.IssueID == "2"
			}},
		{"property", `{"webhookEvent":"issue_property_set","issue":{"id":"1"},"property":{"key":"k"}}`, func(e Event) bool { return e.Kind == PropertySet && e.PropertyKey == "k" }},
		{"odd members", `{"webhookEvent":"comment_created","comment":7,"issue":{"id":5,"key":null,"fields":{"comment":[],"attachment":{}}},"timestamp":"1777122314106","user":{"active":"true"}}`,
			func(e Event) bool {
				return e.IssueID == "5" && e.Comment == nil && e.User.Active && e.At.UnixMilli() == 1777122314106
			}},
	} {
		e, err := DecodeEvent([]byte(c.body), h)
		if err != nil || !c.check(e) {
			raw, _ := json.Marshal(e)
			t.Errorf("%s: %v\n%s", c.name, err, raw)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"webhookEvent":"jira:issue_updated","issue":{"id":"1","fields":{"comment":{"comments":[{}]}}},"changelog":{"id":1,"items":[{}]}}`))
	f.Add([]byte(`{"webhookEvent":"comment_created","comment":{"self":"x","id":1,"properties":[]},"worklog":{"id":1}}`))
	f.Add([]byte("\xEF\xBB\xBF{}"))
	for _, body := range recordings(f, "webhooks") {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeEvent(body, http.Header{})
		peek, peekErr := PeekEvent(body, http.Header{})
		if err == nil && (peekErr != nil || peek.Kind != e.Kind || peek.IssueID != e.IssueID || peek.Delivery != e.Delivery) {
			t.Errorf("peeked: %+v, %v; is %+v", peek, peekErr, e)
		}
		if err != nil {
			if bridge.NameOf(err) != "event-unreadable" || bridge.IsTemporary(err) {
				t.Errorf("%v", err)
			}
			return
		}
		if e.Kind == "" || e.Name == "" {
			t.Errorf("no kind: %+v", e)
		}
		if e.Issue != nil {
			for id := range e.Issue.Fields {
				for _, k := range []bridge.Kind{bridge.Text, bridge.Names, bridge.User, bridge.Users, bridge.DateTime, bridge.Number, bridge.Name, bridge.Opaque} {
					if v, _, ok := e.Issue.Neutral(Field{ID: id, Kind: k}); ok {
						if again, err := bridge.Canonical([]byte(v)); err != nil || again != v {
							t.Errorf("%s as %s is %q, not canonical: %v", id, k, v, err)
						}
					}
				}
			}
		}
	})
}

// TestIDsThatClimb has ids that would lead elsewhere in the path of a call, or in the keys of the state.
func TestIDsThatClimb(t *testing.T) {
	for _, body := range []string{
		`{"webhookEvent":"jira:issue_updated","issue":{"id":"../../myself","key":"P-1"}}`,
		`{"webhookEvent":"comment_created","issue":{"id":"1"},"comment":{"id":"1/../2","body":"x"}}`,
		`{"webhookEvent":"attachment_created","issue":{"id":"1"},"attachment":{"id":"a b"}}`,
	} {
		if _, err := DecodeEvent([]byte(body), nil); bridge.NameOf(err) != "event-unreadable" {
			t.Errorf("%s: %v", body, err)
		}
		if _, err := PeekEvent([]byte(body), nil); bridge.NameOf(err) != "event-unreadable" {
			t.Errorf("%s: peeked: %v", body, err)
		}
	}
}
