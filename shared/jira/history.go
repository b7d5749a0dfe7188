package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"drawbridge/shared/walk"
)

// A History is one entry of an issue's changelog: everything one call or one click changed.
type History struct {
	ID       int64 // 0 where Jira did not give one
	Created  time.Time
	Author   User
	Items    []Item
	Metadata *Metadata
}

// An Item is one field's change. From and To are ids or exact values where the field kind has them; the strings are for
// people, in the language of whoever asked.
type Item struct {
	Field, FieldID, FieldType      string // FieldID: Cloud only, see [Schema.Resolve]
	From, FromString, To, ToString string
}

// Metadata is what a write says about itself in the call; Jira keeps it in the changelog ("historyMetadata").
type Metadata struct {
	Type      string
	ExtraData map[string]string
}

type wireMetadata struct {
	Type      text            `json:"type,omitempty"`
	ExtraData map[string]text `json:"extraData,omitempty"`
}

func (m *Metadata) wire() *wireMetadata {
	if m == nil {
		return nil
	}
	w := &wireMetadata{Type: text(m.Type), ExtraData: map[string]text{}}
	for k, v := range m.ExtraData {
		w.ExtraData[k] = text(v)
	}
	return w
}

// UnmarshalJSON reads what a changelog holds of it.
func (m *Metadata) UnmarshalJSON(raw []byte) error {
	*m = Metadata{ExtraData: map[string]string{}}
	return walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "type":
			m.Type = word(value)
		case "extraData":
			return walk.Members(value, func(name, value []byte) error {
				m.ExtraData[string(name)] = word(value)
				return nil
			})
		}
		return nil
	})
}

// UnmarshalJSON reads an entry of either flavour's changelog.
func (h *History) UnmarshalJSON(raw []byte) error {
	*h = History{}
	return walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "id":
			h.ID = integer(value)
		case "created":
			h.Created = timeOf(value)
		case "author":
			err = readUser(&h.Author, value)
		case "items":
			h.Items, err = walk.List(value, readItem)
		case "historyMetadata":
			if h.Metadata = nil; string(value) != "null" {
				h.Metadata = &Metadata{}
				err = h.Metadata.UnmarshalJSON(value)
			}
		}
		return err
	})
}

func readHistory(raw []byte) (h History, err error) {
	err = h.UnmarshalJSON(raw)
	return h, err
}

func readItem(raw []byte) (it Item, err error) {
	err = walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "field":
			it.Field = word(value)
		case "fieldId":
			it.FieldID = word(value)
		case "fieldtype":
			it.FieldType = word(value)
		case "from":
			it.From = word(value)
		case "fromString":
			it.FromString = word(value)
		case "to":
			it.To = word(value)
		case "toString":
			it.ToString = word(value)
		}
		return nil
	})
	return it, err
}

// readChangelog reads the part of a changelog that comes with an issue: the entries in order of id, and whether they are all there
// are. Search and read of one issue on Cloud give a part of a long one; capped is the number from which a list without proof of
// its length counts as cut. What is no changelog is none: very old answers hold a word there.
func readChangelog(raw []byte, capped int) (list []History, complete bool, err error) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false, nil
	}
	total := int64(0)
	err = walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "total":
			total = integer(value)
		case "histories":
			list, err = walk.List(value, readHistory)
			complete = string(value) != "null"
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b History) int { return cmp.Compare(a.ID, b.ID) })
	complete = complete && (capped == 0 || len(list) < capped) && total <= int64(len(list))
	return list, complete, err
}

// Histories reads the complete changelog and calls each for every entry: on Cloud page by page, oldest first; on Data Center, which has no
// pages, from one answer decoded as it comes in, in the order Jira sends it.
func (c *Client) Histories(ctx context.Context, id string, each func(History) error) error {
	what := "read the changelog of issue " + id
	path := "rest/api/2/issue/" + url.PathEscape(id)
	if c.cloud() {
		return pages(ctx, c, pager{what, "issue/{issue}/changelog", path + "/changelog", nil, 100}, each)
	}
	var stopped error
	err := c.do(ctx, call{what: what, method: http.MethodGet, route: "issue/{issue}", path: path + "?expand=changelog&fields=summary", streams: true,
		decode: func(_ *http.Response, r io.Reader) error {
			stopped = nil
			return streamHistories(json.NewDecoder(r), func(h History) bool {
				stopped = each(h)
				return stopped == nil
			})
		}})
	if stopped != nil {
		return stopped
	}
	return err
}

// streamHistories walks to changelog.histories and hands out the entries until more is false.
func streamHistories(dec *json.Decoder, more func(History) bool) error {
	err := object(dec, func(name string) (bool, error) {
		if name != "changelog" {
			return false, nil
		}
		return true, object(dec, func(name string) (bool, error) {
			if name != "histories" {
				return false, nil
			}
			return true, array(dec, func() error {
				var h History
				if err := dec.Decode(&h); err != nil {
					return err
				}
				if !more(h) {
					return errEnough
				}
				return nil
			})
		})
	})
	if err == errEnough {
		return nil
	}
	return err
}
