package jql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end    kind = iota
	word        // unquoted
	quoted      // in single or double quotes
	symbol      // an operator, parenthesis, bracket or comma
)

type token struct {
	kind kind
	text string
	line int
	char int
}

// is tells whether the token is the given keyword or symbol. A quoted keyword
// is a value, never a keyword.
func (t token) is(text string) bool {
	return t.kind == symbol && t.text == text || t.kind == word && strings.EqualFold(t.text, text)
}

func (t token) at() string { return fmt.Sprintf(" (line %d, character %d)", t.line, t.char) }

const (
	specials = "=!<>~(),[]&|"
	refused  = "{}*/%+^$#@?;" // reserved by Jira: only inside quotes
)

type lexer struct {
	src    string
	pos    int
	line   int
	start  int // position after the last line end
	tokens []token
}

func lex(src string) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, fmt.Errorf("Error in the JQL Query: The query is not valid UTF-8.")
	}
	l := &lexer{src: src, line: 1}
	for {
		l.space()
		t := token{line: l.line, char: utf8.RuneCountInString(src[l.start:l.pos]) + 1}
		if l.pos == len(src) {
			return append(l.tokens, t), nil
		}
		if err := l.next(&t); err != nil {
			return nil, err
		}
		l.tokens = append(l.tokens, t)
	}
}

func (l *lexer) space() {
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		l.pos += n
		if r == '\n' {
			l.line, l.start = l.line+1, l.pos
		}
	}
}

func (l *lexer) next(t *token) error {
	c := l.src[l.pos]
	switch {
	case c == '"' || c == '\'':
		return l.quoted(t, c)
	case strings.IndexByte(specials, c) >= 0:
		t.kind, t.text = symbol, l.symbol()
		return nil
	case strings.IndexByte(refused, c) >= 0:
		return fmt.Errorf(`Error in the JQL Query: The character '%c' is a reserved JQL character. You must enclose it in a string or use the escape '\u%04x' instead.%s`, c, c, t.at())
	}
	return l.word(t)
}

// symbol takes the longest symbol and spells && and || as words do.
func (l *lexer) symbol() string {
	rest := l.src[l.pos:]
	for _, s := range [...][2]string{{"!=", "!="}, {"!~", "!~"}, {"<=", "<="}, {">=", ">="}, {"&&", "and"}, {"||", "or"}, {"&", "and"}, {"|", "or"}} {
		if strings.HasPrefix(rest, s[0]) {
			l.pos += len(s[0])
			return s[1]
		}
	}
	l.pos++
	return rest[:1]
}

func (l *lexer) quoted(t *token, quote byte) error {
	var b strings.Builder
	from := l.pos
	l.pos++
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch c {
		case quote:
			l.pos++
			t.kind, t.text = quoted, b.String()
			return nil
		case '\\':
			if err := l.escape(&b, *t); err != nil {
				return err
			}
			continue
		case '\n':
			l.line, l.start = l.line+1, l.pos+1
		}
		b.WriteByte(c)
		l.pos++
	}
	return fmt.Errorf("Error in the JQL Query: The quoted string '%s' has not been completed.%s", l.src[from+1:], t.at())
}

func (l *lexer) word(t *token) error {
	var b strings.Builder
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if r == '\\' {
			if err := l.escape(&b, *t); err != nil {
				return err
			}
			continue
		}
		if unicode.IsSpace(r) || strings.ContainsRune(specials+refused+`"'`, r) {
			break
		}
		b.WriteRune(r)
		l.pos += n
	}
	t.kind, t.text = word, b.String()
	return nil
}

var escapes = map[byte]byte{'\'': '\'', '"': '"', '\\': '\\', 't': '\t', 'n': '\n', 'r': '\r', ' ': ' '}

// escape takes one escape sequence; the position is at its backslash.
func (l *lexer) escape(b *strings.Builder, t token) error {
	rest := l.src[l.pos+1:]
	if len(rest) >= 5 && rest[0] == 'u' {
		if n, err := strconv.ParseUint(rest[1:5], 16, 16); err == nil {
			b.WriteRune(rune(n))
			l.pos += 6
			return nil
		}
	}
	if len(rest) > 0 {
		if c, ok := escapes[rest[0]]; ok {
			b.WriteByte(c)
			l.pos += 2
			return nil
		}
	}
	bad := "\\"
	if len(rest) > 0 {
		r, _ := utf8.DecodeRuneInString(rest)
		bad += string(r)
	}
	return fmt.Errorf(`Error in the JQL Query: '%s' is an illegal JQL escape sequence. The valid escape sequences are \', \", \t, \n, \r, \\, '\ ' and \uXXXX.%s`, bad, t.at())
}
