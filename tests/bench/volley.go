package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A shot is a webhook as bytes on a connection, so that sending it costs next to nothing: what is measured is the hub.
type shot struct {
	issue string
	raw   []byte
	taken time.Time // when the hub's 202 was read
}

// shots makes them of letters that the public Jira wrote.
func (w *World) shots(letters []letter) []shot {
	w.T.Helper()
	out := make([]shot, len(letters))
	for i, l := range letters {
		var ev struct{ Issue struct{ ID string } }
		must(w.T, json.Unmarshal(l.body, &ev))
		out[i] = shot{issue: ev.Issue.ID, raw: l.raw(w.Post.to)}
	}
	return out
}

// raw is the request that carries a letter, as bytes.
func (l letter) raw(to string) []byte {
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(l.body))
	if err != nil {
		panic(err) // an address of ours
	}
	req.Header = l.header
	var raw bytes.Buffer
	if err := req.Write(&raw); err != nil {
		panic(err) // into memory
	}
	return raw.Bytes()
}

// line is a connection to the hub that is kept open: one request at a time.
type line struct {
	net.Conn
	answers *bufio.Reader
}

func dial(hub string) (*line, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(hub, "http://"))
	if err != nil {
		return nil, err
	}
	return &line{conn, bufio.NewReader(conn)}, nil
}

// send sends a request and returns the first line of the answer, which has no body.
func (l *line) send(raw []byte) (status string, err error) {
	if _, err := l.Write(raw); err != nil {
		return "", err
	}
	status, err = l.answers.ReadString('\n')
	for line := status; err == nil && line != "\r\n"; {
		line, err = l.answers.ReadString('\n')
	}
	return status, err
}

// volley sends shots over so many connections that are kept open, one at a time on each, and waits for all answers.
// Between two shots of a connection lies at least pause.
func (w *World) volley(shots []shot, connections int, pause time.Duration) (took time.Duration) {
	w.T.Helper()
	began := time.Now()
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() { fire(w.T, w.HubURL, shots[c*len(shots)/connections:(c+1)*len(shots)/connections], pause) })
	}
	wg.Wait()
	return time.Since(began)
}

func fire(t testing.TB, hub string, shots []shot, pause time.Duration) {
	to, err := dial(hub)
	if err != nil {
		t.Error(err)
		return
	}
	defer to.Close()
	next := time.Now()
	for i := range shots {
		time.Sleep(time.Until(next))
		next = next.Add(pause)
		if status, err := to.send(shots[i].raw); err != nil || !strings.Contains(status, " 202 ") {
			t.Errorf("webhook answered %q (%v)", status, err)
			return
		}
		shots[i].taken = time.Now()
	}
}
