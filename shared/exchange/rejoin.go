package exchange

import "time"

// A state that was lost, or restored from a backup, is recognised by counts that both halves keep durably and tell each
// other. The poller counts its messages in which something flowed, before it sends them; the count its state held when
// this process opened it (Identity.Resumes) is lower than what the hub has seen only if the state is older than that
// message. The hub counts the exchanges it admitted, in the same write that admits them; what a poller remembers of that
// count is higher than the hub's own only if the hub's state is older.

// restored reports whether one of the two states is not the one it was in the last exchange.
func (s *session) restored(in *Request) bool {
	if in.Knows.Hub.Number > s.Count {
		return true
	}
	newcomer := s.Holder.Instance != "" && in.From.Instance != s.Holder.Instance
	return newcomer && (in.From.State != s.Holder.State || in.From.Resumes < s.Sent || in.Status.Rules < s.Rules)
}

// rejoin keeps count, and asks for everything to be offered again, by both sides, until the poller has said that it does.
// A request is named by the time of its making, so that a hub restored once more does not take an old one for it.
func (s *session) rejoin(in *Request, now time.Time) {
	if s.Rejoin != 0 && in.Knows.Rejoined == s.Rejoin {
		s.Rejoin = 0
	}
	if s.restored(in) {
		s.Rejoin = now.UnixMilli()
	}
	s.Count = max(s.Count, in.Knows.Hub.Number) + 1
	s.Rules = max(s.Rules, in.Status.Rules)
	for _, c := range in.Changes {
		s.Rules = max(s.Rules, c.Rules)
	}
	if s.Holder.Instance != in.From.Instance {
		s.Sent = in.Count
	}
	s.Sent = max(s.Sent, in.Count)
}
