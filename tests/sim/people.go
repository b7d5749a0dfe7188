package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// What people do in their Jiras.

// pick is any issue of the site; "" if there is none.
func (h *half) pick(r *rand.Rand) string {
	ids := h.jira.IssueIDs()
	if len(ids) == 0 {
		return ""
	}
	return strconv.FormatInt(ids[r.IntN(len(ids))], 10)
}

// who edits: mostly Alice; now and then somebody who shares our own login. Where Jira does not return what our writes
// carry, an edit under our login in the seconds of a write of ours is taken for it: that is a limit of the product.
func (w *world) who(r *rand.Rand) string {
	if r.IntN(12) == 0 && w.o.metadata {
		return "drawbridge"
	}
	return "alice"
}

func (w *world) create(r *rand.Rand) {
	h := w.side(r)
	if len(h.jira.IssueIDs()) > 5 {
		return
	}
	all := map[string]any{"project": map[string]string{"key": h.demo.ProjectKey}, "issuetype": map[string]string{"name": "Task"}, "summary": w.token("s")}
	if r.IntN(2) == 0 {
		h.some(r, all)
	}
	var out struct{ Key string }
	h.call("alice", "POST", "/rest/api/2/issue", map[string]any{"fields": all}, &out)
	w.say("%s: alice creates %s: %v", h.role, out.Key, short(all))
}

func short(m map[string]any) string {
	s := fmt.Sprint(m)
	return strings.TrimPrefix(s, "map")
}

func nameOf(n string) map[string]string { return map[string]string{"name": n} }

func subset(r *rand.Rand, from []string) []map[string]string {
	out := []map[string]string{}
	for _, n := range from {
		if r.IntN(2) == 0 {
			out = append(out, nameOf(n))
		}
	}
	return out
}

// some sets one field to something.
func (h *half) some(r *rand.Rand, f map[string]any) {
	switch r.IntN(9) {
	case 0, 1:
		f["summary"] = h.w.token("s")
	case 2:
		f["description"] = "h2. " + h.w.token("d") + "\n\n* one\n* two "
		if r.IntN(4) == 0 {
			f["description"] = nil
		}
	case 3:
		f["priority"] = nameOf([]string{"High", "Low", "Medium"}[r.IntN(3)])
	case 4:
		f["duedate"] = fmt.Sprintf("2030-01-%02d", 1+r.IntN(28))
		if r.IntN(4) == 0 {
			f["duedate"] = nil
		}
	case 5:
		labels := []string{}
		for _, l := range []string{"red", "green", "blue"} {
			if r.IntN(2) == 0 {
				labels = append(labels, l)
			}
		}
		f["labels"] = labels
	case 6:
		f["components"] = subset(r, []string{"Backend", "Frontend", "Docs"})
	case 7:
		f["fixVersions"] = subset(r, []string{"1.0", "1.1", "2.0"})
	case 8:
		f["assignee"] = h.account("alice")
		if r.IntN(2) == 0 {
			f["assignee"] = nil
		}
	}
}

func (h *half) account(name string) map[string]string {
	if h.role == "private" {
		return map[string]string{"name": name}
	}
	return map[string]string{"accountId": h.userID(name)}
}

func (w *world) edit(r *rand.Rand) { w.side(r).editFields(r) }

func (h *half) editFields(r *rand.Rand) {
	id := h.pick(r)
	if id == "" {
		return
	}
	f := map[string]any{}
	for range 1 + r.IntN(2) {
		h.some(r, f)
	}
	user := h.w.who(r)
	status := h.call(user, "PUT", "/rest/api/2/issue/"+id, map[string]any{"fields": f}, nil)
	h.w.say("%s: %s edits %s: %v (%d)", h.role, user, id, short(f), status)
}

func (w *world) transition(r *rand.Rand) { w.side(r).move(r) }

// move moves an issue along its workflow.
func (h *half) move(r *rand.Rand) {
	id := h.pick(r)
	if id == "" {
		return
	}
	ways := h.ways(id)
	if len(ways) == 0 {
		return
	}
	t := ways[r.IntN(len(ways))]
	body := map[string]any{"transition": map[string]string{"id": t.ID}}
	if t.To.Name == "Done" {
		body["fields"] = map[string]any{"resolution": nameOf([]string{"Done", "Won't Do", "Duplicate"}[r.IntN(3)])}
	}
	user := h.w.who(r)
	status := h.call(user, "POST", "/rest/api/2/issue/"+id+"/transitions", body, nil)
	h.w.say("%s: %s moves %s to %s %v (%d)", h.role, user, id, t.To.Name, body["fields"], status)
}

// way is a transition that is possible now.
type way struct {
	ID string
	To named
}

func (h *half) ways(id string) []way {
	var out struct{ Transitions []way }
	h.call("alice", "GET", "/rest/api/2/issue/"+id+"/transitions", nil, &out)
	return out.Transitions
}

// moveTo moves an issue directly to a status.
func (h *half) moveTo(id, status string) {
	for _, t := range h.ways(id) {
		if t.To.Name == status {
			h.call("alice", "POST", "/rest/api/2/issue/"+id+"/transitions", map[string]any{"transition": map[string]string{"id": t.ID}}, nil)
		}
	}
}

func (w *world) comment(r *rand.Rand) { w.side(r).addComment(r) }

func (h *half) addComment(r *rand.Rand) {
	id := h.pick(r)
	if id == "" {
		return
	}
	text := h.w.token("c")
	body := map[string]any{}
	switch r.IntN(4) {
	case 0:
		text = h.w.token("secret")
		h.w.secrets = append(h.w.secrets, secretText{text, h.role})
		body["visibility"] = map[string]string{"type": "role", "value": "Developers"}
	}
	body["body"] = text
	h.call("alice", "POST", "/rest/api/2/issue/"+id+"/comment", body, nil)
	h.w.say("%s: alice comments on %s: %v", h.role, id, body)
}

// some comment of some issue.
func (h *half) pickComment(r *rand.Rand) (id string, c comment, ok bool) {
	if id = h.pick(r); id == "" {
		return
	}
	is := h.look(id)
	if is == nil || len(is.Fields.Comment.Comments) == 0 {
		return
	}
	return id, is.Fields.Comment.Comments[r.IntN(len(is.Fields.Comment.Comments))], true
}

func (w *world) editComment(r *rand.Rand) {
	h := w.side(r)
	id, c, ok := h.pickComment(r)
	if !ok {
		return
	}
	text := w.token(" e")
	body := map[string]any{"body": c.Body + text}
	if c.Visibility != nil {
		body["visibility"] = map[string]string{"type": c.Visibility.Type, "value": c.Visibility.Value}
		w.secrets = append(w.secrets, secretText{strings.TrimSpace(text), h.role})
	}
	h.call("admin", "PUT", "/rest/api/2/issue/"+id+"/comment/"+c.ID, body, nil)
	w.say("%s: admin edits comment %s of %s: %q", h.role, c.ID, id, body["body"])
}

func (w *world) deleteComment(r *rand.Rand) {
	h := w.side(r)
	id, c, ok := h.pickComment(r)
	if !ok {
		return
	}
	h.call("admin", "DELETE", "/rest/api/2/issue/"+id+"/comment/"+c.ID, nil, nil)
	w.say("%s: admin deletes comment %s of %s: %q", h.role, c.ID, id, c.Body)
	if c.Author.ours() {
		w.lost["comment "+firstWord(c.Body)] = true
	}
}

// firstWord is the token by which a comment is known, in the original or in the copy.
func firstWord(body string) string {
	for _, word := range strings.Fields(body) {
		if len(word) > 2 && (word[0] == 'c' || strings.HasPrefix(word, "secret")) && word[len(word)-1] == 'x' {
			return word
		}
	}
	return ""
}

func (w *world) restrictComment(r *rand.Rand) {
	h := w.side(r)
	id, c, ok := h.pickComment(r)
	if !ok || c.Author.ours() {
		return
	}
	body := map[string]any{"body": c.Body, "visibility": map[string]string{"type": "role", "value": "Developers"}}
	if c.Visibility != nil {
		body["visibility"] = nil
		delete(body, "visibility")
	}
	h.call("admin", "PUT", "/rest/api/2/issue/"+id+"/comment/"+c.ID, body, nil)
	w.say("%s: admin restricts comment %s of %s: %v", h.role, c.ID, id, body)
}

func (w *world) log(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	body := map[string]any{"comment": w.token("c"), "timeSpentSeconds": 60 * (1 + r.IntN(90)), "started": fmt.Sprintf("2026-11-%02dT08:30:00.000+0000", 1+r.IntN(20))}
	if r.IntN(4) == 0 {
		text := w.token("secret")
		w.secrets = append(w.secrets, secretText{text, h.role})
		body["comment"], body["visibility"] = text, map[string]string{"type": "role", "value": "Developers"}
	}
	h.call("alice", "POST", "/rest/api/2/issue/"+id+"/worklog", body, nil)
	w.say("%s: alice logs work on %s: %v", h.role, id, body)
}

// editLog edits, restricts or deletes some worklog of some issue.
func (w *world) editLog(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	is := h.look(id)
	if is == nil || len(is.Fields.Worklog.Worklogs) == 0 {
		return
	}
	l := is.Fields.Worklog.Worklogs[r.IntN(len(is.Fields.Worklog.Worklogs))]
	path := "/rest/api/2/issue/" + id + "/worklog/" + l.ID
	body := map[string]any{"comment": l.Comment + w.token(" e"), "timeSpentSeconds": 60 * (1 + r.IntN(90))}
	switch how := r.IntN(4); {
	case how == 0:
		h.call("admin", "DELETE", path, nil, nil)
		w.say("%s: admin deletes worklog %s of %s: %q", h.role, l.ID, id, l.Comment)
		if l.Author.ours() {
			w.lost["worklog "+firstWord(l.Comment)] = true
		}
		return
	case l.Author.ours():
		return // a changed copy is left as it is until its original is edited
	case how == 1:
		body = map[string]any{"visibility": map[string]string{"type": "role", "value": "Developers"}}
	}
	h.call("admin", "PUT", path, body, nil)
	w.say("%s: admin edits worklog %s of %s: %v", h.role, l.ID, id, body)
}

func (w *world) attach(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	name := w.token("file")
	shown := name
	if r.IntN(4) == 0 {
		shown = "same.txt"
	}
	h.upload("alice", id, shown, "content of "+name)
	w.say("%s: alice attaches %s to %s: content of %s", h.role, shown, id, name)
}

func (w *world) detach(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	is := h.look(id)
	if is == nil || len(is.Fields.Attachment) == 0 {
		return
	}
	a := is.Fields.Attachment[r.IntN(len(is.Fields.Attachment))]
	if a.Author.ours() {
		w.lost["file "+h.download(a)] = true
	}
	h.call("admin", "DELETE", "/rest/api/2/attachment/"+a.ID, nil, nil)
	w.say("%s: admin deletes attachment %s (%s) of %s", h.role, a.ID, a.Filename, id)
}

func (w *world) deleteIssue(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" {
		return
	}
	if h.call("admin", "DELETE", "/rest/api/2/issue/"+id, nil, nil) < 300 {
		w.gone[h.role][id] = true
	}
	w.say("%s: admin deletes %s", h.role, id)
}

// moveIssue moves an issue into the service project, or back: it gets another key.
func (w *world) moveIssue(r *rand.Rand) {
	h := w.side(r)
	id := h.pick(r)
	if id == "" || w.parts {
		return
	}
	w.elsewhere = true
	to := h.demo.ServiceKey
	is := h.look(id)
	if is == nil {
		return
	}
	if is.Fields.Project.Key == to {
		to = h.demo.ProjectKey
	}
	now, err := h.jira.Move(id, to, "admin")
	must(err)
	w.say("%s: admin moves %s to project %s: %s", h.role, id, to, now["key"])
}
