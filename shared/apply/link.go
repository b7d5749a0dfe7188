package apply

import (
	"context"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// ruleLink asks the incoming rule of a link, once the issue at its other end has a twin here. Waits says that it has none: the
// link stays listed until then.
func (f *Flow) ruleLink(ctx context.Context, v *observe.View, p *pair.Pair, m *deed, dry bool) (waits bool, err error) {
	if m.want.Kind != bridge.Link {
		return false, nil
	}
	if m.what == merge.Delete {
		c, err := p.LinkCopy(ctx, m.local)
		m.shared = c != nil && c.Want.ID != m.want.ID
		return false, err
	}
	if !v.Rules.Takes("links") {
		m.skip = "the rules take no links"
		return false, nil
	}
	waiting := p.Head.Local.ID
	if dry {
		waiting = ""
	}
	other, err := f.twinOf(ctx, v, m.want.Other, waiting)
	if err != nil || other == nil {
		return true, err
	}
	m.other = other.Head.Local.ID
	m.linkType, m.skip, m.err = v.Rules.LinkIn(observe.Env(p, v, observe.Known(p, v)), m.want, other.Head.Local.Key)
	if m.skip != "" || m.err != nil {
		return false, nil
	}
	c, err := p.LinkCopy(ctx, m.shows())
	m.shared = c != nil
	return false, err
}

// addLink makes a link. One that stands already is either what an earlier try made, or somebody's here, which is left to them
// whatever becomes of the original.
func (f *Flow) addLink(ctx context.Context, issue string, m *deed, look *looker) error {
	found, err := look.link(ctx, m.linkType, m.other)
	switch {
	case err != nil:
		return err
	case found != nil && !m.shared && (!m.look || look.known[pair.MemberKey(bridge.Link, found.ID)]):
		m.stands = found.ID
		return nil
	case found == nil:
		err = f.Site.Jira.AddLink(ctx, jira.LinkRequest{Type: m.linkType, Source: issue, Destination: m.other})
	}
	m.local, m.made = m.shows(), f.jiraTime(f.Site.Now()).UnixMilli()
	return err
}

// link finds the link of that type between the issue and another one. Where the type is the same seen from either end, so is
// the link.
func (l *looker) link(ctx context.Context, linkType, other string) (*jira.Link, error) {
	return l.linked(ctx, func(k jira.Link) bool {
		return k.Other.ID == other && strings.EqualFold(k.Type.Name, linkType) && (k.Outward || k.Type.Inward == k.Type.Outward)
	})
}

func (l *looker) linked(ctx context.Context, is func(jira.Link) bool) (*jira.Link, error) {
	if !l.related {
		var err error
		if l.links, err = l.f.Site.Jira.Links(ctx, l.issue); err != nil {
			return nil, err
		}
		l.related = true
	}
	i := slices.IndexFunc(l.links, is)
	if i < 0 {
		return nil, nil
	}
	return &l.links[i], nil
}

// parts is 1 for a deed that removes a link: those come first, for the same link may be made anew.
func (m *deed) parts() int {
	if m.want.Kind == bridge.Link && m.what == merge.Delete {
		return 1
	}
	return 0
}

// made finds the link that an earlier try made.
func (l *looker) made(ctx context.Context, m *deed) error {
	found, err := l.linked(ctx, func(k jira.Link) bool {
		return k.Outward && slices.Contains(m.wrote, pair.LinkID(k.Type.Name, k.Other.ID)) && !l.known[pair.MemberKey(bridge.Link, k.ID)]
	})
	if err == nil && found != nil {
		m.local = pair.LinkID(found.Type.Name, found.Other.ID)
	}
	return err
}

// removeLink takes a copy away; somebody may have done so before.
func (f *Flow) removeLink(ctx context.Context, m *deed, look *looker) error {
	if m.shared {
		return nil // it was made again over there meanwhile, and stands for that one now
	}
	found, err := look.linked(ctx, func(k jira.Link) bool { return k.Outward && pair.LinkID(k.Type.Name, k.Other.ID) == m.local })
	if err != nil || found == nil {
		return err
	}
	id := found.ID
	if err := f.Site.Jira.DeleteLink(ctx, id); err != nil {
		return err
	}
	look.links = slices.DeleteFunc(look.links, func(k jira.Link) bool { return k.ID == id })
	return nil
}
