package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// box is a sender that keeps what it was given, or fails.
type box struct {
	got  []string
	fail bool
}

func (b *box) String() string { return "a box" }

func (b *box) Send(_ context.Context, n Notice) error {
	if b.fail {
		return errors.New("down")
	}
	b.got = append(b.got, n.Name+" "+n.Subject)
	return nil
}

func TestEachThingIsToldOnceAndWhenItIsOver(t *testing.T) {
	b := &box{}
	d := &Desk{Store: store.NewMemory(store.Faults{}), Site: "s", Senders: []Sender{b}, Now: func() int64 { return 1 }, Log: slog.New(slog.DiscardHandler)}
	broken := Notice{Key: "broken/c1", Name: "connection-broken", Subject: "support is broken\r\nBcc: x"}
	parked := func(items ...string) Notice {
		return Notice{Key: "parked", Name: "parked", Subject: "parked", Items: items}
	}
	for i, step := range []struct {
		now  []Notice
		fail bool
		want string
	}{
		{now: []Notice{broken}, want: "connection-broken support is broken  Bcc: x"},
		{now: []Notice{broken}},
		{now: []Notice{broken, parked("A-1")}, fail: true},
		{now: []Notice{broken, parked("A-1")}, want: "parked parked"},
		{now: []Notice{broken, parked("A-1")}},
		{now: []Notice{broken, parked("A-1", "A-2")}, want: "parked parked"},
		{now: []Notice{broken, parked("A-2")}},
		{now: []Notice{parked("A-2")}, want: "over over: support is broken  Bcc: x"},
		{now: nil, want: "over over: parked"},
		{now: nil},
	} {
		b.got, b.fail = nil, step.fail
		if err := d.Tell(t.Context(), step.now); (err != nil) != step.fail {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := strings.Join(b.got, "; "); got != step.want {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
	}
}

func TestMail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan string, 1)
	go func() { said <- smtpd(l) }()
	m := Mail{Server: l.Addr().String(), From: "bridge@example.com", To: []string{"a@example.com", "b@example.com"}, Security: "none"}
	if err := m.Send(t.Context(), Notice{Subject: "Tür offen", Text: "look", Items: []string{"OPS-1: refused"}, Site: "inside"}); err != nil {
		t.Fatal(err)
	}
	got := <-said
	for _, want := range []string{"MAIL FROM:<bridge@example.com>", "RCPT TO:<b@example.com>", "Subject: =?utf-8?q?[drawbridge]_T=C3=BCr_offen?=", "- OPS-1: refused", "Drawbridge at site inside"} {
		if !strings.Contains(got, want) {
			t.Errorf("the mail has no %q:\n%s", want, got)
		}
	}
}

// evil ends headers and lines, and drives what shows it.
const evil = "x\r\nBcc: thief@example.com\r\n\r\n- OPS-9: made up\r\n.\r\nQUIT\u202e\u009b31m\x1b[2J"

// TestAMailHoldsWhatWeWrote: whatever a reason or a name holds, there is one mail with our headers, and it lists what we list.
func TestAMailHoldsWhatWeWrote(t *testing.T) {
	raw := Mail{From: "bridge@example.com", To: []string{"a@example.com"}}.message(Notice{Subject: evil, Text: evil, Items: []string{evil, "OPS-1: refused"}, Site: "inside"})
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Header) != 8 || m.Header.Get("Bcc") != "" {
		t.Errorf("headers: %v", m.Header)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || strings.ContainsFunc(subject, bridge.Drives) || !strings.HasPrefix(subject, "[drawbridge] x") {
		t.Errorf("%v: subject %q", err, subject)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	items := 0
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\r\n", "\n")) {
		if strings.HasPrefix(line, "- ") {
			items++
		}
		if line = strings.TrimSuffix(line, "\n"); line == "." || strings.ContainsFunc(line, bridge.Drives) {
			t.Errorf("a line of the mail is %q", line)
		}
	}
	if items != 2 {
		t.Errorf("%d items, want 2:\n%s", items, text)
	}
}

// TestAProgramIsToldExactly: as JSON a notice keeps its values, and drives no terminal that shows it.
func TestAProgramIsToldExactly(t *testing.T) {
	n := Notice{Subject: evil, Text: evil, Items: []string{evil}}
	raw, err := n.data()
	if err != nil || strings.ContainsFunc(string(raw), bridge.Drives) {
		t.Errorf("%v: %q", err, raw)
	}
	var back Notice
	if err := json.Unmarshal(raw, &back); err != nil || back.Subject != evil || back.Text != evil || back.Items[0] != evil {
		t.Errorf("%v: told %+v", err, back)
	}
}

// smtpd takes one mail and returns all that was said to it.
func smtpd(l net.Listener) string {
	conn, err := l.Accept()
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	var said strings.Builder
	io.WriteString(conn, "220 here\r\n")
	data := false
	for s := bufio.NewScanner(conn); s.Scan(); {
		said.WriteString(s.Text() + "\n")
		switch {
		case data && s.Text() == ".":
			data = false
		case data:
			continue
		case s.Text() == "DATA":
			data = true
			io.WriteString(conn, "354 go on\r\n")
			continue
		case s.Text() == "QUIT":
			io.WriteString(conn, "221 bye\r\n")
			return said.String()
		}
		io.WriteString(conn, "250 ok\r\n")
	}
	return said.String()
}

func TestWebRequestAndCommand(t *testing.T) {
	var got Notice
	status := 200
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer x" {
			status = 401
		}
		_ = json.NewDecoder(r.Body).Decode(&got)
		w.WriteHeader(status)
	}))
	defer s.Close()
	p := Post{URL: s.URL + "/hook?token=secret", HTTP: s.Client(), Auth: func() (string, error) { return "Bearer x\n", nil }}
	if err := p.Send(t.Context(), Notice{Name: "parked", Subject: "one"}); err != nil || got.Subject != "one" {
		t.Errorf("%v, %+v", err, got)
	}
	status = 500
	if err := p.Send(t.Context(), Notice{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a failure: %v", err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := (Command{Args: []string{"/bin/sh", "-c", "cat > " + out}}).Send(t.Context(), Notice{Subject: "two"}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(out); !strings.Contains(string(text), `"subject":"two"`) {
		t.Errorf("the command was given %s", text)
	}
	if err := (Command{Args: []string{"/bin/false"}}).Send(t.Context(), Notice{}); err == nil {
		t.Error("a command that fails is no success")
	}
}
