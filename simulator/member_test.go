package simulator

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCommentVisibility(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		path := "/issue/" + key + "/comment"
		id := r.do("POST", path, obj{"body": "secret", "visibility": obj{"type": "role", "value": "Developers"}}).want(201).is("visibility.value", "Developers").at("id")
		r.do("POST", path, obj{"body": "x", "visibility": obj{"type": "role", "value": "Kings"}}).want(400).says("does not exist")
		r.as("carol", "POST", path, obj{"body": "x", "visibility": obj{"type": "group", "value": adminGroup}}).want(400).says("not a member")
		r.do("POST", path, obj{"body": "open"}).want(201)
		r.as("carol", "GET", path, nil).want(200).is("total", 1).is("comments.0.body", "open")
		r.as("carol", "GET", path+"/"+id.(string), nil).want(404)
		r.as("carol", "GET", "/issue/"+key, nil).is("fields.comment.total", 1)
		r.do("PUT", path+"/"+id.(string), obj{"body": "still secret"}).want(200).is("visibility.value", "Developers").is("body", "still secret")
		r.do("PUT", path+"/"+id.(string), obj{"body": "still secret", "visibility": nil}).want(200).is("visibility", nil)
		r.as("carol", "GET", path, nil).is("total", 2)
	})
}

func TestCommentPropertiesRepliesAndEmptyBodies(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		path := "/issue/" + key + "/comment"
		r.do("POST", path, obj{"body": ""}).want(400).says("Comment body can not be empty!")
		r.do("POST", path, obj{"body": strings.Repeat("x", 40000)}).want(400).says("too long")
		id := r.do("POST", path+"?expand=properties", obj{"body": "a", "properties": []obj{{"key": "twin", "value": obj{"id": 7}}}}).want(201).is("properties.0.value.id", 7).at("id").(string)
		props := "/comment/" + id + "/properties"
		r.do("GET", props+"/twin", nil).want(200).is("value.id", 7)
		r.do("PUT", props+"/other", `{"a":1}`).want(201)
		r.do("PUT", props+"/other", `{"a":2}`).want(200)
		r.do("GET", props, nil).want(200).is("keys.0.key", "other")
		r.do("DELETE", props+"/other", nil).want(204)
		r.do("GET", props+"/other", nil).want(404)
		r.do("GET", path+"?expand=properties", nil).is("comments.0.properties.0.key", "twin")
		if r.Flavour() == Cloud {
			r.do("PUT", path+"/"+id, obj{"body": "a", "visibility": obj{"type": "role", "value": "Developers"}}).want(200)
			r.do("POST", path, obj{"body": "reply", "parentId": id}).want(201).is("parentId", id).is("visibility.value", "Developers")
			r.do("POST", path, `{"author":{"avatarUrls":{}},"body":"hi","updateAuthor":{"avatarUrls":{}},"visibility":{}}`).want(400).says("Invalid request payload")
			return
		}
		r.do("POST", path, `{"author":{"avatarUrls":{}},"body":"hi","updateAuthor":{"avatarUrls":{}},"visibility":{}}`).want(201)
	})
}

func TestInternalComments(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABCSD"}, "issuetype": obj{"name": "Service Request"}, "summary": "help",
			r.field("Request Type"): r.st.Projects[1].RequestTypes[0].ID}}).want(201).at("key").(string)
		path := "/issue/" + key + "/comment"
		internal := []obj{{"key": "sd.public.comment", "value": obj{"internal": true}}}
		out := r.as("bob", "POST", path, obj{"body": "psst", "properties": internal}).want(201)
		if r.Flavour() == Cloud {
			out.is("jsdPublic", false)
		}
		r.as("carol", "GET", path, nil).is("total", 0)
		r.as("bob", "GET", path, nil).is("total", 1)
		r.as("bob", "POST", "/rest/servicedeskapi/request/"+key+"/comment", obj{"body": "x", "public": false}).want(201).is("public", false)
		plain := r.make("plain")
		r.as("bob", "POST", "/rest/servicedeskapi/request/"+plain+"/comment", obj{"body": "x", "public": false}).want(404).says("vpOriginMissing")
		r.as("bob", "POST", "/issue/"+plain+"/comment", obj{"body": "x", "properties": internal}).want(201)
		r.as("carol", "GET", "/issue/"+plain+"/comment", nil).is("total", 1) // no service project, nothing internal
		req := r.as("carol", "POST", "/rest/servicedeskapi/request", obj{"serviceDeskId": r.st.Projects[1].ID, "requestTypeId": r.st.Projects[1].RequestTypes[1].ID,
			"requestFieldValues": obj{"summary": "broken"}}).want(201)
		r.do("GET", fmt.Sprint("/issue/", req.at("issueKey")), nil).is("fields."+r.field("Request Type")+".requestType.name", "Report a problem")
	})
}

func (r *rig) upload(name, key, file, content, token string) *reply {
	r.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	p, _ := w.CreateFormFile("file", file)
	p.Write([]byte(content))
	w.Close()
	req, _ := http.NewRequest("POST", r.srv.URL+"/rest/api/2/issue/"+key+"/attachments", &buf)
	req.Header.Set("Content-Type", w.FormDataContentType())
	if token != "" {
		req.Header.Set("X-Atlassian-Token", token)
	}
	r.sign(req, name)
	return r.send(req)
}

func TestAttachments(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		r.upload("alice", key, "a.txt", "hello", "").want(403).says("XSRF check failed")
		name := "naïve \"file\".txt"
		id := r.upload("alice", key, name, "hello world", "no-check").want(200).is("0.filename", name).is("0.size", 11).at("0.id").(string)
		content := r.do("GET", "/issue/"+key, nil).at("fields.attachment.0.content").(string)
		req, _ := http.NewRequest("GET", content, nil)
		r.sign(req, "alice")
		out := r.send(req)
		if r.Flavour() == Cloud {
			out.want(303)
			media, _ := http.NewRequest("GET", out.Header.Get("Location"), nil)
			if got := r.send(media).want(200); got.Body != "hello world" {
				t.Errorf("media %q", got.Body)
			}
			forged, _ := http.NewRequest("GET", out.Header.Get("Location")+"0", nil)
			r.send(forged).want(403)
			out = r.do("GET", "/attachment/content/"+id+"?redirect=false", nil).want(200)
		}
		if out.want(200).Body != "hello world" {
			t.Errorf("content %q", out.Body)
		}
		r.do("GET", "/secure/attachment/"+id+"/", nil)
		r.do("GET", "/attachment/meta", nil).want(200).is("enabled", true)
		r.Configure(func(st *Settings) { st.UploadLimit = 4 })
		r.upload("alice", key, "big", "12345", "no-check").want(map[string]int{Cloud: 413, DataCenter: 404}[r.Flavour()])
		r.do("DELETE", "/attachment/"+id, nil).want(204)
		r.do("GET", "/attachment/"+id, nil).want(404)
		if got := spell(r.items(key)[0]); !strings.HasPrefix(got, "Attachment/jira/") || !strings.HasSuffix(got, id+"("+name+") > -(-)") {
			t.Errorf("item %s", got)
		}
	})
}

func TestMediaOnAnotherHostWantsNoCredentials(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x")
	id := r.upload("alice", key, "a", "hello", "no-check").at("0.id").(string)
	r.Configure(func(st *Settings) { st.MediaURL = strings.Replace(r.srv.URL, "127.0.0.1", "localhost", 1) })
	to := r.do("GET", "/attachment/content/"+id, nil).want(303).Header.Get("Location")
	if !strings.Contains(to, "localhost") {
		t.Fatalf("redirect to %s", to)
	}
	req, _ := http.NewRequest("GET", to, nil)
	r.sign(req, "alice")
	r.send(req).want(400)
	req.Header.Del("Authorization")
	req.Header.Set("Range", "bytes=1-3")
	if got := r.send(req).want(206); got.Body != "ell" {
		t.Errorf("range %q", got.Body)
	}
}

func TestWorklogs(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x", obj{"timetracking": obj{"originalEstimate": "1d", "remainingEstimate": "1d"}})
		path := "/issue/" + key + "/worklog"
		remaining := func(want string) {
			t.Helper()
			r.do("GET", "/issue/"+key, nil).is("fields.timetracking.remainingEstimate", want)
		}
		id := r.do("POST", path, obj{"timeSpent": "2h", "comment": "dug"}).want(201).is("timeSpentSeconds", 7200).at("id").(string)
		remaining("6h")
		r.do("POST", path+"?adjustEstimate=leave", obj{"timeSpentSeconds": 3600, "started": "2026-11-20T10:00:00.000+0000"}).want(201)
		remaining("6h")
		r.do("POST", path+"?adjustEstimate=new&newEstimate=3h", obj{"timeSpent": "1h"}).want(201)
		remaining("3h")
		r.do("POST", path+"?adjustEstimate=manual&reduceBy=30m", obj{"timeSpent": "1h"}).want(201)
		remaining("2h 30m")
		r.do("POST", path+"?adjustEstimate=odd", obj{"timeSpent": "1h"}).want(400)
		r.do("POST", path, obj{"comment": "nothing"}).want(400)
		r.do("GET", path, nil).is("total", 4)
		r.do("PUT", path+"/"+id+"?adjustEstimate=leave", obj{"timeSpent": "3h"}).want(200).is("comment", "dug")
		r.do("GET", "/issue/"+key, nil).is("fields.timetracking.timeSpent", "6h")
		r.do("DELETE", path+"/"+id+"?adjustEstimate=leave", nil).want(204)
		r.do("GET", "/issue/"+key, nil).is("fields.timetracking.timeSpent", "3h").is("fields.worklog.total", 3)
		r.do("GET", "/worklog/updated?since=0", nil).want(200).is("values", "[]") // not the last minute
	})
}

func TestWorklogFeeds(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	r := newRigAt(t, DataCenter, c)
	key := r.make("x")
	id := r.do("POST", "/issue/"+key+"/worklog", obj{"timeSpent": "2h"}).want(201).at("id").(string)
	c.add(2 * time.Minute)
	r.do("GET", "/worklog/updated?since=0", nil).is("values.0.worklogId", id)
	r.do("POST", "/worklog/list", `{"ids":[`+id+`]}`).want(200).is("0.timeSpent", "2h")
	r.do("DELETE", "/issue/"+key+"/worklog/"+id, nil).want(204)
	c.add(2 * time.Minute)
	r.do("GET", "/worklog/deleted?since=0", nil).is("values.0.worklogId", id)
	r.do("GET", "/worklog/updated?since=0", nil).is("values", "[]")
}

func TestIssueLinks(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a, b := r.make("a"), r.make("b")
		in := r.inbox("issuelink_created", "issuelink_deleted")
		link := obj{"type": obj{"name": "Blocks", "inward": "", "outward": ""}, "inwardIssue": obj{"key": a}, "outwardIssue": obj{"key": b}}
		if out := r.do("POST", "/issueLink", link).want(201); out.Body != "" {
			t.Errorf("body %q", out.Body)
		}
		r.do("POST", "/issueLink", link).want(201)
		id := r.do("GET", "/issue/"+a, nil).is("fields.issuelinks.0.outwardIssue.key", b).is("fields.issuelinks.1", nil).at("fields.issuelinks.0.id").(string)
		r.do("GET", "/issue/"+b, nil).is("fields.issuelinks.0.inwardIssue.key", a)
		if got := spell(r.items(b)[0]); got != "Link/jira/-: -(-) > "+a+"(This issue is blocked by "+a+")" {
			t.Errorf("item %s", got)
		}
		r.do("DELETE", "/issueLink/"+id, nil).want(204)
		r.do("GET", "/issueLink/"+id, nil).want(404)
		events := in.got(r)
		if len(events) != 2 || fmt.Sprint(dig(events[0], "issueLink.id")) != id || events[0]["user"] != nil {
			t.Errorf("events %v", events)
		}
		r.do("PUT", "/issue/"+a, obj{"update": obj{"issuelinks": []obj{{"add": obj{"type": obj{"name": "Relates"}, "outwardIssue": obj{"key": b}}}}}}).want(204)
		r.do("GET", "/issue/"+b, nil).is("fields.issuelinks.0.type.name", "Relates")
	})
}

func TestRemoteLinksUpsertByGlobalID(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		path := "/issue/" + key + "/remotelink"
		link := obj{"globalId": "system=1&id=2", "relationship": "twin", "object": obj{"url": "http://x", "title": "one"}}
		id := r.do("POST", path, link).want(201).at("id")
		delete(link, "relationship")
		link["object"] = obj{"url": "http://x", "title": "two"}
		r.do("POST", path, link).want(200).is("id", id)
		r.do("GET", path+"?globalId=system%3D1%26id%3D2", nil).want(200).is("object.title", "two").is("relationship", nil)
		r.do("GET", path, nil).is("0.object.title", "two").is("1", nil)
		r.do("POST", path, obj{"object": obj{"url": "http://y"}}).want(400).is("errors.title", "'title' is required.")
		r.do("DELETE", path+"?globalId=system%3D1%26id%3D2", nil).want(204)
		r.do("GET", path, nil).is("0", nil)
	})
}

func TestIssueProperties(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("issue_property_set", "jira:issue_updated")
		key := r.make("x")
		path := "/issue/" + key + "/properties/twin"
		r.do("PUT", path, `{"a":1}`).want(201)
		r.do("PUT", path, `{"a":2}`).want(200)
		r.do("GET", path, nil).is("value.a", 2)
		r.do("PUT", path, `{"a":`).want(400)
		r.do("PUT", path, `"`+strings.Repeat("x", 33000)+`"`).want(400)
		found := r.search("key="+key, "summary", "properties=twin")
		if got := found.at("issues.0.properties.twin.a"); r.Flavour() == Cloud && got != 2.0 || r.Flavour() == DataCenter && got != nil {
			t.Errorf("property in search: %v", got)
		}
		want := map[string]int{Cloud: 2, DataCenter: 0}[r.Flavour()]
		if names := in.names(r); len(names) != want {
			t.Errorf("events %v", names)
		}
		r.do("DELETE", path, nil).want(204)
		r.do("GET", path, nil).want(404)
	})
}

func TestCloudLimitsMembersOfAnIssue(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		r.mu.Lock()
		is := r.find(key)
		for i := range commentLimit {
			is.Comments = append(is.Comments, &Comment{ID: int64(-1 - i), Author: is.Creator, Editor: is.Creator})
		}
		r.mu.Unlock()
		r.do("POST", "/issue/"+key+"/comment", obj{"body": "one more"}).want(map[string]int{Cloud: 413, DataCenter: 201}[r.Flavour()])
	})
}
