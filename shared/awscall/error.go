package awscall

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Error is a refusal by a service. The SDK's rules of what to try again read it by its methods.
type Error struct {
	Status  int    // of HTTP
	Code    string // the service's word for it, e.g. "AccessDenied"; empty where the answer has no body
	Message string
	Request string // id under which AWS knows the call
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d %s: %s (request %s)", e.Status, e.Code, e.Message, e.Request)
}

// ErrorCode is the code.
func (e *Error) ErrorCode() string { return e.Code }

// HTTPStatusCode is the status.
func (e *Error) HTTPStatusCode() int { return e.Status }

// mostRefusal is the most of a refusal that is read; one has some hundred bytes.
const mostRefusal = 64 << 10

// refused reads a refusal, which is JSON or XML.
func refused(resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, mostRefusal)) // the status alone says enough
	e := &Error{Status: resp.StatusCode}
	for _, name := range []string{"X-Amz-Request-Id", "X-Amzn-Requestid"} {
		e.Request += resp.Header.Get(name)
	}
	var in struct {
		Type    string `json:"__type"`
		Message string
	}
	if json.Unmarshal(body, &in) == nil {
		e.Code, e.Message = in.Type[strings.LastIndex(in.Type, "#")+1:], in.Message
		return e
	}
	e.Code, e.Message = element(string(body), "Code"), element(string(body), "Message")
	return e
}

// element is the text of the first XML element of a name. A refusal's elements hold nothing but text, and a decoder of XML
// would be the only one in a function.
func element(xml, name string) string {
	_, rest, _ := strings.Cut(xml, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}
