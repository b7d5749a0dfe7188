package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// obj is a JSON object being put together. Handlers build fresh ones, so that
// they can be encoded after the lock is released.
type obj = map[string]any

// answer is what a handler returns.
type answer struct {
	status int
	body   any               // encoded as JSON, or sent as it is if it is []byte
	header map[string]string // Content-Type and others
}

func ok(body any) (answer, error)      { return answer{status: http.StatusOK, body: body}, nil }
func created(body any) (answer, error) { return answer{status: http.StatusCreated, body: body}, nil }
func noContent() (answer, error)       { return answer{status: http.StatusNoContent}, nil }

// refusal is an error as Jira answers it.
type refusal struct {
	status   int
	messages []string
	errors   map[string]string
	bare     bool // without "errors", as broken JSON is answered
	html     bool
}

func (e *refusal) Error() string { return fmt.Sprintf("%d %v %v", e.status, e.messages, e.errors) }

func (e *refusal) answer() answer {
	if e.html {
		return htmlAnswer(e.status, e.messages[0])
	}
	body := obj{"errorMessages": orEmpty(e.messages)}
	if !e.bare {
		errs := obj{}
		for k, v := range e.errors {
			errs[k] = v
		}
		body["errors"] = errs
	}
	return answer{status: e.status, body: body}
}

func htmlAnswer(status int, text string) answer {
	page := fmt.Sprintf("<html>\n<head><title>%s</title></head>\n<body><h1>%d %s</h1></body>\n</html>\n", text, status, text)
	return answer{status: status, body: []byte(page), header: map[string]string{"Content-Type": "text/html;charset=UTF-8"}}
}

// refuse is an error with one message and no field named.
func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, messages: []string{fmt.Sprintf(format, args...)}}
}

// refuseField is a 400 that names one field.
func refuseField(field, format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, errors: map[string]string{field: fmt.Sprintf(format, args...)}}
}

var (
	errJSON = &refusal{status: http.StatusBadRequest, bare: true,
		messages: []string{"There was an error parsing JSON. Check that your request body is valid."}}
	errForbidden = &refusal{status: http.StatusForbidden, messages: []string{"You do not have permission to perform this operation."}}
)

// noIssue is the answer for an issue that is absent or not visible.
func (s *Site) noIssue() error {
	if s.cloud() {
		return refuse(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")
	}
	return refuse(http.StatusNotFound, "Issue Does Not Exist")
}

// jiraText is an error in Jira's own words, shown to the caller as it is.
type jiraText string

func (t jiraText) Error() string { return string(t) }

func say(format string, args ...any) error { return jiraText(fmt.Sprintf(format, args...)) }

// fieldErrors collects one text per field, to be refused together.
type fieldErrors map[string]string

func (f fieldErrors) add(field, format string, args ...any) {
	if _, taken := f[field]; !taken {
		f[field] = fmt.Sprintf(format, args...)
	}
}

func (f fieldErrors) err() error {
	if len(f) == 0 {
		return nil
	}
	return &refusal{status: http.StatusBadRequest, errors: f}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func encode(body any) []byte {
	if raw, isRaw := body.([]byte); isRaw {
		return raw
	}
	data, err := json.Marshal(body)
	if err != nil { // every body is built here of plain values
		panic(err)
	}
	return data
}
