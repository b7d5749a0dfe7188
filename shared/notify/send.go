package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/smtp"
	"os/exec"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// sendTime bounds one attempt.
const sendTime = 30 * time.Second

func unsent(format string, args ...any) error {
	return bridge.Temporary("notice-unsent", format, args...)
}

// body is a notice as a person reads it. What it quotes begins no line, or an item could be made up.
func (n Notice) body() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", bridge.OneLine(n.Subject))
	if n.Text != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.ReplaceAll(bridge.Shown(n.Text), "\n", "\n  "))
	}
	if len(n.Items) > 0 {
		b.WriteByte('\n')
	}
	for _, i := range n.Items {
		fmt.Fprintf(&b, "- %s\n", bridge.OneLine(i))
	}
	fmt.Fprintf(&b, "\nDrawbridge at site %s, %s\n", n.Site, time.UnixMilli(n.At).UTC().Format("2006-01-02 15:04 UTC"))
	return b.String()
}

// data is a notice as a program reads it: exact values, with what would drive a screen escaped.
func (n Notice) data() ([]byte, error) {
	body, err := json.Marshal(n)
	return bridge.EscapeJSON(body), err
}

// Mail sends by SMTP.
type Mail struct {
	Server   string // host:port
	From     string
	To       []string
	User     string // empty: no sign-in
	Password func() (string, error)
	Security string      // starttls, tls or none
	TLS      *tls.Config // nil: the system's authorities
}

func (m Mail) String() string { return "mail to " + strings.Join(m.To, ", ") }

// Send implements [Sender].
func (m Mail) Send(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	c, err := m.dial(ctx)
	if err != nil {
		return unsent("mail server %s: %w", m.Server, err)
	}
	defer c.Close()
	if err := m.talk(c, n); err != nil {
		return unsent("mail server %s: %w", m.Server, err)
	}
	return nil
}

func (m Mail) dial(ctx context.Context) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.TLS != nil {
		conf = m.TLS.Clone()
	}
	conf.ServerName = host
	var conn net.Conn
	if m.Security == "tls" {
		conn, err = (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", m.Server)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	}
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil || m.Security != "starttls" {
		return c, err
	}
	return c, c.StartTLS(conf)
}

func (m Mail) talk(c *smtp.Client, n Notice) error {
	if m.User != "" {
		password, err := m.Password()
		if err != nil {
			return err
		}
		host, _, _ := net.SplitHostPort(m.Server)
		if err := c.Auth(smtp.PlainAuth("", m.User, strings.TrimSpace(password), host)); err != nil {
			return err
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.message(n)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

func (m Mail) message(n Notice) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n", bridge.OneLine(m.From), bridge.OneLine(strings.Join(m.To, ", ")),
		mime.QEncoding.Encode("utf-8", "[drawbridge] "+bridge.OneLine(n.Subject)), time.UnixMilli(n.At).UTC().Format(time.RFC1123Z))
	b.WriteString("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(n.body())) // into memory: cannot fail
	_ = q.Close()
	return b.Bytes()
}

// Post sends the notice as JSON to a URL.
type Post struct {
	URL  string
	Auth func() (string, error) // value of the Authorization header; nil: none
	HTTP *http.Client
}

func (p Post) String() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(p.URL, "https://"), "http://"), "/")
	return "web request to " + host // the rest may be secret
}

// Send implements [Sender].
func (p Post) Send(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	body, err := n.data()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return unsent("notify.webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if p.Auth != nil {
		secret, err := p.Auth()
		if err != nil {
			return unsent("notify.webhook: %w", err)
		}
		req.Header.Set("Authorization", strings.TrimSpace(secret))
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return unsent("notify.webhook: %s cannot be reached", req.URL.Host)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode >= 300 {
		return unsent("notify.webhook: %s answers %d", req.URL.Host, resp.StatusCode)
	}
	return nil
}

// Command gives the notice as JSON to the standard input of a program.
type Command struct {
	Args []string // the program and its arguments; no shell
}

func (c Command) String() string { return "the command " + c.Args[0] }

// Send implements [Sender].
func (c Command) Send(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	body, err := n.data()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		return unsent("notify.command %s: %w: %.200s", c.Args[0], err, out)
	}
	return nil
}
