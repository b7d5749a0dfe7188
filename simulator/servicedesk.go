package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// The part of the service management API that concerns requests and their
// comments.

func (c *call) deskInfo() (answer, error) {
	return ok(obj{"version": "5.17.0", "platformVersion": "10.3.24", "isLicensedForUse": true})
}

func (c *call) desks() []*Project {
	var list []*Project
	for _, p := range c.s.st.Projects {
		if p.Type == "service_desk" {
			list = append(list, p)
		}
	}
	return list
}

func (c *call) showDesk(p *Project) obj {
	return obj{"id": p.ID, "projectId": p.ID, "projectKey": p.Key, "projectName": p.Name, "_links": obj{"self": c.s.base + "/rest/servicedeskapi/servicedesk/" + p.ID}}
}

// deskPage is how this API pages.
func (c *call) deskPage(list []any) (answer, error) {
	start := parsePositive(c.query("start"))
	size := parsePositive(c.query("limit"))
	if size == 0 || size > 100 {
		size = 50
	}
	page := cut(list, start, size)
	return ok(obj{"start": start, "limit": size, "size": len(page), "isLastPage": start+size >= len(list), "values": page, "_links": obj{}})
}

func (c *call) listDesks() (answer, error) {
	list := []any{}
	for _, p := range c.desks() {
		list = append(list, c.showDesk(p))
	}
	return c.deskPage(list)
}

func (c *call) desk() (*Project, error) {
	id := c.r.PathValue("id")
	p := pick(c.desks(), func(p *Project) bool { return p.ID == id || p.Key == id })
	if p == nil {
		return nil, deskError(http.StatusNotFound, "sd.servicedesk.error.notfound", "The service desk does not exist.")
	}
	return p, nil
}

func (c *call) getDesk() (answer, error) {
	p, err := c.desk()
	if err != nil {
		return answer{}, err
	}
	return ok(c.showDesk(p))
}

func (c *call) listRequestTypes() (answer, error) {
	p, err := c.desk()
	if err != nil {
		return answer{}, err
	}
	list := []any{}
	for _, t := range p.RequestTypes {
		list = append(list, c.view().requestType(t, p))
	}
	return c.deskPage(list)
}

// deskError is an error as this API words it; Error carries the key so that
// callers can be told apart in logs.
func deskError(status int, key, text string) error {
	return &refusal{status: status, messages: []string{text, key}}
}

// createRequest is POST /request: an issue with a request type.
func (c *call) createRequest() (answer, error) {
	var in struct {
		ServiceDeskID string                     `json:"serviceDeskId"`
		RequestTypeID string                     `json:"requestTypeId"`
		Values        map[string]json.RawMessage `json:"requestFieldValues"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	t, p := c.s.requestType(in.RequestTypeID)
	if t == nil || p.ID != in.ServiceDeskID {
		return answer{}, deskError(http.StatusNotFound, "sd.request.error.notfound", "The request type does not exist.")
	}
	b := &editBody{Fields: in.Values}
	if b.Fields == nil {
		b.Fields = map[string]json.RawMessage{}
	}
	b.Fields["issuetype"] = json.RawMessage(`{"id":"` + t.IssueType + `"}`)
	d, err := c.readNew(b, p)
	if err != nil {
		return answer{}, err
	}
	for _, f := range c.s.st.Fields {
		if f.Kind == "requesttype" {
			d.values[f.ID] = Value{t.ID}
		}
	}
	is := c.s.create(p, d, c.user, b)
	return created(c.showRequest(is, t, p))
}

func (c *call) showRequest(is *Issue, t *RequestType, p *Project) obj {
	v := c.view()
	return obj{"issueId": is.idString(), "issueKey": is.Key, "requestTypeId": t.ID, "serviceDeskId": p.ID, "reporter": v.user(is.word("reporter")),
		"createdDate":   obj{"iso8601": v.stamp(is.Created), "epochMillis": is.Created.UnixMilli()},
		"currentStatus": obj{"status": nameStatus(c.s, nil, is.word("status")), "statusDate": obj{"iso8601": v.stamp(is.CategoryChanged)}},
		"_links":        obj{"self": c.s.base + "/rest/servicedeskapi/request/" + is.idString()}}
}

// request is the request named in the path: an issue raised with a request
// type.
func (c *call) request() (*Issue, *RequestType, *Project, error) {
	is, err := c.issue()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, f := range c.s.st.Fields {
		if f.Kind == "requesttype" && is.word(f.ID) != "" {
			t, p := c.s.requestType(is.word(f.ID))
			return is, t, p, nil
		}
	}
	return nil, nil, nil, deskError(http.StatusNotFound, "sd.customerview.error.vpOriginMissing", "The request could not be found: it was not raised through a portal.")
}

func (c *call) getRequest() (answer, error) {
	is, t, p, err := c.request()
	if err != nil {
		return answer{}, err
	}
	return ok(c.showRequest(is, t, p))
}

func (c *call) showRequestComment(cm *Comment) obj {
	v := c.view()
	return obj{"id": strconv.FormatInt(cm.ID, 10), "body": cm.Body, "public": !cm.Internal, "author": v.user(cm.Author),
		"created": obj{"iso8601": v.stamp(cm.Created), "epochMillis": cm.Created.UnixMilli()}, "_links": obj{}}
}

func (c *call) listRequestComments() (answer, error) {
	is, _, _, err := c.request()
	if err != nil {
		return answer{}, err
	}
	list := []any{}
	for _, cm := range c.view().visibleComments(is) {
		list = append(list, c.showRequestComment(cm))
	}
	return c.deskPage(list)
}

func (c *call) createRequestComment() (answer, error) {
	is, _, _, err := c.request()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Body   string
		Public *bool
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.Body == "" {
		return answer{}, refuseField("comment", "Comment body can not be empty!")
	}
	cm := &Comment{Body: in.Body, Internal: in.Public != nil && !*in.Public, Properties: map[string]json.RawMessage{}}
	if cm.Internal {
		cm.Properties[internalProperty] = json.RawMessage(`{"internal":true}`)
	}
	c.s.addComment(is, cm, c.user, false)
	return created(c.showRequestComment(cm))
}

// attachTemporary is POST /servicedesk/{id}/attachTemporaryFile: the files wait for a request to take them.
func (c *call) attachTemporary() (answer, error) {
	if _, err := c.desk(); err != nil {
		return answer{}, err
	}
	if t := c.r.Header.Get("X-Atlassian-Token"); t != "no-check" {
		return answer{status: http.StatusForbidden, body: []byte("XSRF check failed"), header: map[string]string{"Content-Type": "text/html;charset=UTF-8"}}, nil
	}
	if !c.s.cloud() && c.r.Header.Get("X-ExperimentalApi") != "opt-in" {
		return answer{}, deskError(http.StatusPreconditionFailed, "sd.experimental", "This is an experimental API: opt in with the header X-ExperimentalApi.")
	}
	files, err := c.uploaded()
	if err != nil {
		return answer{}, err
	}
	list := []any{}
	for _, f := range files {
		id := "temp" + strconv.FormatInt(c.s.next("temporary"), 10)
		if c.s.temporary == nil {
			c.s.temporary = map[string]upload{}
		}
		c.s.temporary[id] = f
		list = append(list, obj{"temporaryAttachmentId": id, "fileName": f.name})
	}
	return created(obj{"temporaryAttachments": list})
}

// attachToRequest is POST /request/{key}/attachment: it makes a comment that refers to the files, public or internal as is asked.
func (c *call) attachToRequest() (answer, error) {
	is, _, p, err := c.request()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		IDs        []string `json:"temporaryAttachmentIds"`
		Public     bool
		Additional struct{ Body string } `json:"additionalComment"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.need("CREATE_ATTACHMENTS"); err != nil {
		return answer{}, err
	}
	text, v, list := in.Additional.Body, c.view(), []any{}
	for _, id := range in.IDs {
		f, known := c.s.temporary[id]
		if !known {
			return answer{}, deskError(http.StatusBadRequest, "sd.attachment.temporary.notfound", "The temporary attachment "+id+" does not exist.")
		}
		delete(c.s.temporary, id)
		a := c.s.attachFile(is, f.name, f.mime, f.data, c.user)
		text = strings.TrimPrefix(text+"\n[^"+a.Name+"]", "\n")
		list = append(list, obj{"filename": a.Name, "author": v.user(a.Author), "size": a.Size, "mimeType": a.Mime,
			"created": obj{"iso8601": v.stamp(a.Created), "epochMillis": a.Created.UnixMilli()},
			"_links":  obj{"jiraRest": v.rest("attachment", a.ID)}})
	}
	cm := &Comment{Body: text, Internal: !in.Public, Properties: map[string]json.RawMessage{}}
	if cm.Internal {
		cm.Properties[internalProperty] = json.RawMessage(`{"internal":true}`)
	}
	c.s.addComment(is, cm, c.user, false)
	return created(obj{"comment": c.showRequestComment(cm), "attachments": obj{"start": 0, "limit": 50, "size": len(list), "isLastPage": true, "values": list, "_links": obj{}},
		"_links": obj{"self": c.s.base + "/rest/servicedeskapi/servicedesk/" + p.ID}})
}
