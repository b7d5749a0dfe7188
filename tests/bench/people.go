package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"sync"
	"sync/atomic"

	"drawbridge/simulator"
)

var people = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// Call does one REST call as a person.
func (j *Jira) Call(method, path, kind string, body []byte, into any) {
	req, err := http.NewRequest(method, j.URL+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // an address of ours
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Atlassian-Token", "no-check")
	if j.Flavour == simulator.Cloud {
		req.SetBasicAuth("alice@example.com", "alice-token")
	} else {
		req.Header.Set("Authorization", "Bearer alice-token")
	}
	resp, err := people.Do(req)
	if err != nil {
		j.T.Errorf("%s %s: %v", method, path, err)
		return
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		j.T.Errorf("%s %s: %d %v %s", method, path, resp.StatusCode, err, raw)
		return
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			j.T.Errorf("%s %s: %v", method, path, err)
		}
	}
}

// JSON is Call with a JSON body.
func (j *Jira) JSON(method, path string, body, into any) {
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body) // maps of strings
	}
	j.Call(method, path, "application/json", raw, into)
}

// Create makes an issue and returns its id.
func (j *Jira) Create(n int) string {
	var out struct{ ID string }
	j.JSON("POST", "/rest/api/2/issue", map[string]any{"fields": map[string]any{
		"project": map[string]string{"key": j.ProjectKey}, "issuetype": map[string]string{"name": "Task"},
		"summary": fmt.Sprintf("issue %d", n), "description": "h2. What happens\n\nThe printer on the third floor *smokes*.\n\n* paper\n* toner",
		"labels": []string{"bench"},
	}}, &out)
	return out.ID
}

// Comment writes a comment.
func (j *Jira) Comment(issue string, n int) {
	j.JSON("POST", "/rest/api/2/issue/"+issue+"/comment", map[string]any{"body": fmt.Sprintf("comment %d: seen it as well, with _both_ trays", n)}, nil)
}

// Attach adds a file of that many bytes.
func (j *Jira) Attach(issue string, size int) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	p, _ := m.CreateFormFile("file", "trace-"+issue+".txt") // into memory
	_, _ = p.Write(bytes.Repeat([]byte("0123456789abcdef"), size/16))
	_ = m.Close()
	j.Call("POST", "/rest/api/2/issue/"+issue+"/attachments", m.FormDataContentType(), b.Bytes(), nil)
}

// Edit changes the summary.
func (j *Jira) Edit(issue string, summary string) {
	j.JSON("PUT", "/rest/api/2/issue/"+issue, map[string]any{"fields": map[string]string{"summary": summary}}, nil)
}

// Transition moves the issue by a transition, by id.
func (j *Jira) Transition(issue, id string) {
	j.JSON("POST", "/rest/api/2/issue/"+issue+"/transitions", map[string]any{"transition": map[string]string{"id": id}}, nil)
}

// Way is the id of the transition of an issue to a status.
func (j *Jira) Way(issue, to string) string {
	var out struct {
		Transitions []struct {
			ID string
			To struct{ Name string }
		}
	}
	j.JSON("GET", "/rest/api/2/issue/"+issue+"/transitions", nil, &out)
	for _, t := range out.Transitions {
		if t.To.Name == to {
			return t.ID
		}
	}
	j.T.Fatalf("%s: no transition to %s", issue, to)
	return ""
}

// Show is what an issue shows.
type Show struct {
	Fields struct {
		Summary string
		Status  struct{ Name string }
		Comment struct{ Total int }
		Files   []struct{ Size int } `json:"attachment"`
	}
}

// Show reads an issue.
func (j *Jira) Show(issue string) (s Show) {
	j.JSON("GET", "/rest/api/2/issue/"+issue, nil, &s)
	return s
}

// each does something n times, eight at a time.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
}

// CreateAll makes n issues and returns their ids.
func (j *Jira) CreateAll(n int) []string {
	ids := make([]string, n)
	each(n, func(i int) { ids[i] = j.Create(i) })
	return ids
}
