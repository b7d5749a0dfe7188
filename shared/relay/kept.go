package relay

import (
	"context"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// view is what an exchange has to know besides pairs.
type view struct {
	connection *bridge.Connection // nil: there is none
	rules      int64              // number of the rules in force
	contracts  site.Contracts
	request    int64 // the last rejoin, and whether all pairs are marked
	marked     bool
	quiet      bool // there are neither questions of ours nor issues to ask for again
}

// Kept remembers views, so that an idle exchange reads one small document instead of six. A view holds as long as nobody
// has written news of its connection (see pair.Book.News), which every exchange asks, and a minute at most, for what people
// change by hand in the AWS console. A nil Kept keeps nothing.
type Kept struct {
	mu    sync.Mutex
	views map[string]keptView
}

type keptView struct {
	view
	news int64
	at   int64 // hub ms
}

const (
	maxKept  = 1000 // bounds the memory a hub of very many connections takes
	keptTime = time.Minute
)

func (k *Kept) get(connection string, news, now int64) (view, bool) {
	if k == nil || news == 0 {
		return view{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.views[connection]
	return v.view, ok && v.news == news && now-v.at < keptTime.Milliseconds()
}

func (k *Kept) put(connection string, v view, news, now int64) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.views == nil || len(k.views) >= maxKept {
		k.views = map[string]keptView{}
	}
	k.views[connection] = keptView{v, news, now}
}

// view reads it, or remembers it. The news are read first: what is read after them is as new or newer.
func (h *Hub) view(ctx context.Context, connection string) (view, error) {
	book, now := h.Site.Book, h.Site.Now()
	news, err := book.News(ctx, connection)
	if err != nil {
		return view{}, err
	}
	if v, ok := h.Kept.get(connection, news, now); ok {
		return v, nil
	}
	var v view
	if v.connection, err = book.Connection(ctx, connection); err != nil {
		return v, err
	}
	if v.rules, err = h.Site.CurrentNumber(ctx, connection); err != nil {
		return v, err
	}
	if v.contracts, err = h.Site.Contracts(ctx, connection); err != nil {
		return v, err
	}
	if v.request, v.marked, err = book.Rejoining(ctx, connection); err != nil {
		return v, err
	}
	asks, err := h.Site.Asks(ctx, connection, exchange.MaxAsks)
	if err != nil {
		return v, err
	}
	again, err := book.Again(ctx, connection, 1)
	if err != nil {
		return v, err
	}
	v.quiet = len(asks)+len(again) == 0
	h.Kept.put(connection, v, news, now)
	return v, nil
}
