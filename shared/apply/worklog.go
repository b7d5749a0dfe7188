package apply

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// worklogRequest keeps when work began and how long it took; who did it stands in the text. The estimate is a field of its own
// and left alone.
func (f *Flow) worklogRequest(v *observe.View, m *deed) jira.WorklogRequest {
	return jira.WorklogRequest{
		Comment: m.write.Body, Started: time.UnixMilli(m.want.Started).UTC(), Seconds: m.want.Seconds, Visibility: audience(m),
		Properties: map[string]any{site.MarkerKey: site.Marker{Connection: v.Connection.ID, Remote: m.want.ID}},
	}
}

// shows is by what the worklog, or link, that a deed writes is found again.
func (m *deed) shows() string {
	if m.want.Kind == bridge.Link {
		return pair.LinkID(m.linkType, m.other)
	}
	return pair.LogHash(m.write.Body, time.UnixMilli(m.want.Started), m.want.Seconds)
}

func (f *Flow) addWorklog(ctx context.Context, v *observe.View, issue string, m *deed, look *looker) error {
	if m.look {
		found, err := look.worklog(ctx, m)
		switch {
		case err != nil:
			return err
		case found != nil && pair.LogHash(found.Comment, found.Started, found.Seconds) != m.shows():
			return f.editMember(ctx, v, issue, m, look) // the original was edited since
		case found != nil:
			return nil
		}
	}
	w, err := f.Site.Jira.AddWorklog(ctx, issue, f.worklogRequest(v, m))
	m.local, m.made = w.ID, w.Created.UnixMilli()
	return err
}

// worklog finds what an earlier try wrote: by its marker; where Jira keeps none, by what it was to show, among the worklogs of
// our account that are no member yet.
func (l *looker) worklog(ctx context.Context, m *deed) (*jira.Worklog, error) {
	if !l.logged {
		var err error
		if l.worklogs, err = l.f.Site.Jira.ListWorklogs(ctx, l.issue); err != nil {
			return nil, err
		}
		l.logged = true
	}
	account, err := l.f.Site.Account(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(l.worklogs, func(w jira.Worklog) bool { return marked(w.Properties, l.connection, m.want.ID) })
	if i < 0 {
		i = slices.IndexFunc(l.worklogs, func(w jira.Worklog) bool {
			shows := pair.LogHash(w.Comment, w.Started, w.Seconds)
			return len(w.Properties) == 0 && w.Author.Is(account) && !l.known[pair.MemberKey(bridge.Worklog, w.ID)] && slices.Contains(m.wrote, shows)
		})
	}
	if i < 0 {
		return nil, nil
	}
	found := l.worklogs[i]
	m.local, m.made = found.ID, found.Created.UnixMilli()
	l.worklogs = slices.Delete(l.worklogs, i, i+1) // two members may show the same
	return &found, nil
}

// marked reports whether a member with these properties is our copy of that remote one.
func marked(properties map[string]json.RawMessage, connection, original string) bool {
	var m site.Marker
	return json.Unmarshal(properties[site.MarkerKey], &m) == nil && m.Connection == connection && m.Remote == original
}
