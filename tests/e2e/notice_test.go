package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// A mailServer takes mail as a company's does: on TLS after STARTTLS only, from who signs in.
type mailServer struct {
	address string
	tls     *tls.Config

	mu    sync.Mutex
	mails []string // subject, a line end, and the text
	wrong []string
}

func newMailServer(t *testing.T, ca *authority) *mailServer {
	t.Helper()
	certificate, key := ca.issue(t, "mail")
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	m := &mailServer{address: "localhost:" + port, tls: &tls.Config{Certificates: []tls.Certificate{pair}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(c)
		}
	}()
	return m
}

// serve speaks SMTP (RFC 5321) with one client: as much of it as a sender of one mail needs.
func (m *mailServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	in, secure, known := bufio.NewReader(c), false, false
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 mail.corp.example")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb = strings.ToUpper(verb); {
		case verb == "EHLO" && !secure:
			say("250-mail.corp.example\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250-mail.corp.example\r\n250 AUTH PLAIN")
		case verb == "STARTTLS":
			say("220 go on")
			t := tls.Server(c, m.tls)
			c, in, secure = t, bufio.NewReader(t), true
		case verb == "QUIT":
			say("221 bye")
			return
		case !secure:
			m.complain(verb + " without TLS")
			say("530 Must issue a STARTTLS command first")
		case verb == "AUTH":
			known = rest == "PLAIN AGJyaWRnZQBtYWlsLXBhc3M=" // bridge, mail-pass
			say(map[bool]string{true: "235 ok", false: "535 who are you?"}[known])
		case !known:
			m.complain(verb + " without signing in")
			say("530 Authentication required")
		case verb == "DATA":
			say("354 go on")
			m.take(in)
			say("250 ok")
		default:
			say("250 ok")
		}
	}
}

func (m *mailServer) complain(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, what)
}

// take reads one mail up to the line with a dot.
func (m *mailServer) take(in *bufio.Reader) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	msg, err := mail.ReadMessage(strings.NewReader(text.String()))
	if err != nil {
		m.complain("not a mail: " + err.Error())
		return
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	body, err2 := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil || err2 != nil || msg.Header.Get("To") != "admins@corp.example" {
		m.complain(fmt.Sprintf("%v %v to %q", err, err2, msg.Header.Get("To")))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = append(m.mails, subject+"\n"+string(body))
}

// got counts the mails that hold the text.
func (m *mailServer) got(text string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.mails {
		if strings.Contains(one, text) {
			n++
		}
	}
	return n
}

func (m *mailServer) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.mails, "\n----\n")
}

// TestPrivateSideIsTold has the running poller tell its own people of everything that needs them, by mail, web request and
// command, each thing once and once more when it is over.
func TestPrivateSideIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	m := newMailServer(t, ca)
	posted := make(chan string, 100)
	hook := "https://" + ca.serve(t, "chat", true, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		posted <- r.Header.Get("Authorization") + " " + string(raw)
	}))
	command := teller(dir + "/told")
	writeFile(t, dir, "mail-pass", "mail-pass\n")
	writeFile(t, dir, "chat-pass", "Bearer chat-pass\n")
	w := rig.New(t, rig.Options{PollerYAML: fmt.Sprintf(`notify:
  mail: {server: %q, from: bridge@corp.example, to: [admins@corp.example], user: bridge, password: {file: %s/mail-pass}, ca_file: %s/ca.pem}
  webhook: {url: %q, authorization: {file: %s/chat-pass}, network: {ca_file: %s/ca.pem}}
  command: %s
  digest: 1s
  hub_silent: 2s
`, m.address, dir, dir, hook, dir, dir, command.command())})
	s := sideOf(w, true).with(t)
	mailed := func(times int, text string) {
		t.Helper()
		rig.Eventually(t, 3*rig.Patience, fmt.Sprintf("a mail says %q", text), func() string {
			if n := m.got(text); n != times {
				return fmt.Sprintf("%d mails do, of:\n%s\nparked:\n%s", n, m.all(), w.RunOnPoller("errors", "list").Out)
			}
			return ""
		})
	}

	says(t, w.RunOnPoller("doctor", "--notify"), 0, "fine     notify by mail to admins@corp.example: a test message was sent", "fine     notify by web request to ", "fine     notify by the command /bin/sh")
	mailed(1, "a test by ")
	<-posted
	key, twin := s.pair(t, "People are told of this", nil)
	w.Private.Account("drawbridge", rig.Fields{"Denied": []string{"EDIT_ISSUES"}})
	s.here.Edit(key, rig.Fields{"summary": "It cannot be written"})
	mailed(1, "1 pair of rig parked")
	mailed(1, "- "+twin+": forbidden")
	w.Private.Account("drawbridge", rig.Fields{"Denied": []string{}})
	w.OnPoller("errors", "retry", "--all")
	s.there.Shows(twin, "summary", "It cannot be written")
	mailed(1, "over: 1 pair of rig parked")

	w.Hub.Kill()
	mailed(1, "the other half of rig is out of reach")
	w.StartHub()
	mailed(1, "over: the other half of rig is out of reach")

	restore := w.ExpireToken(w.Private)
	mailed(1, "site inside stands still")
	restore()
	mailed(1, "over: site inside stands still")

	w.Write("failing.yaml", strings.Replace(read(t, w.Path("rules-private.yaml")), " duedate,", " {field: duedate, in: 'fail(\"not today\")'},", 1))
	var keys []string
	for i := range 13 {
		keys = append(keys, s.here.Create(fmt.Sprintf("Due never %d", i), nil))
	}
	s.there.Twin("Due never 12")
	w.OnPoller("rules", "publish", w.Path("failing.yaml"))
	time.Sleep(1500 * time.Millisecond) // noticed within a second
	for _, key := range keys {
		s.here.Edit(key, rig.Fields{"duedate": "2031-01-01"})
	}
	mailed(1, "connection rig is broken")
	mailed(1, "a rule fails for every issue")
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"))
	mailed(1, "over: connection rig is broken")

	w.Poller.Stop(t)
	day := time.Now().AddDate(0, 0, 6).Format(time.DateOnly)
	w.Write("poller.yaml", strings.Replace(read(t, w.Path("poller.yaml")), "site:\n", "site:\n  credential_expires: "+day+"\n", 1))
	w.StartPoller()
	mailed(1, "the credential for site inside expires on "+day)
	for _, text := range []string{`"name":"parked"`, `"name":"hub-unreachable"`, `"name":"connection-broken"`, `"name":"site-stopped"`, `"name":"credential-expires"`} {
		rig.Eventually(t, rig.Patience, "the command was told once of "+text, func() string {
			if n := strings.Count(command.got(), text); n != 1 {
				return fmt.Sprintf("it was %d times:\n%s", n, command.got())
			}
			return ""
		})
	}
	if len(m.wrong) > 0 {
		t.Errorf("the mail server complains: %v", m.wrong)
	}
	if first := <-posted; !strings.HasPrefix(first, "Bearer chat-pass {") || !strings.Contains(first, `"name":"parked"`) {
		t.Errorf("the web request was %s", first)
	}
}
