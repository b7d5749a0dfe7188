package jql

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type issue map[string][]Operand

func (is issue) Get(name string) []Operand { return is[name] }

func names(n ...string) Operand { return Operand{Names: n} }

func text(s string) Operand { return Operand{Text: s} }

func at(s string) Operand {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return Operand{Time: t}
}

func on(s string) Operand {
	o := at(s + "T00:00:00Z")
	o.Text = s
	return o
}

var berlin = func() *time.Location {
	return time.FixedZone("+0200", 2*60*60)
}()

// bug has a value in every field.
var bug = issue{
	"project":           {names("OPS", "10000", "Operations")},
	"key":               {names("OPS-10")},
	"id":                {names("10042")},
	"issuetype":         {names("Bug", "10004")},
	"status":            {{Names: []string{"In Progress", "3"}, Num: 2}},
	"statuscategory":    {names("In Progress", "4", "indeterminate")},
	"priority":          {{Names: []string{"High", "2"}, Num: 2}},
	"labels":            {names("net"), names("Urgent")},
	"assignee":          {names("712020:abc", "Ann Lee", "ann@example.com")},
	"reporter":          {names("bob", "JIRAUSER10100")},
	"creator":           {names("bob")},
	"component":         {names("Core", "10200")},
	"fixversion":        {names("1.10", "10300")},
	"resolution":        {names("Done", "10000")},
	"created":           {at("2026-11-20T08:00:00Z")},
	"updated":           {at("2026-11-21T08:00:30.5Z")},
	"resolutiondate":    {at("2026-11-21T07:00:00Z")},
	"duedate":           {on("2026-11-25")},
	"summary":           {text("Login fails: cannot reach mail-server")},
	"description":       {text("The quick brown fox.")},
	"comment":           {text("first remark"), text("second one")},
	"text":              {text("Login fails"), text("The quick brown fox.")},
	"parent":            {names("OPS-2", "10001")},
	"cf[10010]":         {{Num: 5}},
	"story points":      {{Num: 5}},
	"severity":          {names("Major", "10500")},
	"go live":           {on("2026-12-01")},
	"checked":           {at("2026-11-21T09:15:00Z")},
	"notes":             {text("call the vendor")},
	"customer \"x\" id": {names("c-1")},
}

// blank has only what every issue has.
var blank = issue{
	"project": {names("OPS", "10000")}, "key": {names("OPS-9")}, "id": {names("10041")},
	"issuetype": {names("Task")}, "status": {{Names: []string{"To Do"}, Num: 1}}, "summary": {text("Empty")},
	"created": {at("2026-11-19T08:00:00Z")}, "updated": {at("2026-11-19T08:00:00Z")},
}

// 2026-11-21 10:30 in the user's zone, a Saturday.
var env = Env{Now: at("2026-11-21T08:30:00Z").Time, Zone: berlin, User: "712020:abc"}

const both, onlyBug, onlyBlank, neither = "bug blank", "bug", "blank", ""

func TestMatch(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{``, both},
		{`   `, both},
		{`order by key`, both},
		{`project = OPS`, both},
		{`project = ops`, both},
		{`project = 10000`, both},
		{`PROJECT = "Operations"`, onlyBug},
		{`project != OPS`, neither},
		{`project in (OPS)`, both},
		{`project in (A, B, OPS)`, both},
		{`project not in (A, B)`, both},
		{`project NOT IN (A, OPS)`, neither},
		{`project = 'OPS'`, both},
		{`"project" = OPS`, both},
		{`'project'=OPS`, both},
		{`project=OPS`, both},
		{`project="OPS"AND type=Bug`, onlyBug},

		{`key = OPS-10`, onlyBug},
		{`key = ops-10`, onlyBug},
		{`issue = OPS-10`, onlyBug},
		{`issuekey in (OPS-10, OPS-9)`, both},
		{`id = 10042`, onlyBug},
		{`id = OPS-10`, onlyBug},
		{`key = 10041`, onlyBlank},
		{`key > OPS-9`, onlyBug},
		{`key >= OPS-9`, both},
		{`key < OPS-10`, onlyBlank},
		{`key <= OPS-10`, both},
		{`key > ABC-1`, neither},
		{`id > 10041`, onlyBug},
		{`key != OPS-9`, onlyBug},
		{`parent = OPS-2`, onlyBug},
		{`parent = 10001`, onlyBug},
		{`parent is EMPTY`, onlyBlank},

		{`issuetype = Bug`, onlyBug},
		{`type = bug`, onlyBug},
		{`type in (Bug, Task)`, both},
		{`status = "In Progress"`, onlyBug},
		{`status = 'in progress'`, onlyBug},
		{`status != "To Do"`, onlyBug},
		{`status = 3`, onlyBug},
		{`statusCategory = indeterminate`, onlyBug},
		{`statusCategory = "In Progress"`, onlyBug},
		{`priority = High`, onlyBug},
		{`priority > Medium`, onlyBug},
		{`priority < Medium`, neither},
		{`priority >= High`, onlyBug},
		{`priority <= Highest`, onlyBug},
		{`priority > 3`, onlyBug},
		{`priority in (High, Low)`, onlyBug},
		{`labels = urgent`, onlyBug},
		{`labels != urgent`, neither},
		{`labels != other`, onlyBug},
		{`labels in (a, net)`, onlyBug},
		{`labels not in (a, net)`, neither},
		{`labels not in (a, b)`, onlyBug},
		{`labels is EMPTY`, onlyBlank},
		{`component = core`, onlyBug},
		{`fixVersion = 1.10`, onlyBug},
		{`fixVersion > 1.9`, onlyBug},
		{`fixVersion < 1.9`, neither},
		{`fixVersion <= "1.10"`, onlyBug},
		{`affectedVersion is empty`, both},
		{`resolution = Done`, onlyBug},
		{`resolution = Unresolved`, onlyBlank},
		{`resolution in (done, "Unresolved")`, both},
		{`resolution != Unresolved`, onlyBug},

		{`assignee = ann@example.com`, "error"},
		{`assignee = "ann@example.com"`, onlyBug},
		{`assignee = 712020:abc`, onlyBug},
		{`assignee = currentUser()`, onlyBug},
		{`assignee != currentUser()`, neither},
		{`assignee in (currentUser(), bob)`, onlyBug},
		{`reporter = bob`, onlyBug},
		{`reporter != bob`, neither},
		{`reporter != currentUser()`, onlyBug},
		{`creator in (bob)`, onlyBug},

		{`assignee is EMPTY`, onlyBlank},
		{`assignee IS NOT EMPTY`, onlyBug},
		{`assignee is null`, onlyBlank},
		{`assignee is not NULL`, onlyBug},
		{`assignee = EMPTY`, onlyBlank},
		{`assignee != null`, onlyBug},
		{`assignee != bob`, onlyBug},
		{`assignee not in (bob)`, onlyBug},
		{`assignee in (EMPTY, bob)`, onlyBlank},
		{`assignee in (EMPTY, 712020:abc)`, both},
		{`assignee not in (EMPTY, bob)`, onlyBug},
		{`not assignee = bob`, onlyBug},
		{`not assignee is empty`, onlyBug},
		{`NOT NOT assignee is empty`, onlyBlank},
		{`! assignee is empty`, onlyBug},
		{`!(assignee is empty)`, onlyBug},
		{`assignee = "EMPTY"`, neither},
		{`description !~ nothing`, onlyBug},

		{`type = Bug and status = "To Do"`, neither},
		{`type = Bug or status = "To Do"`, both},
		{`type = Bug && status = "To Do"`, neither},
		{`type = Bug || status = "To Do"`, both},
		{`type = Bug & project = OPS`, onlyBug},
		{`type = Task or type = Bug and status = "To Do"`, onlyBlank},
		{`(type = Task or type = Bug) and status = "To Do"`, onlyBlank},
		{`type = Bug and status = "To Do" or type = Task`, onlyBlank},
		{`not type = Bug and type = Task`, onlyBlank},
		{`not (type = Bug or type = Epic)`, onlyBlank},
		{`not (type = Bug and project = OPS)`, onlyBlank},
		{`not (type = Bug and not (project = OPS))`, both},
		{`((((type = Bug))))`, onlyBug},
		{"type = Bug\n\tAND\r\nproject = OPS", onlyBug},

		{`summary ~ login`, onlyBug},
		{`summary ~ LOGIN`, onlyBug},
		{`summary ~ log`, neither},
		{`summary ~ "log*"`, onlyBug},
		{`summary ~ "l?gin"`, onlyBug},
		{`summary ~ "login reach"`, onlyBug},
		{`summary ~ "login missing"`, neither},
		{`summary ~ "login OR missing"`, onlyBug},
		{`summary ~ "login -reach"`, neither},
		{`summary ~ "login -missing"`, onlyBug},
		{`summary ~ "login NOT reach"`, neither},
		{`summary ~ "\"cannot reach\""`, onlyBug},
		{`summary ~ "\"reach cannot\""`, neither},
		{`summary ~ "\"mail server\""`, onlyBug},
		{`summary ~ 'mail-server'`, onlyBug},
		{`summary !~ login`, onlyBlank},
		{`not summary ~ login`, onlyBlank},
		{`summary !~ "login"`, onlyBlank},
		{`summary is not empty`, both},
		{`description is EMPTY`, onlyBlank},
		{`description ~ "brown fox"`, onlyBug},
		{`comment ~ "second"`, onlyBug},
		{`comment ~ "first second"`, neither},
		{`text ~ "fox"`, onlyBug},
		{`notes ~ vendor`, onlyBug},

		{`created = "2026-11-20 10:00"`, onlyBug},
		{`created = "2026/11/20 10:00"`, onlyBug},
		{`created >= "2026-11-20 10:00"`, onlyBug},
		{`created > "2026-11-20 10:00"`, neither},
		{`created < "2026-11-20 10:00"`, onlyBlank},
		{`created <= "2026-11-20 10:00"`, both},
		{`created >= 2026-11-20`, onlyBug},
		{`created >= "2026/11/20"`, onlyBug},
		{`created < "2026/11/20"`, onlyBlank},
		{`createdDate > 2026-11-20`, onlyBug},
		{`updated >= 1795248030500`, onlyBug},
		{`updated > 1795248030500`, neither},
		{`updated > 1795248030499`, onlyBug},
		{`updated = 1795248030500`, onlyBug},
		{`updated >= "2026-11-21 10:00"`, onlyBug},
		{`updated >= "2026-11-21 10:01"`, neither},
		{`updated >= -30m`, onlyBug},
		{`updated >= -29m`, neither},
		{`updated >= "-1d"`, onlyBug},
		{`updated >= -1h`, onlyBug},
		{`updated >= -3d`, both},
		{`updated >= "-2w 3h"`, both},
		{`updated < "1d"`, both},
		{`updated <= now()`, both},
		{`updated > now()`, neither},
		{`updated >= startOfDay()`, onlyBug},
		{`created >= startOfDay()`, neither},
		{`created >= startOfDay(-1)`, onlyBug},
		{`created >= startOfDay(-1d)`, onlyBug},
		{`created >= startOfDay("-2d")`, both},
		{`created <= endOfDay("-2d")`, onlyBlank},
		{`created <= endOfDay("+1")`, both},
		{`created >= startOfWeek()`, both},
		{`created >= startOfWeek("+1w")`, neither},
		{`created >= startOfMonth()`, both},
		{`created >= startOfMonth(1)`, neither},
		{`created >= startOfYear() and created <= endOfYear()`, both},
		{`created > endOfYear(-1)`, both},
		{`created <= endOfMonth(-1)`, neither},
		{`created < endOfWeek(-1)`, neither},
		{`created in ("2026-11-20 10:00", "2026-11-19 10:00")`, both},
		{`created not in ("2026-11-20 10:00")`, onlyBlank},
		{`created != "2026-11-20 10:00"`, onlyBlank},
		{`resolved >= "2026-11-21"`, onlyBug},
		{`resolved < "2027-11-21"`, onlyBug},
		{`resolutiondate is empty`, onlyBlank},
		{`due = 2026-11-25`, onlyBug},
		{`duedate = "2026-11-25 17:00"`, onlyBug},
		{`due > now()`, onlyBug},
		{`due <= "4d"`, onlyBug},
		{`due <= 3d`, neither},
		{`due is empty`, onlyBlank},

		{`cf[10010] = 5`, onlyBug},
		{`cf[10010] = 5.0`, onlyBug},
		{`CF[10010] > 4`, onlyBug},
		{`cf[10010] < 5`, neither},
		{`"Story Points" >= 5`, onlyBug},
		{`"story points" in (3, 5, 8)`, onlyBug},
		{`"story points" != 3`, onlyBug},
		{`Severity = major`, onlyBug},
		{`severity is EMPTY`, onlyBlank},
		{`"Go Live" = 2026-12-01`, onlyBug},
		{`"Go Live" > 2026-12-01`, neither},
		{`checked >= "2026-11-21 11:15"`, onlyBug},
		{`checked > "2026-11-21 11:15"`, neither},
		{`"customer \"x\" id" = c-1`, onlyBug},
		{`customer\ \"x\"\ id = c-1`, onlyBug},
		{`project = "\u004fPS"`, both},
	} {
		if got := find(c.query, env); got != c.want {
			t.Errorf("%s\n\tfound %q, want %q", c.query, got, c.want)
		}
	}
}

// find names the issues a query finds.
func find(query string, env Env) string {
	q, err := Parse(query)
	if err != nil {
		return "error"
	}
	var found []string
	for _, f := range []struct {
		name string
		is   issue
	}{{"bug", bug}, {"blank", blank}} {
		ok, err := q.Match(env, f.is)
		if err != nil {
			return "error"
		}
		if ok {
			found = append(found, f.name)
		}
	}
	return strings.Join(found, " ")
}

func TestDatacenterComparesByTheMinute(t *testing.T) {
	env := env
	env.Flavour = "datacenter"
	for _, c := range []struct{ query, want string }{
		{`updated = "2026-11-21 10:00"`, onlyBug},
		{`updated > "2026-11-21 10:00"`, neither},
		{`updated >= 1795248059999`, onlyBug},
		{`updated > 1795248000000`, neither},
		{`updated < 1795248059999`, onlyBlank},
		{`updated <= 1795248000000`, both},
		{`updated >= 1795248060000`, neither},
	} {
		if got := find(c.query, env); got != c.want {
			t.Errorf("%s\n\tfound %q, want %q", c.query, got, c.want)
		}
	}
}

func TestDatesAreInTheUsersZone(t *testing.T) {
	for _, c := range []struct {
		zone *time.Location
		want string
	}{{nil, neither}, {time.UTC, neither}, {berlin, onlyBug}, {time.FixedZone("-0500", -5*60*60), neither}} {
		env := env
		env.Zone = c.zone
		if got := find(`created = "2026-11-20 10:00"`, env); got != c.want {
			t.Errorf("zone %v: found %q, want %q", c.zone, got, c.want)
		}
	}
}

func TestAnonymousIsNobody(t *testing.T) {
	env := env
	env.User = ""
	for _, query := range []string{`assignee = currentUser()`, `assignee != currentUser()`, `assignee in (currentUser())`, `assignee not in (currentUser())`} {
		if got := find(query, env); got != neither {
			t.Errorf("%s: found %q, want nothing", query, got)
		}
	}
}

const ops = " The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."

func TestErrors(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{`project = PUB AND`, "Error in the JQL Query: Expecting a field name at the end of the query."},
		{`project`, "Error in the JQL Query: Expecting operator before the end of the query." + ops},
		{`project OPS`, "Error in the JQL Query: Expecting operator but got 'OPS'." + ops + " (line 1, character 9)"},
		{`project = OPS type = Bug`, "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'type'. (line 1, character 15)"},
		{`project = `, "Error in the JQL Query: Expecting either a value, list or function before the end of the query."},
		{`project = )`, "Error in the JQL Query: Expecting either a value, list or function but got ')'. You must surround ')' in quotation marks to use it as a value. (line 1, character 11)"},
		{`project in (A, B`, "Error in the JQL Query: Expecting ',' or ')' before the end of the query."},
		{`project in ()`, "Error in the JQL Query: Expecting either a value, list or function but got ')'. You must surround ')' in quotation marks to use it as a value. (line 1, character 13)"},
		{`(project = OPS`, "Error in the JQL Query: Expecting ')' before the end of the query."},
		{`(project = OPS key = A-1)`, "Error in the JQL Query: Expecting ')' but got 'key'. (line 1, character 16)"},
		{"project = OPS\n  foo", "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'foo'. (line 2, character 3)"},
		{`= OPS`, "Error in the JQL Query: Expecting a field name but got '='. You must surround '=' in quotation marks to use it as a field name. (line 1, character 1)"},
		{`and = 1`, "Error in the JQL Query: 'and' is a reserved JQL word. You must surround it in quotation marks to use it in a query. (line 1, character 1)"},
		{`summary ~ select`, "Error in the JQL Query: 'select' is a reserved JQL word. You must surround it in quotation marks to use it in a query. (line 1, character 11)"},
		{`summary ~ "abc`, "Error in the JQL Query: The quoted string 'abc' has not been completed. (line 1, character 11)"},
		{`summary ~ 'abc"`, `Error in the JQL Query: The quoted string 'abc"' has not been completed. (line 1, character 11)`},
		{`summary ~ a@b`, `Error in the JQL Query: The character '@' is a reserved JQL character. You must enclose it in a string or use the escape '\u0040' instead. (line 1, character 12)`},
		{`summary ~ "a\qb"`, `Error in the JQL Query: '\q' is an illegal JQL escape sequence. The valid escape sequences are \', \", \t, \n, \r, \\, '\ ' and \uXXXX. (line 1, character 11)`},
		{`summary ~ {a}`, `Error in the JQL Query: The character '{' is a reserved JQL character. You must enclose it in a string or use the escape '\u007b' instead. (line 1, character 11)`},
		{`summary = login`, "The operator '=' is not supported by the 'summary' field."},
		{`project ~ OPS`, "The operator '~' is not supported by the 'project' field."},
		{`status > Open`, "The operator '>' is not supported by the 'status' field."},
		{`comment is EMPTY`, "The operator 'is' is not supported by the 'comment' field."},
		{`project = (A, B)`, `Operator '=' does not support the list value '("A","B")' for field 'project'.`},
		{`project in A`, "Operator 'in' does not support the non-list value 'A' for field 'project'."},
		{`assignee is bob`, "Operator 'is' does not support the value 'bob' for field 'assignee'."},
		{`created > EMPTY`, "Operator '>' does not support searching for an empty value for field 'created'."},
		{`colour = red`, "Field 'colour' does not exist or you do not have permission to view it."},
		{`type = Bug or Colour = red`, "Field 'Colour' does not exist or you do not have permission to view it."},
		{`type = Bug order by colour`, "Field 'colour' does not exist or you do not have permission to view it."},
		{`cf[99] = 1`, "Field 'cf[99]' does not exist or you do not have permission to view it."},
		{`cf[x] = 1`, "Error in the JQL Query: Expecting a custom field as 'cf[10000]'. (line 1, character 1)"},
		{`updated >= yesterday`, "Date value 'yesterday' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."},
		{`updated >= "2026-11-21 10:00:30"`, "Date value '2026-11-21 10:00:30' for field 'updated' is invalid."},
		{`updated >= "2026-13-21"`, "Date value '2026-13-21' for field 'updated' is invalid."},
		{`updated >= "1795248030500"`, "Date value '1795248030500' for field 'updated' is invalid."},
		{`updated >= currentUser()`, "A value provided by the function 'currentUser' is invalid for the field 'updated'."},
		{`updated >= startOfDay(x)`, "Duration for function 'startOfDay' should have the format (+/-)n(yMwdhm), e.g -1M for 1 month earlier."},
		{`updated >= now(1)`, "Function 'now' expected '0' arguments but received '1'."},
		{`updated >= foo()`, "Unable to find JQL function 'foo()'."},
		{`summary ~ "*x"`, "The text query '*x' for field 'summary' is not allowed to start with '*'"},
		{`summary ~ ""`, "The field 'summary' does not support searching for an empty string."},
		{`order key`, "Error in the JQL Query: Expecting 'BY' but got 'key'. (line 1, character 7)"},
		{`order by`, "Error in the JQL Query: Expecting a field name at the end of the query."},
		{`order by key down`, "Error in the JQL Query: Expecting ',' but got 'down'. (line 1, character 14)"},
		{`project was OPS`, "not supported by the simulator"},
		{`status changed`, "not supported by the simulator"},
		{`assignee in membersOf("x")`, "not supported by the simulator"},
		{`issue.property[x].y = 1`, "not supported by the simulator"},
		{strings.Repeat("(", 500) + "key = A-1", "Error in the JQL Query: The query is nested too deeply."},
		{strings.Repeat("not ", 5000) + "key = A-1", "Error in the JQL Query: The query is nested too deeply."},
		{"summary ~ \"\xff\"", "Error in the JQL Query: The query is not valid UTF-8."},
	} {
		err := fault(c.query)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s\n\tgot  %v\n\twant %s", c.query, err, c.want)
		}
	}
}

func fault(query string) error {
	q, err := Parse(query)
	if err != nil {
		return err
	}
	env := env
	env.KnownField = func(name string) bool { return bug[name] != nil }
	_, err = q.Match(env, bug)
	return err
}

func TestUnsupportedIsTold(t *testing.T) {
	for _, query := range []string{`status was Open`, `sprint in openSprints()`} {
		if _, err := Parse(query); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := Parse(`status =`); err == nil || errors.Is(err, ErrUnsupported) {
		t.Errorf("a mistake is not a missing feature: %v", err)
	}
}

func TestBounded(t *testing.T) {
	for query, want := range map[string]bool{``: false, `order by key`: false, ` ORDER BY created DESC`: false, `key = A-1`: true, `key = A-1 order by key`: true} {
		q, err := Parse(query)
		if err != nil || q.Bounded() != want {
			t.Errorf("%q: bounded %v, want %v (%v)", query, q.Bounded(), want, err)
		}
	}
}

func TestFieldsAndValues(t *testing.T) {
	q, err := Parse(`type = Bug and (issuetype in (Task, EMPTY) or not cf[10010] = 1) and reporter = currentUser() order by Rank`)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(q.Fields(), " "); got != "issuetype cf[10010] reporter rank" {
		t.Errorf("fields: %s", got)
	}
	if got := strings.Join(q.Values("type"), " "); got != "Bug Task" {
		t.Errorf("values: %s", got)
	}
	if got := q.Values("reporter"); got != nil {
		t.Errorf("a function is no value: %v", got)
	}
}
