package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
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
	to, err := url.Parse(w.Post.to)
	must(w.T, err)
	out := make([]shot, len(letters))
	for i, l := range letters {
		var ev struct{ Issue struct{ ID string } }
		must(w.T, json.Unmarshal(l.body, &ev))
		req, err := http.NewRequest(http.MethodPost, w.Post.to, bytes.NewReader(l.body))
		must(w.T, err)
		req.Header, req.Host = l.header, to.Host
		var raw bytes.Buffer
		must(w.T, req.Write(&raw))
		out[i] = shot{issue: ev.Issue.ID, raw: raw.Bytes()}
	}
	return out
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
	conn, err := net.Dial("tcp", strings.TrimPrefix(hub, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	answers, next := bufio.NewReader(conn), time.Now()
	for i := range shots {
		time.Sleep(time.Until(next))
		next = next.Add(pause)
		if _, err := conn.Write(shots[i].raw); err != nil {
			t.Error(err)
			return
		}
		if status, err := answer(answers); err != nil || !strings.Contains(status, " 202 ") {
			t.Errorf("webhook answered %q (%v)", status, err)
			return
		}
		shots[i].taken = time.Now()
	}
}

// answer reads an answer without a body and returns its first line.
func answer(r *bufio.Reader) (status string, err error) {
	status, err = r.ReadString('\n')
	for line := status; err == nil && line != "\r\n"; {
		line, err = r.ReadString('\n')
	}
	return status, err
}
