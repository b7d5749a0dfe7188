package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// worklogDraft is a worklog read from a request, and what it does to the
// estimate.
type worklogDraft struct {
	log    *Worklog
	adjust adjustment
}

// adjustment is the remaining estimate after a change of work: how is auto,
// leave, new or manual; by is the manual change or the new value in seconds.
type adjustment struct {
	how string
	by  int64
}

var durationPart = regexp.MustCompile(`^(\d+(?:\.\d+)?)([wdhm])$`)

// parseDuration reads "1w 2d 3h 4m" with days of 8 hours and weeks of 5 days.
func parseDuration(s string) (int64, error) {
	unit := map[string]float64{"w": 5 * 8 * 3600, "d": 8 * 3600, "h": 3600, "m": 60}
	var total float64
	for _, part := range strings.Fields(s) {
		m := durationPart.FindStringSubmatch(part)
		if m == nil {
			if n, err := strconv.ParseFloat(part, 64); err == nil {
				total += n * 60
				continue
			}
			return 0, say("Invalid time duration entered: %s", s)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		total += n * unit[m[2]]
	}
	return int64(total), nil
}

// duration writes seconds as Jira does.
func duration(secs int64) string {
	if secs < 60 {
		return "0m"
	}
	var parts []string
	for _, u := range []struct {
		name string
		secs int64
	}{{"w", 5 * 8 * 3600}, {"d", 8 * 3600}, {"h", 3600}, {"m", 60}} {
		if n := secs / u.secs; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.name))
			secs -= n * u.secs
		}
	}
	return strings.Join(parts, " ")
}

// tracking is fields.timetracking.
func tracking(is *Issue) obj {
	out := obj{}
	for field, name := range map[string]string{"timeoriginalestimate": "originalEstimate", "timeestimate": "remainingEstimate", "timespent": "timeSpent"} {
		if w := is.word(field); w != "" {
			secs := parseID(w)
			out[name], out[name+"Seconds"] = duration(secs), secs
		}
	}
	return out
}

func (p *reader) operateWorklog(d *draft, op string, raw json.RawMessage) error {
	if op != "add" {
		return say("Field does not support operation '%s'", op)
	}
	w, err := p.readWorklog(raw, nil)
	if err != nil {
		return err
	}
	d.worklogs = append(d.worklogs, &worklogDraft{w, adjustment{how: "auto"}})
	return nil
}

// readWorklog reads a worklog; what is left out is taken from old.
func (p *reader) readWorklog(raw json.RawMessage, old *Worklog) (*Worklog, error) {
	var b struct {
		Comment          json.RawMessage
		Started          string
		TimeSpent        string
		TimeSpentSeconds int64
		Visibility       json.RawMessage
		Properties       []property
	}
	if json.Unmarshal(raw, &b) != nil {
		return nil, errJSON
	}
	w := &Worklog{Started: p.s.now(), Properties: map[string]json.RawMessage{}}
	if old != nil {
		*w = *old
	}
	if b.TimeSpentSeconds > 0 {
		w.Seconds = b.TimeSpentSeconds
	} else if b.TimeSpent != "" {
		secs, err := parseDuration(b.TimeSpent)
		if err != nil {
			return nil, refuseField("timeLogged", "%s", err)
		}
		w.Seconds = secs
	}
	if w.Seconds < 60 {
		return nil, refuseField("timeLogged", "You must indicate the time spent working.")
	}
	var err error
	if b.Started != "" {
		if w.Started, err = parseStamp(b.Started); err != nil {
			return nil, refuseField("started", "%s", err)
		}
	}
	if !isNull(b.Comment) {
		if w.Comment, err = p.rich(b.Comment); err != nil {
			return nil, refuseField("comment", "Comment body is not valid!")
		}
	}
	if len(b.Visibility) > 0 {
		w.Visibility, err = p.readVisibility(b.Visibility)
	}
	for _, pr := range b.Properties {
		w.Properties[pr.Key] = pr.Value
	}
	return w, err
}

// readAdjustment reads adjustEstimate and its companions; extra is the
// parameter of the manual way: reduceBy or increaseBy.
func (c *call) readAdjustment(extra string) (adjustment, error) {
	a := adjustment{how: c.query("adjustEstimate")}
	var err error
	switch a.how {
	case "", "auto":
		a.how = "auto"
	case "leave":
	case "new":
		a.by, err = parseDuration(c.query("newEstimate"))
	case "manual":
		a.by, err = parseDuration(c.query(extra))
	default:
		return a, refuseField("adjustEstimate", "adjustEstimate must be one of new, leave, manual or auto.")
	}
	if err != nil {
		return a, refuseField("adjustEstimate", "%s", err)
	}
	return a, nil
}

// account changes timespent by delta seconds and the estimate as adjusted, and
// notes the worklog in the changelog.
func (ch *change) account(id int64, delta int64, a adjustment) {
	spent := max(0, parseZero(ch.is.word("timespent"))+delta)
	left := parseZero(ch.is.word("timeestimate"))
	switch a.how {
	case "auto":
		left = max(0, left-delta)
	case "new":
		left = a.by
	case "manual":
		if delta > 0 {
			left = max(0, left-a.by)
		} else {
			left += a.by
		}
	}
	if a.how != "leave" && (left > 0 || ch.is.word("timeestimate") != "") {
		ch.set(ch.s.ix.fields["timeestimate"], Value{fmt.Sprint(left)})
	}
	ch.set(ch.s.ix.fields["timespent"], Value{fmt.Sprint(spent)})
	it := Item{Field: "WorklogId", Type: "jira", From: strID(id), FromString: strID(id)}
	ch.items = append(ch.items, it)
}

func parseZero(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func (s *Site) addWorklog(is *Issue, d *worklogDraft, by *User) {
	ch := s.change(is, by)
	w := d.log
	w.ID, w.Author, w.Editor, w.Created, w.Updated = s.next("worklog"), by.ID, by.ID, ch.at, ch.at
	is.Worklogs = append(is.Worklogs, w)
	s.ix.worklogs[w.ID] = is
	ch.account(w.ID, w.Seconds, d.adjust)
	ch.commit("issue_work_logged", nil)
	s.sendWorklog("created", is, w, by)
}

func (v *view) worklog(is *Issue, w *Worklog) obj {
	out := obj{"self": v.rest("issue", is.ID, "worklog", w.ID), "author": v.user(w.Author), "updateAuthor": v.user(w.Editor),
		"comment": v.rich(w.Comment), "created": v.stamp(w.Created), "updated": v.stamp(w.Updated), "started": v.stamp(w.Started),
		"timeSpent": duration(w.Seconds), "timeSpentSeconds": w.Seconds, "id": strconv.FormatInt(w.ID, 10), "issueId": is.idString()}
	if w.Visibility != nil {
		out["visibility"] = v.visibility(w.Visibility)
	}
	return out
}

// worklogWith is a worklog with its properties, which Cloud shows where they are asked for.
func (v *view) worklogWith(is *Issue, w *Worklog, properties bool) obj {
	out := v.worklog(is, w)
	if properties && v.s.cloud() {
		props := []any{}
		for _, k := range sortedKeys(w.Properties) {
			props = append(props, obj{"key": k, "value": w.Properties[k]})
		}
		out["properties"] = props
	}
	return out
}

func (v *view) visibleWorklogs(is *Issue, properties bool) []any {
	list := []any{}
	for _, w := range is.Worklogs {
		if v.viewer == nil || v.viewer.seesText(w.Visibility, false) {
			list = append(list, v.worklogWith(is, w, properties))
		}
	}
	return list
}

// worklogField is fields.worklog, which holds the first 20.
func (v *view) worklogField(is *Issue) any {
	all := v.visibleWorklogs(is, false)
	return obj{"startAt": 0, "maxResults": 20, "total": len(all), "worklogs": cut(all, 0, 20)}
}

func (c *call) listWorklogs() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	all := c.view().visibleWorklogs(is, contains(c.queryList("expand"), "properties"))
	start, size := c.page(5000)
	return ok(obj{"startAt": start, "maxResults": size, "total": len(all), "worklogs": cut(all, start, size)})
}

func (c *call) createWorklog() (answer, error) {
	is, err := c.issueFor("WORK_ON_ISSUES")
	if err != nil {
		return answer{}, err
	}
	if err := c.full(len(is.Worklogs), 10000, "worklogs"); err != nil {
		return answer{}, err
	}
	a, err := c.readAdjustment("reduceBy")
	if err != nil {
		return answer{}, err
	}
	w, err := c.reader(c.s.projectOf(is)).readWorklog(c.body, nil)
	if err != nil {
		return answer{}, err
	}
	c.s.addWorklog(is, &worklogDraft{w, a}, c.user)
	return created(c.view().worklog(is, w))
}

func (c *call) issueAndWorklog() (*Issue, *Worklog, error) {
	is, err := c.issue()
	if err != nil {
		return nil, nil, err
	}
	id := parseID(c.r.PathValue("id"))
	w := pick(is.Worklogs, func(x *Worklog) bool { return x.ID == id })
	if w == nil || !c.user.seesText(w.Visibility, false) {
		return nil, nil, refuse(http.StatusNotFound, "Cannot find worklog with id: '%s'.", c.r.PathValue("id"))
	}
	return is, w, nil
}

func (c *call) getWorklog() (answer, error) {
	is, w, err := c.issueAndWorklog()
	if err != nil {
		return answer{}, err
	}
	return ok(c.view().worklogWith(is, w, contains(c.queryList("expand"), "properties")))
}

func (c *call) editWorklog() (answer, error) {
	is, w, err := c.issueAndWorklog()
	if err != nil {
		return answer{}, err
	}
	a, err := c.readAdjustment("")
	if err != nil {
		return answer{}, err
	}
	fresh, err := c.reader(c.s.projectOf(is)).readWorklog(c.body, w)
	if err != nil {
		return answer{}, err
	}
	delta := fresh.Seconds - w.Seconds
	*w = *fresh
	w.Editor, w.Updated = c.user.ID, c.now
	ch := c.s.change(is, c.user)
	if delta != 0 {
		ch.account(w.ID, delta, a)
	}
	ch.touch()
	ch.commit("issue_worklog_updated", nil)
	c.s.sendWorklog("updated", is, w, c.user)
	return ok(c.view().worklog(is, w))
}

func (c *call) deleteWorklog() (answer, error) {
	is, w, err := c.issueAndWorklog()
	if err != nil {
		return answer{}, err
	}
	a, err := c.readAdjustment("increaseBy")
	if err != nil {
		return answer{}, err
	}
	is.Worklogs = slices.DeleteFunc(slices.Clone(is.Worklogs), func(x *Worklog) bool { return x == w })
	delete(c.s.ix.worklogs, w.ID)
	c.s.st.GoneLogs = append(c.s.st.GoneLogs, &GoneWorklog{w.ID, c.now})
	ch := c.s.change(is, c.user)
	ch.account(w.ID, -w.Seconds, a)
	ch.commit("issue_worklog_deleted", nil)
	c.s.sendWorklog("deleted", is, w, c.user)
	return noContent()
}

// worklogChanges serves /worklog/updated and /worklog/deleted: ids since a
// moment, without the last minute.
func (c *call) worklogChanges(list func(since, until time.Time) []any) (answer, error) {
	since := parseZero(c.query("since"))
	until := c.now.Add(-time.Minute)
	values := list(time.UnixMilli(since), until)
	out := obj{"values": cut(values, 0, 1000), "since": since, "until": until.UnixMilli(), "self": c.s.base + c.r.URL.RequestURI(), "lastPage": len(values) <= 1000}
	return ok(out)
}

func (c *call) updatedWorklogs() (answer, error) {
	return c.worklogChanges(func(since, until time.Time) []any {
		values := []any{}
		for _, id := range slices.Sorted(maps.Keys(c.s.ix.worklogs)) {
			w := pick(c.s.ix.worklogs[id].Worklogs, func(x *Worklog) bool { return x.ID == id })
			if w.Updated.After(since) && w.Updated.Before(until) {
				values = append(values, obj{"worklogId": id, "updatedTime": w.Updated.UnixMilli(), "properties": []any{}})
			}
		}
		return values
	})
}

func (c *call) deletedWorklogs() (answer, error) {
	return c.worklogChanges(func(since, until time.Time) []any {
		values := []any{}
		for _, g := range c.s.st.GoneLogs {
			if g.At.After(since) && g.At.Before(until) {
				values = append(values, obj{"worklogId": g.ID, "updatedTime": g.At.UnixMilli(), "properties": []any{}})
			}
		}
		return values
	})
}

// worklogList is POST /worklog/list.
func (c *call) worklogList() (answer, error) {
	var in struct{ IDs []int64 }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	list := []any{}
	for _, id := range in.IDs {
		is := c.s.ix.worklogs[id]
		if is == nil || !c.s.sees(c.user, is) {
			continue
		}
		w := pick(is.Worklogs, func(x *Worklog) bool { return x.ID == id })
		list = append(list, c.view().worklog(is, w))
	}
	return ok(list)
}
