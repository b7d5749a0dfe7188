package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

var stepsMembers = []step{
	{"comments travel, with author and time; edits and deletions follow", stepComments},
	{"a copy never acts on its original", stepCopy},
	{"a restricted comment stays inside; one that becomes restricted is withdrawn", stepRestricted},
	{"attachments travel whole, and are deleted with their original", stepFiles},
	{"an inline image keeps working", stepInline},
	{"time spent is entered over there as well, and its edits follow", stepWorklogs},
	{"a deleted issue: its twin is kept and marked", stepDelete},
}

// hasOne waits until the issue has exactly one comment with the text, and returns it.
func (g *guide) hasOne(r *rest, key, text string) (c tourComment, err error) {
	err = g.eventually(fmt.Sprintf("%s has it once", key), func() error {
		found, err := r.withText(key, text)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d comments with %q", len(found), text)
		}
		if err == nil {
			c = found[0]
		}
		return err
	})
	return c, err
}

func (g *guide) hasNone(r *rest, key, text string) error {
	return g.eventually(fmt.Sprintf("%s has it no more", key), func() error { return none(r, key, text) })
}

func none(r *rest, key, text string) error {
	found, err := r.withText(key, text)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s has %q", key, found[0].Body)
	}
	return err
}

func stepComments(g *guide) error {
	for _, side := range []struct {
		r, other  *rest
		key, twin string
	}{{g.pub, g.priv, g.pubKey, g.privKey}, {g.priv, g.pub, g.privKey, g.pubKey}} {
		text, later := unique("Have you tried water?"), unique("Have you tried sand?")
		id, err := side.r.comment(side.key, text, nil)
		if err != nil {
			return err
		}
		g.did("commented on %s", side.key)
		c, err := g.hasOne(side.other, side.twin, text)
		if err != nil {
			return err
		}
		if !strings.Contains(c.Body, "Ada Admin") {
			return fmt.Errorf("the copy does not name its author: %q", c.Body)
		}
		g.saw("the copy begins: %.60q", c.Body)
		path := "/rest/api/2/issue/" + side.key + "/comment/" + id
		if err := side.r.call("PUT", path, object{"body": later}, nil); err != nil {
			return err
		}
		g.did("edited the original")
		if _, err := g.hasOne(side.other, side.twin, later); err != nil {
			return err
		}
		if err := side.r.call("DELETE", path, nil, nil); err != nil {
			return err
		}
		g.did("deleted the original")
		if err := g.hasNone(side.other, side.twin, later); err != nil {
			return err
		}
	}
	return nil
}

func stepCopy(g *guide) error {
	text := unique("An original")
	if _, err := g.pub.comment(g.pubKey, text, nil); err != nil {
		return err
	}
	c, err := g.hasOne(g.priv, g.privKey, text)
	if err != nil {
		return err
	}
	if err := g.priv.call("DELETE", "/rest/api/2/issue/"+g.privKey+"/comment/"+c.ID, nil, nil); err != nil {
		return err
	}
	g.did("deleted the copy inside")
	return g.stays("the original outside stays", func() error {
		found, err := g.pub.withText(g.pubKey, text)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d originals", len(found))
		}
		return err
	})
}

func stepRestricted(g *guide) error {
	secret, open := unique("For us only"), unique("For everybody")
	limit := object{"visibility": object{"type": "role", "value": "Developers"}}
	if _, err := g.priv.comment(g.privKey, secret, limit); err != nil {
		return err
	}
	id, err := g.priv.comment(g.privKey, open, nil)
	if err != nil {
		return err
	}
	g.did("wrote two comments inside, one for a role only")
	if _, err := g.hasOne(g.pub, g.pubKey, open); err != nil {
		return err
	}
	if err := g.stays("the restricted one stays inside", func() error { return none(g.pub, g.pubKey, secret) }); err != nil {
		return err
	}
	limit["body"] = open
	if err := g.priv.call("PUT", "/rest/api/2/issue/"+g.privKey+"/comment/"+id, limit, nil); err != nil {
		return err
	}
	g.did("restricted the other one too, after it had left")
	return g.hasNone(g.pub, g.pubKey, open)
}

func stepFiles(g *guide) error {
	content := bytes.Repeat([]byte("0123456789abcdef\x00\xff"), 200_000)
	for _, side := range []struct {
		r, other  *rest
		key, twin string
	}{{g.pub, g.priv, g.pubKey, g.privKey}, {g.priv, g.pub, g.privKey, g.pubKey}} {
		name := strings.ReplaceAll(unique("trace"), " ", "-") + ".bin"
		if err := side.r.attach(side.key, name, content); err != nil {
			return err
		}
		g.did("attached %s, %.1f MB, to %s", name, float64(len(content))/1e6, side.key)
		if err := g.sameFile(side.other, side.twin, name, content); err != nil {
			return err
		}
		own, err := side.r.files(side.key, name)
		if err != nil || len(own) != 1 {
			return errors.Join(err, fmt.Errorf("%d originals", len(own)))
		}
		if err := side.r.call("DELETE", "/rest/api/2/attachment/"+own[0].ID, nil, nil); err != nil {
			return err
		}
		g.did("deleted the original")
		err = g.eventually("the copy is gone", func() error {
			left, err := side.other.files(side.twin, name)
			if err == nil && len(left) > 0 {
				err = errors.New("it is there")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sameFile waits until the issue has exactly one file of that name, with that content.
func (g *guide) sameFile(r *rest, key, name string, content []byte) error {
	return g.eventually(fmt.Sprintf("%s has it once, with the same SHA-256", key), func() error {
		found, err := r.files(key, name)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%d files named %s", len(found), name)
		}
		got, err := r.content(found[0])
		if err == nil && sha256.Sum256(got) != sha256.Sum256(content) {
			err = fmt.Errorf("its content differs: %d bytes", len(got))
		}
		return err
	})
}

func stepInline(g *guide) error {
	name := strings.ReplaceAll(unique("photo"), " ", "-") + ".png"
	if err := g.pub.attach(g.pubKey, name, []byte("\x89PNG\r\n\x1a\nnot really")); err != nil {
		return err
	}
	if err := g.pub.edit(g.pubKey, object{"description": "Look: !" + name + "!"}); err != nil {
		return err
	}
	g.did("attached %s and showed it in the description", name)
	if err := g.sameFile(g.priv, g.privKey, name, []byte("\x89PNG\r\n\x1a\nnot really")); err != nil {
		return err
	}
	return g.eventually("the description inside shows it too", func() error {
		fields, err := g.priv.issue(g.privKey)
		if text := fmt.Sprint(fields["description"]); err == nil && !strings.Contains(text, "!"+name) {
			err = fmt.Errorf("the description is %q", text)
		}
		return err
	})
}

func stepWorklogs(g *guide) error {
	for _, side := range []struct {
		r, other  *rest
		key, twin string
	}{{g.pub, g.priv, g.pubKey, g.privKey}, {g.priv, g.pub, g.privKey, g.pubKey}} {
		text := unique("Looked for the water")
		path := "/rest/api/2/issue/" + side.key + "/worklog"
		var made tourWorklog
		if err := side.r.call("POST", path, object{"comment": text, "timeSpentSeconds": 5400}, &made); err != nil {
			return err
		}
		g.did("entered 90 minutes on %s", side.key)
		if err := g.spent(side.other, side.twin, text, 5400); err != nil {
			return err
		}
		if err := side.r.call("PUT", path+"/"+made.ID, object{"comment": text, "timeSpentSeconds": 7200}, nil); err != nil {
			return err
		}
		g.did("made two hours of it")
		if err := g.spent(side.other, side.twin, text, 7200); err != nil {
			return err
		}
	}
	return nil
}

// spent waits until the issue has exactly one worklog with the text, of that time.
func (g *guide) spent(r *rest, key, text string, seconds int) error {
	return g.eventually(fmt.Sprintf("%s has %d minutes, once", key, seconds/60), func() error {
		var all struct{ Worklogs []tourWorklog }
		if err := r.call("GET", "/rest/api/2/issue/"+key+"/worklog", nil, &all); err != nil {
			return err
		}
		var found []tourWorklog
		for _, l := range all.Worklogs {
			if strings.Contains(l.Comment, text) {
				found = append(found, l)
			}
		}
		if len(found) != 1 || found[0].TimeSpentSeconds != seconds {
			return fmt.Errorf("%s has %+v", key, found)
		}
		return nil
	})
}

func stepDelete(g *guide) error {
	summary := unique("Not long for this world")
	key, err := g.pub.create(g.pub.Project, "Task", summary, nil)
	if err != nil {
		return err
	}
	twin, err := g.twin(g.priv, g.priv.Project, summary)
	if err != nil {
		return err
	}
	err = g.eventually("the hub knows its twin", func() error {
		out, err := once(g.ctx, nil, g.on("hub.yaml", "sync", "show", key, "--json")...)
		if err == nil && !strings.Contains(out, twin) {
			err = errors.New("not yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := g.pub.call("DELETE", "/rest/api/2/issue/"+key, nil, nil); err != nil {
		return err
	}
	g.did("deleted %s outside", key)
	err = g.eventually("the poller knows", func() error {
		out, err := once(g.ctx, nil, g.on("poller.yaml", "sync", "show", twin, "--json")...)
		if err == nil && !strings.Contains(out, `"left": "deleted"`) {
			err = errors.New("its twin does not say so")
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = g.priv.issue(twin)
	if err == nil {
		g.saw("%s is still there", twin)
	}
	return err
}
