package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServerInfo describes the site.
type ServerInfo struct {
	Version, DeploymentType, BaseURL, ServerID, Title string
	ServerTime                                        time.Time
}

// Major is the first number of the version: 9, 10; Cloud's says nothing.
func (i ServerInfo) Major() int {
	head, _, _ := strings.Cut(i.Version, ".")
	n, _ := strconv.Atoi(head)
	return n
}

// Before reports whether the release is known and older than the given one.
func (i ServerInfo) Before(major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(i.Version, "%d.%d", &a, &b); n < 2 {
		return false
	}
	return a < major || a == major && b < minor
}

// ServerInfo asks the site for its version and time.
func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) {
	var w struct {
		Version        text   `json:"version"`
		DeploymentType text   `json:"deploymentType"`
		BaseURL        text   `json:"baseUrl"`
		ServerID       text   `json:"serverId"`
		ServerTitle    text   `json:"serverTitle"`
		ServerTime     moment `json:"serverTime"`
	}
	began := c.opts.Now()
	if err := c.get(ctx, "ask for the site's version", "serverInfo", "rest/api/2/serverInfo", into(&w)); err != nil {
		return ServerInfo{}, err
	}
	if !w.ServerTime.IsZero() {
		c.clock.server(w.ServerTime.Time, began, c.opts.Now())
	}
	info := ServerInfo{Version: string(w.Version), DeploymentType: string(w.DeploymentType), BaseURL: string(w.BaseURL),
		ServerID: string(w.ServerID), Title: string(w.ServerTitle), ServerTime: w.ServerTime.Time}
	c.mu.Lock()
	c.info = &info
	c.mu.Unlock()
	return info, nil
}

// serverInfo is what the site last said about itself.
func (c *Client) serverInfo(ctx context.Context) (ServerInfo, error) {
	c.mu.Lock()
	known := c.info
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return c.ServerInfo(ctx)
}

// MyPermissions tells which of the named permissions ("EDIT_ISSUES") our account has in the project, or anywhere where
// projectKey is empty. One the site says nothing of is not in the answer.
func (c *Client) MyPermissions(ctx context.Context, projectKey string, keys ...string) (map[string]bool, error) {
	q := url.Values{}
	if projectKey != "" {
		q.Set("projectKey", projectKey)
	}
	if c.cloud() {
		q.Set("permissions", strings.Join(keys, ",")) // required there, unknown on Data Center
	}
	var w struct {
		Permissions map[string]struct {
			HavePermission truth `json:"havePermission"`
		} `json:"permissions"`
	}
	what := "ask for our permissions in project " + projectKey
	if err := c.get(ctx, what, "mypermissions", "rest/api/2/mypermissions?"+q.Encode(), into(&w)); err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, k := range keys {
		if p, told := w.Permissions[k]; told {
			have[k] = bool(p.HavePermission)
		}
	}
	return have, nil
}

// IndexState is how far a Data Center node's search index is.
type IndexState struct {
	Database time.Time // the last change of any issue
	Index    time.Time // the last change the index knows of
	Report   time.Time // when the node said so
}

// Lag is how far the index is behind.
func (s IndexState) Lag() time.Duration { return max(0, s.Database.Sub(s.Index)) }

// IndexLag asks how far the search index is behind. ok is false where that cannot be known: on Cloud, and where our
// account is no administrator.
func (c *Client) IndexLag(ctx context.Context) (state IndexState, ok bool, err error) {
	if c.cloud() {
		return IndexState{}, false, nil
	}
	var w struct {
		Report moment `json:"reportTime"`
		Issues *struct {
			Readable *truth `json:"indexReadable"`
			Database moment `json:"lastUpdatedInDatabase"`
			Index    moment `json:"lastUpdatedInIndex"`
		} `json:"issueIndex"`
	}
	err = c.get(ctx, "ask how far the search index is", "index/summary", "rest/api/2/index/summary", into(&w))
	switch s := StatusOf(err); {
	case s == http.StatusForbidden, s == http.StatusNotFound, s == http.StatusNotImplemented:
		return IndexState{}, false, nil
	case err != nil:
		return IndexState{}, false, err
	case w.Issues == nil || w.Issues.Readable != nil && !bool(*w.Issues.Readable):
		return IndexState{}, false, nil
	}
	return IndexState{w.Issues.Database.Time, w.Issues.Index.Time, w.Report.Time}, true, nil
}
