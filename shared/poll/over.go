package poll

import (
	"context"

	"drawbridge/shared/bridge"
)

// over reports that the connection has ended and the hub knows: it answered, or refuses us because it has forgotten our key.
// Our own key is forgotten then.
func (l *Loop) over(ctx context.Context, failed error) bool {
	l.mu.Lock()
	told := l.told
	l.mu.Unlock()
	if told != bridge.Ended || failed != nil && bridge.NameOf(failed) != "hub-refused" {
		return false
	}
	if err := l.Book.Forget(ctx, l.Client.Connection); err != nil {
		l.Log.Warn("the key of an ended connection could not be forgotten", "connection", l.Client.Connection, "error", err)
		return false
	}
	l.Log.Info("connection has ended", "connection", l.Client.Connection)
	return true
}
