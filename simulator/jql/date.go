package jql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var layouts = []string{"2006/01/02 15:04", "2006-01-02 15:04", "2006/01/02", "2006-01-02"}

var period = regexp.MustCompile(`^[+-]?\d+[wdhmMy]?(\s+\d+[wdhm])*$`)

// far bounds relative dates, so that no arithmetic overflows.
const far = 1_000_000

// compareDates compares a date of the issue with a written one. A day has no
// zone: it is compared with the day the other date is in, in the user's zone.
// Data Center compares moments by the minute: it indexes no finer, so every
// moment within one minute is equal.
func compareDates(env Env, f field, o Operand, v value) (int, error) {
	want, err := resolve(env, f, v)
	if err != nil || o.Time.IsZero() {
		return -1, err
	}
	if isDay(f, o) {
		return o.Time.Truncate(24 * time.Hour).Compare(day(want)), nil
	}
	have := o.Time
	if env.Flavour == datacenter {
		have, want = have.Truncate(time.Minute), want.Truncate(time.Minute)
	}
	return have.Compare(want), nil
}

func isDay(f field, o Operand) bool {
	if f.name == "duedate" {
		return true
	}
	_, err := time.Parse(time.DateOnly, o.Text)
	return err == nil
}

// day is midnight UTC of the calendar day a moment is in.
func day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func zone(env Env) *time.Location {
	if env.Zone == nil {
		return time.UTC
	}
	return env.Zone
}

// resolve gives the moment a written date stands for, in the user's zone.
func resolve(env Env, f field, v value) (time.Time, error) {
	now := env.Now.In(zone(env))
	if v.fn != "" {
		return dateFunction(now, f, v)
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, v.text, now.Location()); err == nil {
			return t, nil
		}
	}
	if v.plain && digits(v.text) && len(v.text) > 6 {
		if ms, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return time.UnixMilli(ms).In(now.Location()), nil
		}
	}
	if t, ok := shift(now, v.text, 'd'); ok && !digits(v.text) {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", v.text, f.written)
}

// shift moves a moment by a period such as "-2w 3h"; the sign counts for all
// of it. A number without a unit is in units of unit. Days and longer keep the
// time of day across changes of summer time.
func shift(t time.Time, text string, unit byte) (time.Time, bool) {
	if !period.MatchString(text) {
		return t, false
	}
	sign := 1
	if text[0] == '-' {
		sign = -1
	}
	for _, part := range strings.Fields(strings.TrimLeft(text, "+-")) {
		u := part[len(part)-1]
		if u >= '0' && u <= '9' {
			u, part = unit, part+" "
		}
		n, err := strconv.Atoi(part[:len(part)-1])
		if err != nil || n > far {
			return t, false
		}
		t = move(t, sign*n, u)
	}
	return t, true
}

func move(t time.Time, n int, unit byte) time.Time {
	switch unit {
	case 'm':
		return t.Add(time.Duration(n) * time.Minute)
	case 'h':
		return t.Add(time.Duration(n) * time.Hour)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'M':
		return t.AddDate(0, n, 0)
	case 'y':
		return t.AddDate(n, 0, 0)
	}
	return t.AddDate(0, 0, n)
}

// The functions over dates: what they round to, and the unit of a bare number.
var spans = map[string]byte{"day": 'd', "week": 'w', "month": 'M', "year": 'y'}

func dateFunction(now time.Time, f field, v value) (time.Time, error) {
	if v.fn == "now" {
		return now, nil
	}
	edge, unit := spanOf(v.fn)
	if unit == 0 {
		return now, fmt.Errorf("A value provided by the function '%s' is invalid for the field '%s'.", v.text, f.written)
	}
	t := now
	if len(v.args) > 0 {
		var ok bool
		if t, ok = shift(now, strings.TrimSpace(v.args[0]), unit); !ok {
			return t, fmt.Errorf("Duration for function '%s' should have the format (+/-)n(yMwdhm), e.g -1M for 1 month earlier.", v.text)
		}
	}
	t = floor(t, unit)
	if edge == "end" {
		t = move(t, 1, unit).Add(-time.Millisecond)
	}
	return t, nil
}

// spanOf takes "startofday" apart; the unit is 0 for other functions.
func spanOf(fn string) (edge string, unit byte) {
	edge, span, _ := strings.Cut(fn, "of")
	if edge != "start" && edge != "end" {
		return "", 0
	}
	return edge, spans[span]
}

// floor rounds down to the start of a day, week (from Sunday, as Jira's
// default has it), month or year.
func floor(t time.Time, unit byte) time.Time {
	y, m, d := t.Date()
	switch unit {
	case 'w':
		d -= int(t.Weekday())
	case 'M':
		d = 1
	case 'y':
		m, d = time.January, 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

// Functions Jira has and this package has not.
var foreign = set(`approved approver archivedissues breached cascadeoption choiceoption closedsprints completed
	componentsleadbyuser currentlogin customerdetail earliestunreleasedversion elapsed entitlementdetail everbreached
	futuresprints issuehistory issueswithremotelinksbyglobalid lastlogin latestreleasedversion linkedissue linkedissues
	membersof myapproval mypending opensprints organizationdetail organizationmembers paused pending pendingby
	projectsleadbyuser projectswhereuserhaspermission projectswhereuserhasrole releasedversions remaining running
	standardissuetypes subtaskissuetypes unreleasedversions updatedby votedissues watchedissues withincalendarhours`)

func checkFunction(v value) error {
	_, unit := spanOf(v.fn)
	most := 0
	switch {
	case unit != 0:
		most = 1
	case foreign[v.fn]:
		return fmt.Errorf("function %s() in JQL: %w", v.text, ErrUnsupported)
	case v.fn != "now" && v.fn != "currentuser":
		return fmt.Errorf("Unable to find JQL function '%s'.", v)
	}
	if len(v.args) > most {
		return fmt.Errorf("Function '%s' expected '%d' arguments but received '%d'.", v.text, most, len(v.args))
	}
	return nil
}

// check refuses, before any issue is seen, values the field cannot take.
func (c *clause) check(env Env) error {
	for _, v := range c.values {
		switch {
		case v.empty:
		case c.field.shape == dates && v.fn == "currentuser":
			return fmt.Errorf("A value provided by the function '%s' is invalid for the field '%s'.", v.text, c.field.written)
		case c.field.shape == dates:
			if _, err := resolve(env, c.field, v); err != nil {
				return err
			}
		case strings.Contains(c.op, "~"):
			if err := checkText(v, c.field); err != nil {
				return err
			}
		}
	}
	return nil
}
