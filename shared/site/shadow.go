package site

import (
	"context"
	"encoding/json"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// A Shadow is what would have become of one issue while a connection only shows what it would do.
type Shadow struct {
	Issue bridge.Ref `json:"issue"` // of the other site; of ours, where it was not sent
	At    int64      `json:"at"`    // hub ms
	// Kept is why our own issue would not be sent.
	Kept string `json:"kept,omitempty"`
	// Preview is what the other site's change would do here.
	Preview *bridge.Preview `json:"preview,omitempty"`
}

// shadowKept is how long a report is kept.
const shadowKept = 30 * 24 * time.Hour

func shadowKey(connection string, s Shadow) store.Key {
	kind := "would/"
	if s.Kept != "" {
		kind = "kept/"
	}
	return store.Key{Part: "shadow/" + connection, Sort: kind + s.Issue.ID}
}

// Shadow keeps what would have been done; the latest of an issue counts.
func (s *Site) Shadow(ctx context.Context, connection string, sh Shadow) error {
	sh.At = s.Now()
	body, err := json.Marshal(sh)
	if err != nil {
		return err
	}
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: shadowKey(connection, sh), Body: body, Expires: time.UnixMilli(sh.At).Add(shadowKept)}))
}

// Shadows lists what would have been done.
func (s *Site) Shadows(ctx context.Context, connection string) ([]Shadow, error) {
	docs, err := s.Book.Store.List(ctx, "shadow/"+connection, store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]Shadow, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
