package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// linkDraft is a link read from a request. In an issue's own update the issue
// itself is the missing end.
type linkDraft struct {
	typ             *LinkType
	inward, outward *Issue
	comment         *Comment
}

// bind fills the missing end with the issue being changed.
func (l *linkDraft) bind(is *Issue) *linkDraft {
	if l.inward == nil {
		l.inward = is
	} else if l.outward == nil {
		l.outward = is
	}
	return l
}

func (p *reader) operateLink(d *draft, op string, raw json.RawMessage) error {
	if op != "add" {
		return say("Field does not support operation '%s'", op)
	}
	l, err := p.readLink(raw)
	if err != nil {
		return err
	}
	if (l.inward == nil) == (l.outward == nil) {
		return say("Name either the inward or the outward issue")
	}
	d.links = append(d.links, l)
	return nil
}

func (p *reader) readLink(raw json.RawMessage) (*linkDraft, error) {
	var b struct {
		Type                      json.RawMessage
		InwardIssue, OutwardIssue json.RawMessage
		Comment                   json.RawMessage
	}
	if json.Unmarshal(raw, &b) != nil {
		return nil, errJSON
	}
	l := &linkDraft{}
	m := member(b.Type, "name", "id")
	l.typ = pick(p.s.st.LinkTypes, func(t *LinkType) bool {
		return m["id"] != "" && t.ID == m["id"] || m["name"] != "" && strings.EqualFold(t.Name, m["name"])
	})
	if l.typ == nil {
		return nil, refuse(http.StatusNotFound, "No issue link type with name '%s' found.", m["name"])
	}
	for _, end := range []struct {
		raw json.RawMessage
		to  **Issue
	}{{b.InwardIssue, &l.inward}, {b.OutwardIssue, &l.outward}} {
		m := member(end.raw, "id", "key")
		if len(m) == 0 {
			continue
		}
		is := p.s.find(m["id"] + m["key"])
		if is == nil || !p.s.sees(p.caller, is) {
			return nil, p.s.noIssue()
		}
		*end.to = is
	}
	if !isNull(b.Comment) {
		cm, err := p.readComment(b.Comment, nil)
		if err != nil {
			return nil, err
		}
		l.comment = cm
	}
	return l, nil
}

// createLink is POST /issueLink: 201 without a body, also for a link that was
// already there.
func (c *call) createLink() (answer, error) {
	if err := c.need("LINK_ISSUES"); err != nil {
		return answer{}, err
	}
	l, err := c.reader(nil).readLink(c.body)
	if err != nil {
		return answer{}, err
	}
	if l.inward == nil || l.outward == nil {
		return answer{}, refuse(http.StatusBadRequest, "Both the inward and the outward issue have to be given.")
	}
	if err := c.full(len(c.s.ix.links[l.inward.ID]), 2000, "links"); err != nil {
		return answer{}, err
	}
	c.s.addLink(l, c.user)
	return answer{status: http.StatusCreated}, nil
}

// addLink links two issues and notes it in both. "A blocks B" is asked for as
// outwardIssue B of inwardIssue A.
func (s *Site) addLink(d *linkDraft, by *User) {
	source, target := d.inward, d.outward
	for _, l := range s.ix.links[source.ID] {
		if l.Type == d.typ.ID && l.Source == source.ID && l.Target == target.ID {
			return
		}
	}
	l := &Link{ID: s.next("link"), Source: source.ID, Target: target.ID, Type: d.typ.ID}
	s.st.Links[l.ID] = l
	s.ix.addLink(l)
	s.noteLink(source, target, d.typ.Outward, true, by)
	s.noteLink(target, source, d.typ.Inward, true, by)
	s.sendLink("created", l)
	if d.comment != nil {
		s.addComment(source, d.comment, by, false)
	}
}

// noteLink writes the Link item of one end. The text is a sentence, the id is
// the other issue's key.
func (s *Site) noteLink(is, other *Issue, phrase string, came bool, by *User) {
	text := str(fmt.Sprintf("This issue %s %s", phrase, other.Key))
	it := Item{Field: "Link", Type: "jira"}
	if came {
		it.To, it.ToString = str(other.Key), text
	} else {
		it.From, it.FromString = str(other.Key), text
	}
	ch := s.change(is, by)
	ch.items = []Item{it}
	ch.commit("", nil)
}

func (s *Site) linkType(id string) *LinkType {
	return pick(s.st.LinkTypes, func(t *LinkType) bool { return t.ID == id })
}

func (v *view) linkType(t *LinkType) obj {
	return obj{"id": t.ID, "name": t.Name, "inward": t.Inward, "outward": t.Outward, "self": v.rest("issueLinkType", t.ID)}
}

// links is fields.issuelinks: each link names the other end only.
func (v *view) links(is *Issue) any {
	list := []any{}
	for _, l := range v.s.ix.links[is.ID] {
		out := obj{"id": strconv.FormatInt(l.ID, 10), "self": v.rest("issueLink", l.ID), "type": v.linkType(v.s.linkType(l.Type))}
		if l.Source == is.ID {
			out["outwardIssue"] = v.issueShort(v.s.st.Issues[l.Target])
		} else {
			out["inwardIssue"] = v.issueShort(v.s.st.Issues[l.Source])
		}
		list = append(list, out)
	}
	return list
}

// link is the link named in the path.
func (c *call) link() (*Link, error) {
	l := c.s.st.Links[parseID(c.r.PathValue("id"))]
	if l == nil || !c.s.sees(c.user, c.s.st.Issues[l.Source]) || !c.s.sees(c.user, c.s.st.Issues[l.Target]) {
		return nil, refuse(http.StatusNotFound, "No issue link with id '%s' exists.", c.r.PathValue("id"))
	}
	return l, nil
}

func (c *call) getLink() (answer, error) {
	l, err := c.link()
	if err != nil {
		return answer{}, err
	}
	v := c.view()
	return ok(obj{"id": strconv.FormatInt(l.ID, 10), "self": v.rest("issueLink", l.ID), "type": v.linkType(c.s.linkType(l.Type)),
		"inwardIssue": v.issueShort(c.s.st.Issues[l.Source]), "outwardIssue": v.issueShort(c.s.st.Issues[l.Target])})
}

func (c *call) deleteLink() (answer, error) {
	l, err := c.link()
	if err == nil {
		err = c.need("LINK_ISSUES")
	}
	if err != nil {
		return answer{}, err
	}
	t, source, target := c.s.linkType(l.Type), c.s.st.Issues[l.Source], c.s.st.Issues[l.Target]
	delete(c.s.st.Links, l.ID)
	c.s.ix.dropLink(l)
	c.s.noteLink(source, target, t.Outward, false, c.user)
	c.s.noteLink(target, source, t.Inward, false, c.user)
	c.s.sendLink("deleted", l)
	return noContent()
}

func (c *call) listLinkTypes() (answer, error) {
	list := []any{}
	for _, t := range c.s.st.LinkTypes {
		list = append(list, c.view().linkType(t))
	}
	return ok(obj{"issueLinkTypes": list})
}

func (c *call) getLinkType() (answer, error) {
	t := c.s.linkType(c.r.PathValue("id"))
	if t == nil {
		return answer{}, refuse(http.StatusNotFound, "No issue link type with id '%s' found.", c.r.PathValue("id"))
	}
	return ok(c.view().linkType(t))
}

// ---- remote links

// saveRemoteLink is POST /issue/{key}/remotelink: with a globalId it updates the
// link that has it, and what the body leaves out becomes null.
func (c *call) saveRemoteLink() (answer, error) {
	is, err := c.issueFor("LINK_ISSUES")
	if err != nil {
		return answer{}, err
	}
	l, err := c.readRemoteLink()
	if err != nil {
		return answer{}, err
	}
	var old *RemoteLink
	if l.GlobalID != "" {
		old = pick(is.RemoteLinks, func(x *RemoteLink) bool { return x.GlobalID == l.GlobalID })
	}
	if old == nil {
		return c.addRemoteLink(is, l)
	}
	l.ID = old.ID
	before := *old
	*old = *l
	c.s.noteRemote(is, &before, old, c.user)
	return ok(c.view().remoteStub(is, old))
}

func (c *call) addRemoteLink(is *Issue, l *RemoteLink) (answer, error) {
	if err := c.full(len(is.RemoteLinks), 2000, "remote links"); err != nil {
		return answer{}, err
	}
	l.ID = c.s.next("remote")
	if l.GlobalID == "" && !c.s.cloud() {
		l.GlobalID = fmt.Sprintf("%d", l.ID)
	}
	is.RemoteLinks = append(is.RemoteLinks, l)
	c.s.noteRemote(is, nil, l, c.user)
	return created(c.view().remoteStub(is, l))
}

func (c *call) readRemoteLink() (*RemoteLink, error) {
	var b struct {
		GlobalID     string
		Relationship string
		Application  json.RawMessage
		Object       json.RawMessage
	}
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	o := member(b.Object, "url", "title")
	errs := fieldErrors{}
	if o["url"] == "" {
		errs.add("url", "'url' is required.")
	}
	if o["title"] == "" {
		errs.add("title", "'title' is required.")
	}
	if len(b.GlobalID) > 255 {
		errs.add("globalId", "The global ID is too long. The maximum length is 255 characters.")
	}
	return &RemoteLink{GlobalID: b.GlobalID, Relationship: b.Relationship, Application: b.Application, Object: b.Object}, errs.err()
}

// noteRemote writes the RemoteIssueLink item; Jira sends no event for it.
func (s *Site) noteRemote(is *Issue, old, now *RemoteLink, by *User) {
	it := Item{Field: "RemoteIssueLink", Type: "jira"}
	text := func(l *RemoteLink) *string {
		return str(fmt.Sprintf("This issue links to \"%s (Web Link)\"", member(l.Object, "title")["title"]))
	}
	if old != nil {
		it.From, it.FromString = strID(old.ID), text(old)
	}
	if now != nil {
		it.To, it.ToString = strID(now.ID), text(now)
	}
	ch := s.change(is, by)
	ch.items = []Item{it}
	ch.commit("", nil)
}

func (v *view) remoteStub(is *Issue, l *RemoteLink) obj {
	return obj{"id": l.ID, "self": v.rest("issue", is.Key, "remotelink", l.ID)}
}

func (v *view) remoteLink(is *Issue, l *RemoteLink) obj {
	out := v.remoteStub(is, l)
	out["object"] = l.Object
	out["application"] = obj{}
	if l.GlobalID != "" {
		out["globalId"] = l.GlobalID
	}
	if !isNull(l.Application) {
		out["application"] = l.Application
	}
	if l.Relationship != "" {
		out["relationship"] = l.Relationship
	}
	return out
}

func (c *call) listRemoteLinks() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	v := c.view()
	global := c.query("globalId")
	list := []any{}
	for _, l := range is.RemoteLinks {
		if global == "" {
			list = append(list, v.remoteLink(is, l))
		} else if l.GlobalID == global {
			return ok(v.remoteLink(is, l))
		}
	}
	if global != "" {
		return answer{}, refuse(http.StatusNotFound, "The remote issue link does not exist.")
	}
	return ok(list)
}

func (c *call) remoteLink() (*Issue, *RemoteLink, error) {
	is, err := c.issue()
	if err != nil {
		return nil, nil, err
	}
	id, global := parseID(c.r.PathValue("id")), c.query("globalId")
	l := pick(is.RemoteLinks, func(x *RemoteLink) bool { return x.ID == id || global != "" && x.GlobalID == global })
	if l == nil {
		return nil, nil, refuse(http.StatusNotFound, "The remote issue link does not exist.")
	}
	return is, l, nil
}

func (c *call) getRemoteLink() (answer, error) {
	is, l, err := c.remoteLink()
	if err != nil {
		return answer{}, err
	}
	return ok(c.view().remoteLink(is, l))
}

func (c *call) putRemoteLink() (answer, error) {
	is, old, err := c.remoteLink()
	if err != nil {
		return answer{}, err
	}
	l, err := c.readRemoteLink()
	if err != nil {
		return answer{}, err
	}
	l.ID = old.ID
	before := *old
	*old = *l
	c.s.noteRemote(is, &before, old, c.user)
	return noContent()
}

func (c *call) deleteRemoteLink() (answer, error) {
	is, l, err := c.remoteLink()
	if err != nil {
		return answer{}, err
	}
	is.RemoteLinks = slices.DeleteFunc(slices.Clone(is.RemoteLinks), func(x *RemoteLink) bool { return x == l })
	c.s.noteRemote(is, l, nil, c.user)
	return noContent()
}
