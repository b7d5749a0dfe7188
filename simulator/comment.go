package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// commentBody is what a caller sends; author and times are never settable.
type commentBody struct {
	Body       json.RawMessage `json:"body"`
	Visibility json.RawMessage `json:"visibility"`
	Properties []property      `json:"properties"`
	ParentID   json.RawMessage `json:"parentId"`
	Author     json.RawMessage `json:"author"`
}

// internalProperty makes a comment internal in a service project.
const internalProperty = "sd.public.comment"

// commentLimit is how many comments one issue may have.
const commentLimit = 5000

// full refuses what would go beyond Cloud's limits for one issue.
func (c *call) full(have, limit int, what string) error {
	if !c.s.cloud() || have < limit {
		return nil
	}
	return refuse(http.StatusRequestEntityTooLarge, "The issue has reached its limit of %d %s.", limit, what)
}

// readComment checks a new comment. is may be nil (creation).
func (p *reader) readComment(raw json.RawMessage, is *Issue) (*Comment, error) {
	var b commentBody
	if json.Unmarshal(raw, &b) != nil {
		return nil, errJSON
	}
	if p.s.cloud() && string(b.Author) == `{"avatarUrls":{}}` {
		return nil, refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
	}
	text, err := p.commentText(b.Body)
	if err != nil {
		return nil, err
	}
	cm := &Comment{Body: text, Properties: map[string]json.RawMessage{}}
	if cm.Visibility, err = p.readVisibility(b.Visibility); err != nil {
		return nil, err
	}
	for _, pr := range b.Properties {
		if err := checkProperty(pr); err != nil {
			return nil, err
		}
		p.setCommentProperty(cm, pr.Key, pr.Value)
	}
	return cm, p.readParentComment(cm, b.ParentID, is)
}

func (p *reader) commentText(raw json.RawMessage) (string, error) {
	bad := refuseField("comment", "Comment body can not be empty!")
	if isNull(raw) {
		return "", bad
	}
	text, err := p.rich(raw)
	if err != nil {
		return "", refuseField("comment", "Comment body is not valid!")
	}
	if text == "" {
		return "", bad
	}
	if text, err = p.text(text); err != nil {
		return "", refuseField("comment", "%s", err)
	}
	return text, nil
}

func (p *reader) readVisibility(raw json.RawMessage) (*Visibility, error) {
	m := member(raw, "type", "value", "identifier")
	if len(m) == 0 {
		return nil, nil
	}
	v := &Visibility{Type: m["type"], Value: m["value"]}
	if v.Value == "" {
		v.Value = m["identifier"]
	}
	switch v.Type {
	case "role":
		if !slices.Contains(p.s.roles(), v.Value) {
			return nil, refuseField("commentLevel", "Role: %s does not exist.", v.Value)
		}
		if !slices.Contains(p.caller.Roles, v.Value) {
			return nil, refuseField("commentLevel", "You are currently not a member of the project role: %s.", v.Value)
		}
	case "group":
		if !slices.Contains(p.caller.Groups, v.Value) {
			return nil, refuseField("commentLevel", "You are currently not a member of the group: %s.", v.Value)
		}
	default:
		return nil, refuseField("visibility", "Visibility type must be 'role' or 'group'.")
	}
	return v, nil
}

// roles are the project roles anybody holds.
func (s *Site) roles() []string {
	var list []string
	for _, u := range s.st.Users {
		for _, r := range u.Roles {
			if !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
	}
	return list
}

func (p *reader) setCommentProperty(cm *Comment, key string, value json.RawMessage) {
	cm.Properties[key] = value
	if key != internalProperty {
		return
	}
	var v struct{ Internal bool }
	_ = json.Unmarshal(value, &v) // any other shape means public
	cm.Internal = v.Internal && p.project != nil && p.project.Type == "service_desk"
}

// readParentComment makes the comment a reply, with its parent's restriction.
func (p *reader) readParentComment(cm *Comment, raw json.RawMessage, is *Issue) error {
	if isNull(raw) || !p.s.cloud() || is == nil {
		return nil
	}
	id := parseID(string(trimQuotes(raw)))
	parent := pick(is.Comments, func(c *Comment) bool { return c.ID == id })
	if parent == nil || parent.Parent != 0 {
		return refuseField("parentId", "The parent comment does not exist or is itself a reply.")
	}
	cm.Parent, cm.Visibility, cm.Internal = id, parent.Visibility, parent.Internal
	return nil
}

func trimQuotes(raw json.RawMessage) json.RawMessage {
	if s, isString := plainString(raw); isString {
		return json.RawMessage(s)
	}
	return raw
}

func (p *reader) operateComment(d *draft, op string, raw json.RawMessage) error {
	if op != "add" {
		return say("Field does not support operation '%s'", op)
	}
	cm, err := p.readComment(raw, nil)
	if err != nil {
		return err
	}
	d.comments = append(d.comments, cm)
	return nil
}

// addComment appends a comment and announces it.
func (s *Site) addComment(is *Issue, cm *Comment, by *User, quiet bool) {
	now := s.now()
	cm.ID, cm.Author, cm.Editor, cm.Created, cm.Updated = s.next("comment"), by.ID, by.ID, now, now
	if cm.Properties == nil {
		cm.Properties = map[string]json.RawMessage{}
	}
	is.Comments = append(is.Comments, cm)
	s.ix.comments[cm.ID] = is
	s.change(is, by).touch()
	if quiet {
		return
	}
	s.sendComment("created", is, cm, by)
	s.react("commented", is, by)
}

// comment shows a comment.
func (v *view) comment(is *Issue, cm *Comment, withProperties bool) obj {
	out := obj{"self": v.rest("issue", is.ID, "comment", cm.ID), "id": strconv.FormatInt(cm.ID, 10), "author": v.user(cm.Author),
		"updateAuthor": v.user(cm.Editor), "body": v.rich(cm.Body), "created": v.stamp(cm.Created), "updated": v.stamp(cm.Updated)}
	if v.s.cloud() {
		out["jsdPublic"] = !cm.Internal
		if cm.Parent != 0 {
			out["parentId"] = cm.Parent
		}
	}
	if cm.Visibility != nil {
		out["visibility"] = v.visibility(cm.Visibility)
	}
	if withProperties {
		props := []any{}
		for _, k := range sortedKeys(cm.Properties) {
			props = append(props, obj{"key": k, "value": cm.Properties[k]})
		}
		out["properties"] = props
	}
	return out
}

func (v *view) visibility(x *Visibility) obj {
	out := obj{"type": x.Type, "value": x.Value}
	if v.s.cloud() {
		out["identifier"] = x.Value
	}
	return out
}

// visibleComments are those the viewer may see.
func (v *view) visibleComments(is *Issue) []*Comment {
	if v.viewer == nil {
		return is.Comments
	}
	var list []*Comment
	for _, cm := range is.Comments {
		if v.viewer.seesText(cm.Visibility, cm.Internal) {
			list = append(list, cm)
		}
	}
	return list
}

// commentField is fields.comment.
func (v *view) commentField(is *Issue) any {
	list := []any{}
	for _, cm := range v.visibleComments(is) {
		list = append(list, v.comment(is, cm, false))
	}
	out := obj{"comments": list, "maxResults": len(list), "total": len(list), "startAt": 0}
	if v.s.cloud() {
		out["self"] = v.rest("issue", is.ID, "comment")
	}
	return out
}

// listComments is GET /issue/{key}/comment.
func (c *call) listComments() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	by := c.query("orderBy")
	if name := trimSign(by); name != "" && name != "created" {
		return answer{}, refuse(http.StatusBadRequest, "The field to order by should be one of [created]. Instead, it was: %s.", name)
	}
	v := c.view()
	all := slices.Clone(v.visibleComments(is))
	if by != "" && by[0] == '-' {
		slices.Reverse(all)
	}
	size := 50
	if c.s.cloud() {
		size = 100
	}
	start, size := pageOf(c.query("startAt"), c.query("maxResults"), max(size, min(parsePositive(c.query("maxResults")), commentLimit)))
	list := []any{}
	for _, cm := range cut(all, start, size) {
		list = append(list, v.comment(is, cm, contains(c.queryList("expand"), "properties")))
	}
	return ok(obj{"startAt": start, "maxResults": size, "total": len(all), "comments": list})
}

func trimSign(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:]
	}
	return s
}

func parsePositive(s string) int {
	n, _ := strconv.Atoi(s)
	return max(0, n)
}

// createComment is POST /issue/{key}/comment.
func (c *call) createComment() (answer, error) {
	is, err := c.issueFor("ADD_COMMENTS")
	if err != nil {
		return answer{}, err
	}
	if err := c.full(len(is.Comments), commentLimit, "comments"); err != nil {
		return answer{}, err
	}
	cm, err := c.reader(c.s.projectOf(is)).readComment(c.body, is)
	if err != nil {
		return answer{}, err
	}
	c.s.addComment(is, cm, c.user, false)
	return created(c.view().comment(is, cm, contains(c.queryList("expand"), "properties")))
}

// comment is the comment named in the path, if the caller sees it.
func (c *call) comment(is *Issue) (*Comment, error) {
	id := parseID(c.r.PathValue("id"))
	cm := pick(is.Comments, func(x *Comment) bool { return x.ID == id })
	if cm == nil || !c.user.seesText(cm.Visibility, cm.Internal) {
		return nil, refuse(http.StatusNotFound, "Can not find a comment for the id: %s.", c.r.PathValue("id"))
	}
	return cm, nil
}

func (c *call) issueAndComment(permission string) (*Issue, *Comment, error) {
	is, err := c.issue()
	if permission != "" && err == nil {
		is, err = c.issueFor(permission)
	}
	if err != nil {
		return nil, nil, err
	}
	cm, err := c.comment(is)
	return is, cm, err
}

func (c *call) getComment() (answer, error) {
	is, cm, err := c.issueAndComment("")
	if err != nil {
		return answer{}, err
	}
	return ok(c.view().comment(is, cm, contains(c.queryList("expand"), "properties")))
}

// editComment is PUT /issue/{key}/comment/{id}. What the body leaves out stays.
func (c *call) editComment() (answer, error) {
	is, cm, err := c.issueAndComment("EDIT_ALL_COMMENTS")
	if err != nil {
		return answer{}, err
	}
	p := c.reader(c.s.projectOf(is))
	fresh, err := p.readComment(c.body, nil)
	if err != nil {
		return answer{}, err
	}
	var given map[string]json.RawMessage
	_ = json.Unmarshal(c.body, &given) // readComment has parsed it already
	changed := cm.Body != fresh.Body
	if _, said := given["visibility"]; said {
		changed = changed || !sameVisibility(cm.Visibility, fresh.Visibility)
		cm.Visibility = fresh.Visibility
	}
	for k, val := range fresh.Properties {
		p.setCommentProperty(cm, k, val)
	}
	if changed {
		cm.Body, cm.Editor, cm.Updated = fresh.Body, c.user.ID, c.now
		c.s.change(is, c.user).touch()
		c.s.sendComment("updated", is, cm, c.user)
	}
	return ok(c.view().comment(is, cm, contains(c.queryList("expand"), "properties")))
}

func sameVisibility(a, b *Visibility) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// deleteComment is DELETE /issue/{key}/comment/{id}; replies lose their parent
// and stay.
func (c *call) deleteComment() (answer, error) {
	is, cm, err := c.issueAndComment("DELETE_ALL_COMMENTS")
	if err != nil {
		return answer{}, err
	}
	is.Comments = slices.DeleteFunc(slices.Clone(is.Comments), func(x *Comment) bool { return x == cm })
	delete(c.s.ix.comments, cm.ID)
	ch := c.s.change(is, c.user)
	if !c.s.cloud() {
		ch.items = []Item{{Field: "Comment", Type: "jira", From: strID(cm.ID), FromString: str(cm.Body)}}
	}
	h := ch.commit("", nil)
	ch.touch()
	c.s.sendCommentDeleted(is, cm, c.user, h)
	return noContent()
}
