package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// Codes of faults: what a poller whose signature was good is told.
const (
	codeRefused     = "refused"     // sign.PublicAnswer: everything that is not authentic
	codeProtocol    = "protocol"    // no common protocol version
	codeBusy        = "busy"        // another poller holds the lease
	codeRequest     = "request"     // the message is not understood
	codeTooLarge    = "too-large"   // over a limit
	codeInvitation  = "invitation"  // proven, but expired, used or revoked
	codeMissing     = "missing"     // no such content
	codeUnavailable = "unavailable" // the hub cannot now
)

// fault is the JSON body of every answer that is not a success.
type fault struct {
	Code      string `json:"error"`
	Message   string `json:"message,omitempty"`
	Temporary bool   `json:"temporary,omitempty"`
	RetryMS   int64  `json:"retry_ms,omitempty"`
	NowMS     int64  `json:"now_ms,omitempty"`
	Protocols []int  `json:"protocols,omitempty"` // code protocol: what the hub speaks

	status int
}

func (f *fault) Error() string { return f.Code + ": " + f.Message }

func badRequest(format string, args ...any) *fault {
	return &fault{Code: codeRequest, Message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

func tooLarge(limit int64) *fault {
	return &fault{Code: codeTooLarge, Message: fmt.Sprintf("at most %d bytes are taken", limit), status: http.StatusRequestEntityTooLarge}
}

func busy(until time.Time, now time.Time) *fault {
	return &fault{Code: codeBusy, Message: "another poller works for this connection", Temporary: true,
		RetryMS: max(1000, until.Sub(now).Milliseconds()), status: http.StatusConflict}
}

func unknownProtocol(ours []int, asked []string) *fault {
	who := "bring hub and poller to releases less than a year apart"
	if v, err := strconv.Atoi(strings.Join(asked, ",")); err == nil && v > slices.Max(ours) {
		who = "upgrade the hub"
	} else if err == nil && v > 0 && v < slices.Min(ours) {
		who = "upgrade the poller"
	}
	return &fault{Code: codeProtocol, Message: fmt.Sprintf("this hub speaks Drawbridge protocol %s, not %.20q: %s", versions(ours), strings.Join(asked, ","), who),
		Protocols: ours, status: http.StatusBadRequest}
}

// faultOf makes of a Backend's error what the poller is told: its name and
// whether to come again, never its text, which may hold internals.
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	if bridge.IsTemporary(err) {
		var e *bridge.Error
		f = &fault{Code: codeUnavailable, Message: "the hub cannot do this now", Temporary: true, RetryMS: 5000, status: http.StatusServiceUnavailable}
		if errors.As(err, &e) && e.After > 0 {
			f.RetryMS = e.After.Milliseconds()
		}
		return f
	}
	return &fault{Code: bridge.NameOf(err), Message: "the hub refuses this; its log says why", status: http.StatusUnprocessableEntity}
}
