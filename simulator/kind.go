package simulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"drawbridge/simulator/adf"
	"drawbridge/simulator/jql"
)

// kind tells how values of one sort of field are read from a request, shown in
// an answer, written into the changelog and looked at by JQL. All of it is per
// word; fields with several words are lists of the same.
type kind struct {
	schema string // type in the field's schema
	items  string // element type, for lists
	custom string // last part of the custom field type
	list   bool
	log    logStyle
	read   func(p *reader, f *Field, raw json.RawMessage) (string, error)
	show   func(v *view, f *Field, word string) any
	name   func(s *Site, f *Field, word string) string // the changelog's *String; nil: the word itself
	seek   func(s *Site, f *Field, word string) jql.Operand
	choice func(v *view, f *Field, p *Project) []any // allowed values; nil: free
}

// logStyle is how the changelog writes a field.
type logStyle int

const (
	logText  logStyle = iota // from and to are null, the strings hold the text
	logID                    // from and to are ids
	logWords                 // the whole list in one string, from and to empty
	logEach                  // one item for each element added or removed
	logList                  // the whole list, ids in brackets
)

// reader is the context in which a request's values are read.
type reader struct {
	s       *Site
	project *Project
	caller  *User
	adf     bool // rich text comes as ADF
}

var kinds map[string]*kind

func init() {
	kinds = map[string]*kind{
		"text":        {schema: "string", custom: "textfield", read: readLine, show: showWord, seek: seekText},
		"paragraph":   {schema: "string", custom: "textarea", read: readText, show: showText, seek: seekText},
		"number":      {schema: "number", custom: "float", read: readNumber, show: showNumber, seek: seekNumber},
		"date":        {schema: "date", custom: "datepicker", log: logID, read: readDate, show: showWord, name: nameDate, seek: seekDate},
		"datetime":    {schema: "datetime", custom: "datetime", log: logID, read: readMoment, show: showMoment, name: nameMoment, seek: seekMoment},
		"labels":      {schema: "array", items: "string", custom: "labels", list: true, log: logWords, read: readLabel, show: showWord, seek: seekWord},
		"option":      {schema: "option", custom: "select", log: logID, read: readOption, show: showOption, name: nameOption, seek: seekOption, choice: allOptions},
		"options":     {schema: "array", items: "option", custom: "multiselect", list: true, log: logList, read: readOption, show: showOption, name: nameOption, seek: seekOption, choice: allOptions},
		"user":        {schema: "user", custom: "userpicker", log: logID, read: readUser, show: showUser, name: nameUser, seek: seekUser},
		"users":       {schema: "array", items: "user", custom: "multiuserpicker", list: true, log: logList, read: readUser, show: showUser, name: nameUser, seek: seekUser},
		"priority":    {schema: "priority", log: logID, read: readPriority, show: showPriority, name: namePriority, seek: seekNamed, choice: allPriorities},
		"resolution":  {schema: "resolution", log: logID, read: readResolution, show: showResolution, name: nameResolution, seek: seekNamed, choice: allResolutions},
		"status":      {schema: "status", log: logID, read: readNever, show: showStatus, name: nameStatus, seek: seekStatus},
		"issuetype":   {schema: "issuetype", log: logID, read: readType, show: showType, name: nameType, seek: seekType, choice: allTypes},
		"project":     {schema: "project", log: logID, read: readNever, show: showProject, name: nameProject, seek: seekProject, choice: ownProject},
		"components":  {schema: "array", items: "component", list: true, log: logEach, read: readComponent, show: showComponent, name: nameComponent, seek: seekComponent, choice: allComponents},
		"versions":    {schema: "array", items: "version", list: true, log: logEach, read: readVersion, show: showVersion, name: nameVersion, seek: seekVersion, choice: allVersions},
		"parent":      {schema: "issuelink", log: logID, read: readParent, show: showParent, name: nameParent, seek: seekParent},
		"security":    {schema: "securitylevel", log: logID, read: readSecurity, show: showSecurity, name: nameSecurity, seek: seekSecurity, choice: allSecurity},
		"requesttype": {schema: "sd-customerrequesttype", custom: "vp-origin", log: logText, read: readRequestType, show: showRequestType, name: nameRequestType, seek: seekRequestType},
		"seconds":     {schema: "number", log: logID, read: readNever, show: showNumber, seek: seekNumber},
	}
}

func (f *Field) kind() *kind { return kinds[f.Kind] }

// readValue reads a whole field value; null and empty lists clear it.
func (p *reader) readValue(f *Field, raw json.RawMessage) (Value, error) {
	if isNull(raw) {
		return nil, nil
	}
	k := f.kind()
	if !k.list {
		w, err := k.read(p, f, raw)
		if err != nil || w == "" {
			return nil, err
		}
		return Value{w}, nil
	}
	var elems []json.RawMessage
	if json.Unmarshal(raw, &elems) != nil {
		return nil, say("data was not an array")
	}
	var v Value
	for _, e := range elems {
		w, err := k.read(p, f, e)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(v, w) {
			v = append(v, w)
		}
	}
	slices.Sort(v) // the order says nothing
	return v, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null" }

// plainString reads a JSON string; ok is false for anything else.
func plainString(raw json.RawMessage) (s string, ok bool) {
	ok = json.Unmarshal(raw, &s) == nil
	return s, ok
}

// member reads the named members of an object that are strings or numbers.
func member(raw json.RawMessage, names ...string) map[string]string {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	out := map[string]string{}
	for _, n := range names {
		if isNull(m[n]) {
			continue
		}
		s, isString := plainString(m[n])
		if !isString {
			s = string(m[n])
		}
		out[n] = s
	}
	return out
}

// ---- text, numbers, dates

func readLine(p *reader, f *Field, raw json.RawMessage) (string, error) {
	s, isString := plainString(raw)
	switch {
	case !isString:
		return "", say("Operation value must be a string")
	case f.ID == "summary" && strings.ContainsAny(s, "\r\n"):
		return "", say("The summary is invalid because it contains newline characters.")
	case f.ID == "summary" && utf8.RuneCountInString(s) > 255:
		return "", say("Summary must be less than 255 characters.")
	}
	if f.ID == "summary" {
		s = strings.TrimSpace(s)
	}
	return p.text(s)
}

func readText(p *reader, f *Field, raw json.RawMessage) (string, error) {
	s, err := p.rich(raw)
	if err != nil {
		return "", err
	}
	return p.text(s)
}

// rich reads a rich text: wiki markup, or ADF under version 3.
func (p *reader) rich(raw json.RawMessage) (string, error) {
	s, isString := plainString(raw)
	if !p.adf {
		if !isString {
			return "", say("Operation value must be a string")
		}
		if p.s.settings.TextMode == "adf" { // as Cloud, which keeps the document
			return adf.ToWiki(adf.FromWiki(s))
		}
		return s, nil
	}
	if isString {
		return "", say("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
	}
	return adf.ToWiki(raw)
}

// text checks the length and makes of a text what this Jira makes of it.
func (p *reader) text(s string) (string, error) {
	limit := p.s.settings.TextLimit
	if limit > 0 && utf8.RuneCountInString(s) > limit {
		return "", say("The entered text is too long. It exceeds the allowed limit of %d characters.", limit)
	}
	return normalise(p.s.settings.TextMode, s), nil
}

// normalise is what a Jira does to a text on its way in.
func normalise(mode, s string) string {
	switch mode {
	case "trim":
		lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " \t")
		}
		return strings.TrimSpace(strings.Join(lines, "\n"))
	case "crlf":
		return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
	}
	return s
}

func readNumber(_ *reader, _ *Field, raw json.RawMessage) (string, error) {
	n, err := strconv.ParseFloat(string(bytes.TrimSpace(raw)), 64)
	if err != nil {
		return "", say("Operation value must be a number")
	}
	return strconv.FormatFloat(n, 'f', -1, 64), nil
}

func readDate(_ *reader, f *Field, raw json.RawMessage) (string, error) {
	s, _ := plainString(raw)
	if s == "" {
		return "", nil
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", say("Error parsing date string: %s", s)
	}
	return s, nil
}

// stampLayout is how Jira writes a moment.
const stampLayout = "2006-01-02T15:04:05.000-0700"

func parseStamp(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339Nano, "2006-01-02T15:04-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, say("Error parsing time: %s", s)
}

func readMoment(_ *reader, _ *Field, raw json.RawMessage) (string, error) {
	s, _ := plainString(raw)
	if s == "" {
		return "", nil
	}
	t, err := parseStamp(s)
	if err != nil {
		return "", err
	}
	return t.UTC().Truncate(time.Minute).Format(stampLayout), nil
}

func readLabel(_ *reader, _ *Field, raw json.RawMessage) (string, error) {
	s, isString := plainString(raw)
	switch {
	case !isString:
		return "", say("Operation value must be a string")
	case strings.ContainsAny(s, " \t\r\n"):
		return "", say("The label '%s' contains spaces which is invalid.", s)
	case utf8.RuneCountInString(s) > 255:
		return "", say("The label '%s' exceeds the maximum length allowed for labels of 255 characters.", s)
	}
	return s, nil
}

func readNever(_ *reader, f *Field, _ json.RawMessage) (string, error) {
	return "", offScreen(f.ID)
}

func offScreen(field string) error {
	return say("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", field)
}

func showWord(_ *view, _ *Field, word string) any   { return word }
func showText(v *view, _ *Field, word string) any   { return v.rich(word) }
func showNumber(_ *view, _ *Field, word string) any { return json.Number(word) }
func showMoment(v *view, _ *Field, word string) any {
	t, _ := parseStamp(word)
	return v.stamp(t)
}

func nameDate(s *Site, f *Field, word string) string {
	if f.ID == "duedate" {
		return word + " 00:00:00.0"
	}
	t, _ := time.Parse(time.DateOnly, word)
	return t.Format("2/Jan/06")
}

func nameMoment(_ *Site, _ *Field, word string) string {
	t, _ := parseStamp(word)
	return t.Format("02/Jan/06 3:04 PM")
}

func seekText(_ *Site, _ *Field, word string) jql.Operand { return jql.Operand{Text: word} }
func seekWord(_ *Site, _ *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{word}, Text: word}
}

func seekNumber(_ *Site, _ *Field, word string) jql.Operand {
	n, _ := strconv.ParseFloat(word, 64)
	return jql.Operand{Num: n, Names: []string{word}}
}

func seekDate(_ *Site, _ *Field, word string) jql.Operand {
	t, _ := time.Parse(time.DateOnly, word)
	return jql.Operand{Time: t, Text: word}
}

func seekMoment(_ *Site, _ *Field, word string) jql.Operand {
	t, _ := parseStamp(word)
	return jql.Operand{Time: t}
}
