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

func (w *wireMetadata) metadata() *Metadata {
	if w == nil {
		return nil
	}
	m := &Metadata{Type: string(w.Type), ExtraData: map[string]string{}}
	for k, v := range w.ExtraData {
		m.ExtraData[k] = string(v)
	}
	return m
}

type wireHistory struct {
	ID       number        `json:"id"`
	Created  moment        `json:"created"`
	Author   *User         `json:"author"`
	Items    []wireItem    `json:"items"`
	Metadata *wireMetadata `json:"historyMetadata"`
}

type wireItem struct {
	Field      text `json:"field"`
	FieldID    text `json:"fieldId"`
	FieldType  text `json:"fieldtype"`
	From       text `json:"from"`
	FromString text `json:"fromString"`
	To         text `json:"to"`
	ToString   text `json:"toString"`
}

func (w wireHistory) history() History {
	h := History{ID: int64(w.ID), Created: w.Created.Time, Metadata: w.Metadata.metadata()}
	if w.Author != nil {
		h.Author = *w.Author
	}
	for _, i := range w.Items {
		h.Items = append(h.Items, Item{string(i.Field), string(i.FieldID), string(i.FieldType),
			string(i.From), string(i.FromString), string(i.To), string(i.ToString)})
	}
	return h
}

type wireChangelog struct {
	Total     *number       `json:"total"`
	Histories []wireHistory `json:"histories"`
}

// UnmarshalJSON takes what is no changelog for none: very old answers hold a word there.
func (w *wireChangelog) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return nil
	}
	type plain wireChangelog
	return json.Unmarshal(raw, (*plain)(w))
}

// histories are the entries in order of id, and whether they are all there are. Search and read of one issue on Cloud give a part
// of a long changelog; capped is the number from which a list without proof of its length counts as cut.
func (w *wireChangelog) histories(capped int) (list []History, complete bool) {
	if w == nil {
		return nil, false
	}
	for _, h := range w.Histories {
		list = append(list, h.history())
	}
	slices.SortStableFunc(list, func(a, b History) int { return cmp.Compare(a.ID, b.ID) })
	complete = w.Histories != nil && (capped == 0 || len(list) < capped)
	if w.Total != nil && int(*w.Total) > len(list) {
		complete = false
	}
	return list, complete
}

// Histories reads the complete changelog and calls each for every entry: on Cloud page by page, oldest first; on Data Center, which has no
// pages, from one answer decoded as it comes in, in the order Jira sends it.
func (c *Client) Histories(ctx context.Context, id string, each func(History) error) error {
	what := "read the changelog of issue " + id
	path := "rest/api/2/issue/" + url.PathEscape(id)
	if c.cloud() {
		return pages(ctx, c, pager{what, "issue/{issue}/changelog", path + "/changelog", nil, 100}, func(w wireHistory) error {
			return each(w.history())
		})
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
				var w wireHistory
				if err := dec.Decode(&w); err != nil {
					return err
				}
				if !more(w.history()) {
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
