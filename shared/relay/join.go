package relay

import (
	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

// joinAnswered takes the remote site's answer to a joining: the two are a pair, or they are not and nothing more is sent.
func joinAnswered(p *pair.Pair, a bridge.Ack) {
	switch {
	case p.State.Join == nil || p.Meeting():
	case p.Head.Remote.ID != "":
		p.State.Join = nil
	case a.Outcome != bridge.Applied && a.Revision >= p.Head.Revision:
		p.Head.Status = pair.Stopped
		p.Note(pair.Event{What: "not paired", Note: a.Reason})
	}
}
