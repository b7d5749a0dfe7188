package jira

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"drawbridge/shared/bridge"
)

// A request is an issue of a service project as customers see it. Its part of the API is that of Jira Service Management, the
// same on both flavours.

const deskAPI = "rest/servicedeskapi/"

// UploadPublic adds an attachment to a request so that its customers see it: Jira makes a public comment that refers to the
// file, and mails it. Neither has a place for a marker. An attachment that is only added to the issue is for agents. The id is
// empty where Jira does not say it.
func (c *Client) UploadPublic(ctx context.Context, project, issueID, name string, size int64, r io.Reader) (id string, err error) {
	desk, err := c.desk(ctx, project)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("attach %q to request %s", name, issueID)
	var temporary struct {
		Files []struct {
			ID text `json:"temporaryAttachmentId"`
		} `json:"temporaryAttachments"`
	}
	err = c.post(ctx, upload{name, size, r}, call{what: what, route: "servicedesk/{desk}/attachTemporaryFile",
		path: deskAPI + "servicedesk/" + url.PathEscape(desk) + "/attachTemporaryFile", decode: needs(&temporary, func() bool { return len(temporary.Files) > 0 })})
	if err != nil {
		return "", err
	}
	var made struct {
		Attachments struct {
			Values []struct {
				Links struct {
					Self text `json:"jiraRest"`
				} `json:"_links"`
			} `json:"values"`
		} `json:"attachments"`
	}
	body := map[string]any{"temporaryAttachmentIds": []string{string(temporary.Files[0].ID)}, "public": true}
	err = c.do(ctx, call{what: what, method: http.MethodPost, route: "request/{issue}/attachment", issue: issueID,
		path: deskAPI + "request/" + url.PathEscape(issueID) + "/attachment", body: body, decode: into(&made)})
	if err == nil && len(made.Attachments.Values) > 0 {
		id = lastSegment(string(made.Attachments.Values[0].Links.Self))
	}
	return id, err
}

// RequestType is the id of a request type of a service project, by its name.
func (c *Client) RequestType(ctx context.Context, project, name string) (id string, err error) {
	err = c.requestTypes(ctx, project, func(v deskItem) bool {
		if strings.EqualFold(string(v.Name), name) {
			id = string(v.ID)
		}
		return id == ""
	})
	if err == nil && id == "" {
		err = bridge.Permanent("not-found", "project %s has no request type %q", project, name)
	}
	return id, err
}

// RequestTypes are the names of the request types of a service project.
func (c *Client) RequestTypes(ctx context.Context, project string) (names []string, err error) {
	err = c.requestTypes(ctx, project, func(v deskItem) bool {
		names = append(names, string(v.Name))
		return true
	})
	return names, err
}

func (c *Client) requestTypes(ctx context.Context, project string, more func(deskItem) bool) error {
	desk, err := c.desk(ctx, project)
	if err != nil {
		return err
	}
	return c.deskList(ctx, "list the request types", "servicedesk/{desk}/requesttype", "servicedesk/"+url.PathEscape(desk)+"/requesttype", more)
}

// desk is the id of the service desk of a project.
func (c *Client) desk(ctx context.Context, project string) (id string, err error) {
	err = c.deskList(ctx, "list the service desks", "servicedesk", "servicedesk", func(v deskItem) bool {
		if string(v.Key) == project {
			id = string(v.ID)
		}
		return id == ""
	})
	if err == nil && id == "" {
		err = bridge.Permanent("not-found", "project %s is no service desk that this account sees", project)
	}
	return id, err
}

type deskItem struct {
	ID   text `json:"id"`
	Key  text `json:"projectKey"`
	Name text `json:"name"`
}

// deskList goes through a list, as long as more wants more.
func (c *Client) deskList(ctx context.Context, what, route, path string, more func(deskItem) bool) error {
	for start := 0; ; {
		var page struct {
			Values []deskItem `json:"values"`
			Last   truth      `json:"isLastPage"`
		}
		q := url.Values{"start": {strconv.Itoa(start)}, "limit": {"50"}}
		if err := c.get(ctx, what, route, deskAPI+path+"?"+q.Encode(), into(&page)); err != nil {
			return err
		}
		for _, v := range page.Values {
			if !more(v) {
				return nil
			}
		}
		if start += len(page.Values); bool(page.Last) || len(page.Values) == 0 {
			return nil
		}
	}
}
