package apply

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// deed is one member's work.
type deed struct {
	key   string
	want  bridge.Member
	local string // id of the copy, once there is one
	what  merge.Deed
	next  merge.Member // the state once it is done
	look  bool         // an earlier try may have created it: look before creating
	wrote []string     // worklog: what this or an earlier try may have written

	desk            string // attachment: service project whose customers are to see it; "": for agents, or no such project
	linkType, other string // link: its type here, and the id of the issue at the other end
	stands          string // link: id of somebody's own that says the same already
	shared          bool   // link: another member's copy, which was removed over there and made again, or is about to be

	write rule.CommentWrite
	skip  string // why our rules do not take it

	done bool
	made int64 // Jira's time of creation, ms
	err  error
}

// ruleMember asks the incoming rule.
func (f *Flow) ruleMember(v *observe.View, p *pair.Pair, m *deed) {
	if m.what == merge.Delete {
		return
	}
	env := observe.Env(p, v, observe.Known(p, v))
	switch m.want.Kind {
	case bridge.Comment:
		w, err := v.Rules.CommentIn(env, m.want)
		if m.write = w; err != nil {
			m.err = err
		} else if !w.Take {
			m.skip = w.Why
		}
	case bridge.Attachment:
		if take, why := v.Rules.AttachmentIn(env, m.want); !take {
			m.skip = why
		} else if m.want.Note != "" {
			m.skip = m.want.Note
		} else if public, err := v.Rules.AttachmentPublic(env, m.want); err != nil {
			m.err = err
		} else if public {
			m.desk = p.State.Project
		}
	case bridge.Worklog:
		w, err := v.Rules.WorklogIn(env, m.want)
		if m.write = w; err != nil {
			m.err = err
		} else if !w.Take {
			m.skip = w.Why
		}
	case bridge.Link: // see ruleLink
	default:
		m.skip = "this site does not take " + string(m.want.Kind) + "s"
	}
}

// deeds makes the calls for all members. A temporary failure of one leaves the rest to be done.
func (f *Flow) deeds(ctx context.Context, v *observe.View, pl *plan) error {
	look := &looker{f: f, issue: pl.issue, connection: v.Connection.ID, known: pl.known}
	var failed error
	for _, m := range pl.members {
		if m.skip != "" || m.err != nil {
			continue
		}
		if m.err = f.deed(ctx, v, pl.issue, m, look); m.err == nil {
			m.done = true
			continue
		}
		if bridge.LevelOf(m.err) != bridge.LevelPair || ctx.Err() != nil {
			return m.err
		}
		if bridge.IsTemporary(m.err) && failed == nil {
			failed = m.err
		}
	}
	return failed
}

func (f *Flow) deed(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) error {
	switch m.what {
	case merge.Create:
		return f.addMember(ctx, v, issue, m, look)
	case merge.Edit:
		err := f.editMember(ctx, v, issue, m, look)
		if jira.StatusOf(err) == 404 {
			m.what = merge.Create // deleted here meanwhile: an edit beats a deletion its author did not see, once
			m.next.Again, m.look = true, true
			return f.addMember(ctx, v, issue, m, look)
		}
		return err
	}
	if m.local == "" || m.look && m.want.Kind == bridge.Comment { // the one that is there may not be the one that is known
		if err := look.find(ctx, m); err != nil || m.local == "" {
			return err
		}
	}
	return ignoreAbsent(f.removeMember(ctx, issue, m, look))
}

func (f *Flow) addMember(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) error {
	switch m.want.Kind {
	case bridge.Comment:
		return f.addComment(ctx, v, issue, m, look)
	case bridge.Worklog:
		return f.addWorklog(ctx, v, issue, m, look)
	case bridge.Link:
		return f.addLink(ctx, issue, m, look)
	default:
		return f.addAttachment(ctx, v, issue, m, look)
	}
}

func (f *Flow) editMember(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) (err error) {
	switch m.want.Kind {
	case bridge.Comment:
		_, err = f.Site.Jira.EditComment(ctx, issue, m.local, f.commentRequest(v, m))
	case bridge.Worklog:
		_, err = f.Site.Jira.EditWorklog(ctx, issue, m.local, f.worklogRequest(v, m))
	case bridge.Link:
		if m.local == m.shows() {
			return nil // another name on the way, the same type here
		}
		if err := f.removeLink(ctx, m, look); err != nil {
			return err
		}
		return f.addLink(ctx, issue, m, look)
	}
	return err // the content of an attachment never changes
}

func (f *Flow) removeMember(ctx context.Context, issue string, m *deed, look *looker) error {
	switch m.want.Kind {
	case bridge.Comment:
		return f.deleteComment(ctx, issue, m.local)
	case bridge.Worklog:
		return f.Site.Jira.DeleteWorklog(ctx, issue, m.local)
	case bridge.Link:
		return f.removeLink(ctx, m, look)
	default:
		return f.Site.Jira.DeleteAttachment(ctx, m.local)
	}
}

// deleteComment takes a copy away, and what it said: the changelog of a Data Center keeps the text a deleted comment had
// last. Where the account may not edit, deleting is better than nothing.
func (f *Flow) deleteComment(ctx context.Context, issue, id string) error {
	if f.Site.Jira.Flavour() == bridge.DataCenter {
		_, err := f.Site.Jira.EditComment(ctx, issue, id, jira.CommentRequest{Body: "deleted", Open: true})
		if bridge.IsTemporary(err) {
			return err
		}
	}
	return ignoreAbsent(f.Site.Jira.DeleteComment(ctx, issue, id))
}

// drop removes the content of withdrawn and deleted attachments from where it waited for us. The sender offers none of them
// again before it has our ack.
func (f *Flow) drop(ctx context.Context, c *bridge.Change) error {
	keeper, ok := f.Site.Content.(site.Keeper)
	if !ok || c == nil {
		return nil
	}
	for _, m := range c.Members {
		if m.Kind == bridge.Attachment && m.Deleted {
			if err := keeper.Drop(ctx, c.Connection, m.ID, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileName is the name of a remote file as one of ours: it names no folder, and holds nothing that is not shown or turns the text
// around.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '_'
		case bridge.Drives(r):
			return -1
		}
		return r
	}, name)
	if name != "" && strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

func ignoreAbsent(err error) error {
	if jira.StatusOf(err) == 404 {
		return nil
	}
	return err
}

func (f *Flow) commentRequest(v *observe.View, m *deed) jira.CommentRequest {
	r := jira.CommentRequest{
		Body: m.write.Body, Internal: m.write.Internal,
		Properties: map[string]any{site.MarkerKey: site.Marker{Connection: v.Connection.ID, Remote: m.want.ID}},
	}
	r.Visibility = audience(m)
	r.Open = r.Visibility == nil && !m.write.Internal
	return r
}

// audience is who may see the copy; nil: everybody who sees the issue.
func audience(m *deed) *jira.Visibility {
	switch {
	case m.write.Role != "":
		return &jira.Visibility{Type: "role", Value: m.write.Role}
	case m.write.Group != "":
		return &jira.Visibility{Type: "group", Value: m.write.Group}
	}
	return nil
}

func (f *Flow) addComment(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) error {
	if m.look {
		found, err := look.comment(ctx, m)
		switch {
		case err != nil:
			return err
		case found != nil && strings.TrimSpace(found.Body) != strings.TrimSpace(m.write.Body):
			return f.editMember(ctx, v, issue, m, look) // the original was edited since
		case found != nil:
			return nil
		}
	}
	c, err := f.Site.Jira.AddComment(ctx, issue, f.commentRequest(v, m))
	m.local, m.made = c.ID, c.Created.UnixMilli()
	return err
}

func (f *Flow) addAttachment(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) error {
	if m.look {
		if found, err := look.attachment(ctx, m); err != nil || found != nil {
			return err
		}
	}
	r, err := f.Site.Content.Fetch(ctx, v.Connection.ID, m.want)
	if err == nil && f.Site.Scan != nil {
		r, err = f.Site.Scan(ctx, r, m.want)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if m.desk != "" {
		if err := f.showFile(ctx, issue, m, r, look); jira.StatusOf(err) != http.StatusNotFound {
			return err
		}
		m.desk = "" // the issue is no request: there are no customers to show it to
		return f.addAttachment(ctx, v, issue, m, look)
	}
	a, err := f.Site.Jira.Upload(ctx, issue, m.want.Name, m.want.Size, r)
	m.local, m.made = a.ID, a.Created.UnixMilli()
	return err
}

// showFile attaches a file so that customers see it. Jira answers less of it than it knows, and makes a comment for it.
func (f *Flow) showFile(ctx context.Context, issue string, m *deed, r io.Reader, look *looker) error {
	id, err := f.Site.Jira.UploadPublic(ctx, m.desk, issue, m.want.Name, m.want.Size, r)
	if err != nil {
		return err
	}
	if id == "" {
		look.read = false
		_, err := look.attachment(ctx, m)
		return err
	}
	a, err := f.Site.Jira.Attachment(ctx, id)
	m.local, m.made = id, a.Created.UnixMilli()
	return err
}

// looker looks on the local issue for what an earlier try may have created, each list once.
type looker struct {
	f           *Flow
	issue       string
	connection  string
	comments    []jira.Comment
	listed      bool
	attachments []jira.Attachment
	read        bool
	worklogs    []jira.Worklog
	logged      bool
	links       []jira.Link
	related     bool
	known       map[string]bool // keys of local members that are originals, or some member's copy
}

// find looks for the copy that an earlier try may have made; it is the deed's then.
func (l *looker) find(ctx context.Context, m *deed) (err error) {
	switch m.want.Kind {
	case bridge.Comment:
		_, err = l.comment(ctx, m)
	case bridge.Worklog:
		_, err = l.worklog(ctx, m)
	case bridge.Attachment:
		_, err = l.attachment(ctx, m)
	case bridge.Link:
		err = l.made(ctx, m)
	}
	return err
}

func (l *looker) comment(ctx context.Context, m *deed) (*jira.Comment, error) {
	if !l.listed {
		var err error
		if l.comments, err = l.f.Site.Jira.ListComments(ctx, l.issue); err != nil {
			return nil, err
		}
		l.listed = true
	}
	i := slices.IndexFunc(l.comments, func(c jira.Comment) bool { return marked(c.Properties, l.connection, m.want.ID) })
	if i < 0 {
		return nil, nil
	}
	found := &l.comments[i]
	m.local, m.made = found.ID, found.Created.UnixMilli()
	return found, nil
}

// attachment finds an upload of ours that is no member's yet by name and size; its content is verified by the upload having
// completed.
func (l *looker) attachment(ctx context.Context, m *deed) (*jira.Attachment, error) {
	if !l.read {
		is, err := l.f.Site.Jira.Issue(ctx, l.issue, jira.IssueOptions{Fields: []string{"attachment"}})
		if err != nil {
			return nil, err
		}
		l.attachments, l.read = is.Attachments, true
	}
	account, err := l.f.Site.Account(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(l.attachments, func(a jira.Attachment) bool {
		return a.Name == m.want.Name && a.Size == m.want.Size && a.Author.Is(account) && !l.known[pair.MemberKey(bridge.Attachment, a.ID)]
	})
	if i < 0 {
		return nil, nil
	}
	found := l.attachments[i]
	m.local, m.made = found.ID, found.Created.UnixMilli()
	l.attachments = slices.Delete(l.attachments, i, i+1) // two members may have one name and size
	return &found, nil
}

// clockSlack is by how much the clocks of Jira and hub may seem to differ.
const clockSlack = 10 * time.Second

// recordMembers keeps what became of the members.
func recordMembers(ctx context.Context, p *pair.Pair, pl *plan, now int64) error {
	for _, m := range pl.members {
		kind, id := pair.SplitMemberKey(m.key)
		c, err := p.Copy(ctx, kind, id)
		if err != nil || c == nil {
			return err
		}
		switch {
		case m.done:
			c.Member = m.next
			c.Since, c.Why, c.Tries, c.Wrote, c.Original = 0, "", 0, nil, m.stands
			p.State.Refuse(m.key, "")
			if m.made != 0 {
				c.LocalID, c.Made = m.local, m.made
			}
			p.Note(pair.Event{What: "applied", Field: m.key, Outcome: string(m.what)})
		case m.skip != "":
			c.Since, c.Wrote, c.Why = 0, nil, m.skip
			p.Note(pair.Event{What: "not taken", Field: m.key, Note: m.skip})
		case m.err != nil && !bridge.IsTemporary(m.err):
			c.Why, c.Tries = m.err.Error(), c.Tries+1
			if certain(m.err) {
				c.Since, c.Wrote = 0, nil
			}
			p.State.Refuse(m.key, m.err.Error())
			p.Note(pair.Event{What: "refused", Field: m.key, Note: m.err.Error()})
		default:
			c.Tries++
			p.SetCopy(c)
			continue // not done: it stays listed
		}
		if c.Want.Seq > m.want.Seq {
			p.SetCopy(c)
			continue // a later one came meanwhile
		}
		p.State.Did(m.key)
		p.SetCopy(c)
	}
	return nil
}
