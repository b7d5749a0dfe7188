package simulator

import (
	"encoding/json"
	"net/http"
)

// bag is a set of entity properties and what to do after one changed.
type bag struct {
	props   map[string]json.RawMessage
	self    string
	changed func(key string, gone bool)
}

func (c *call) issueBag() (*bag, error) {
	is, err := c.issue()
	if err != nil {
		return nil, err
	}
	return &bag{is.Properties, c.view().rest("issue", is.ID, "properties"), func(key string, gone bool) {
		c.s.sendProperty(is, key, gone, c.user)
	}}, nil
}

func (c *call) commentBag() (*bag, error) {
	id := parseID(c.r.PathValue("id"))
	is := c.s.ix.comments[id]
	if is == nil || !c.s.sees(c.user, is) {
		return nil, refuse(http.StatusNotFound, "Can not find a comment for the id: %s.", c.r.PathValue("id"))
	}
	cm, err := c.comment(is)
	if err != nil {
		return nil, err
	}
	return &bag{cm.Properties, c.view().rest("comment", cm.ID, "properties"), func(key string, gone bool) {
		if key == internalProperty && !gone {
			c.reader(c.s.projectOf(is)).setCommentProperty(cm, key, cm.Properties[key])
		}
		c.s.note(is)
	}}, nil
}

// bagged makes the handlers of one sort of bag.
func bagged(find func(*call) (*bag, error), do func(*call, *bag) (answer, error)) handler {
	return func(c *call) (answer, error) {
		b, err := find(c)
		if err != nil {
			return answer{}, err
		}
		return do(c, b)
	}
}

func (c *call) listProperties(b *bag) (answer, error) {
	keys := []any{}
	for _, k := range sortedKeys(b.props) {
		keys = append(keys, obj{"self": b.self + "/" + k, "key": k})
	}
	return ok(obj{"keys": keys})
}

func (c *call) getProperty(b *bag) (answer, error) {
	key := c.r.PathValue("property")
	value, found := b.props[key]
	if !found {
		return answer{}, refuse(http.StatusNotFound, "The property %s does not exist.", key)
	}
	return ok(obj{"key": key, "value": value})
}

func (c *call) setProperty(b *bag) (answer, error) {
	key := c.r.PathValue("property")
	if err := checkProperty(property{key, c.body}); err != nil {
		return answer{}, err
	}
	if err := c.need("EDIT_ISSUES"); err != nil {
		return answer{}, err
	}
	_, had := b.props[key]
	b.props[key] = json.RawMessage(c.body)
	b.changed(key, false)
	if had {
		return answer{status: http.StatusOK}, nil
	}
	return answer{status: http.StatusCreated}, nil
}

func (c *call) deleteProperty(b *bag) (answer, error) {
	key := c.r.PathValue("property")
	if _, had := b.props[key]; !had {
		return answer{}, refuse(http.StatusNotFound, "The property %s does not exist.", key)
	}
	delete(b.props, key)
	b.changed(key, true)
	return noContent()
}
