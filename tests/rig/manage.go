package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// manageOK makes a call to the simulator's management port that must succeed, and returns what it answered.
func (j *Jira) manageOK(method, path string, body any) []byte {
	j.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		j.t.Fatal(err)
	}
	req, err := http.NewRequest(method, j.Manage+path, bytes.NewReader(raw))
	if err != nil {
		j.t.Fatal(err)
	}
	resp, err := j.http.Do(req)
	if err != nil {
		j.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		j.t.Fatalf("management: %s %s: status %d, %v: %.300s", method, path, resp.StatusCode, err, answer)
	}
	return answer
}

// Set changes settings of the simulator.
func (j *Jira) Set(settings Fields) {
	j.t.Helper()
	j.manageOK("PUT", "/settings", settings)
}

// Fault makes the simulator misbehave; Heal ends every such fault.
func (j *Jira) Fault(f Fields) {
	j.t.Helper()
	j.manageOK("POST", "/faults", f)
}

// Heal ends all faults.
func (j *Jira) Heal() {
	j.t.Helper()
	j.manageOK("DELETE", "/faults", nil)
}

// Account changes what an account is: {"Expired": true}, {"Token": "…"}.
func (j *Jira) Account(name string, change Fields) {
	j.t.Helper()
	j.manageOK("PUT", "/users/"+name, change)
}

// Screen says which fields may be edited in the project under sync.
func (j *Jira) Screen(fields []string) {
	j.t.Helper()
	j.manageOK("PUT", "/projects/"+j.Project, Fields{"EditScreen": fields})
}

// Move moves an issue to another project, as a person would, and returns the key it has then.
func (j *Jira) Move(key, project string) string {
	j.t.Helper()
	var now struct{ Key string }
	if err := json.Unmarshal(j.manageOK("POST", "/issues/"+key+"/move?project="+project+"&user="+j.User, nil), &now); err != nil {
		j.t.Fatal(err)
	}
	return now.Key
}

// Rename gives a project another key, and its issues with it.
func (j *Jira) Rename(project, to string) {
	j.t.Helper()
	j.manageOK("POST", "/projects/"+project+"/rename?to="+to, nil)
}

// Reindex lets search see everything now, whatever the lag.
func (j *Jira) Reindex() {
	j.t.Helper()
	j.manageOK("POST", "/reindex", nil)
}

// Calls counts requests by route since Forget.
func (j *Jira) Calls() (out map[string]int) {
	j.t.Helper()
	if err := json.Unmarshal(j.manageOK("GET", "/calls", nil), &out); err != nil {
		j.t.Fatal(err)
	}
	return out
}

// A Request is one call somebody made.
type Request struct {
	Route, Path, User string // "PUT /issue/{key}"; with the query; the id of the account
	Status            int
}

// Requests are the latest calls since Forget.
func (j *Jira) Requests() (out []Request) {
	j.t.Helper()
	if err := json.Unmarshal(j.manageOK("GET", "/requests", nil), &out); err != nil {
		j.t.Fatal(err)
	}
	return out
}

// Forget starts counting calls anew.
func (j *Jira) Forget() {
	j.t.Helper()
	j.manageOK("DELETE", "/calls", nil)
}

// Snapshot is everything the Jira holds, as JSON.
func (j *Jira) Snapshot() string {
	j.t.Helper()
	return string(j.manageOK("GET", "/snapshot", nil))
}

// Field returns the id of the custom field of that name.
func (j *Jira) Field(name string) string {
	j.t.Helper()
	var all []struct{ ID, Name string }
	j.OK("GET", "/rest/api/2/field", nil, &all)
	for _, f := range all {
		if f.Name == name {
			return f.ID
		}
	}
	j.t.Fatalf("no field %q", name)
	return ""
}

// Webhook posts a body to an address as somebody who is not Jira might, and returns the status and the answer.
func Webhook(url, kind string, body []byte, header map[string]string) (status int, answer string, err error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", kind)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("webhook: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}
