package sim

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

// step is one thing that happens. Everything random about it follows from its own seed, so that other steps can be left
// away without changing it.
type step struct {
	do   string
	seed uint64
}

// kinds are the steps with their weights and what carries them out.
var kinds = []struct {
	name   string
	weight int
	do     func(*world, *rand.Rand)
}{
	{"edit", 22, (*world).edit},
	{"transition", 8, (*world).transition},
	{"create", 4, (*world).create},
	{"comment", 8, (*world).comment},
	{"edit comment", 4, (*world).editComment},
	{"delete comment", 3, (*world).deleteComment},
	{"restrict comment", 2, (*world).restrictComment},
	{"log work", 4, (*world).log},
	{"edit worklog", 4, (*world).editLog},
	{"attach", 4, (*world).attach},
	{"detach", 2, (*world).detach},
	{"sub-task", 4, (*world).subtask},
	{"move sub-task", 2, (*world).reparent},
	{"link", 4, (*world).link},
	{"unlink", 3, (*world).unlink},
	{"delete issue", 1, (*world).deleteIssue},
	{"move issue", 1, (*world).moveIssue},
	{"publish rules", 2, (*world).publishRules},
	{"change policy", 1, (*world).changePolicy},

	{"deliver", 14, (*world).deliverSome},
	{"lose", 3, (*world).lose},
	{"double", 3, (*world).double},
	{"hold back", 2, (*world).holdBack},
	{"search private", 10, func(w *world, _ *rand.Rand) { w.search(w.private) }},
	{"search public", 3, func(w *world, _ *rand.Rand) { w.search(w.public) }},
	{"work public", 12, func(w *world, r *rand.Rand) { w.public.work(1 + r.IntN(4)) }},
	{"work private", 12, func(w *world, r *rand.Rand) { w.private.work(1 + r.IntN(4)) }},
	{"exchange", 12, func(w *world, _ *rand.Rand) { w.exchange() }},
	{"due", 3, func(w *world, _ *rand.Rand) { w.due(w.public); w.due(w.private) }},
	{"everything", 6, func(w *world, _ *rand.Rand) { w.round() }},
	{"sleep", 10, (*world).sleep},

	{"store fails", 4, (*world).failStore},
	{"queue fails", 1, (*world).failQueue},
	{"jira fails", 7, (*world).failJira},
	{"crash", 6, (*world).shoot},
	{"hub fails", 4, (*world).failHub},
	{"meanwhile", 5, (*world).meanwhile},
	{"clock", 1, (*world).jump},
	{"away", 1, (*world).away},
	{"backup", 4, (*world).backup},
	{"restore", 2, (*world).restore},
	{"rotate keys", 1, (*world).rotate},
	{"firewall", 1, func(w *world, _ *rand.Rand) { w.cut = !w.cut; w.say("the firewall lets through: %t", !w.cut) }},
}

// plan makes the steps of a seed.
func plan(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 2))
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	steps := []step{{"create", r.Uint64()}}
	for range 8 + r.IntN(40) {
		n := r.IntN(total)
		for _, k := range kinds {
			if n -= k.weight; n < 0 {
				steps = append(steps, step{k.name, r.Uint64()})
				break
			}
		}
	}
	return steps
}

// do carries out one step, a little later than the one before.
func (w *world) do(s step) {
	r := rand.New(rand.NewPCG(s.seed, 3))
	time.Sleep(time.Duration(1+r.IntN(300)) * time.Millisecond)
	w.sort()
	for _, k := range kinds {
		if k.name == s.do {
			w.say("[%s]", s.do)
			w.steps++
			k.do(w, r)
		}
	}
}

func (w *world) side(r *rand.Rand) *half { return w.halves()[r.IntN(2)] }

func (w *world) deliverSome(r *rand.Rand) {
	for range 1 + r.IntN(4) {
		if n := len(w.mail.waiting); n > 0 {
			w.deliver(r.IntN(n), false)
		}
	}
}

func (w *world) double(r *rand.Rand) {
	if n := len(w.mail.waiting); n > 0 {
		i := r.IntN(n)
		delete(w.mail.waiting[i].header, "X-Atlassian-Webhook-Identifier") // as another event that says the same
		w.deliver(i, true)
	}
}

func (w *world) lose(r *rand.Rand) {
	if n := len(w.mail.waiting); n > 0 {
		i := r.IntN(n)
		w.say("a webhook is lost")
		w.mail.waiting = append(w.mail.waiting[:i], w.mail.waiting[i+1:]...)
	}
}

// holdBack delays a webhook by half an hour, as Jira does whose first tries fail.
func (w *world) holdBack(r *rand.Rand) {
	if n := len(w.mail.waiting); n > 0 {
		i := r.IntN(n)
		l := w.mail.waiting[i]
		l.due = time.Now().Add(time.Duration(25+r.IntN(10)) * time.Minute)
		w.say("a webhook is late")
		w.mail.late = append(w.mail.late, l)
		w.mail.waiting = append(w.mail.waiting[:i], w.mail.waiting[i+1:]...)
	}
}

// away stops the poller for days, while the public site works on.
func (w *world) away(r *rand.Rand) {
	days := 1 + r.IntN(4)
	w.say("the poller is away for %d days", days)
	for range 2 * days {
		time.Sleep(12 * time.Hour)
		w.sort()
		for len(w.mail.waiting) > 0 {
			w.deliver(0, false)
		}
		w.search(w.public)
		w.due(w.public)
		w.public.work(10)
	}
}

// rotate gives the hub another key, or the poller. A poller where that failed keeps its key: the hub takes both until the new one is used.
func (w *world) rotate(r *rand.Rand) {
	w.public.saved, w.private.saved = nil, nil // an older one does not know the keys: that takes a new invitation
	next, err := sign.NewKey(rand.NewChaCha8([32]byte{byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}))
	must(err)
	if r.IntN(2) == 0 {
		w.say("the hub gets another key")
		w.hubKeys = append([]sign.Key{next}, w.hubKeys...)
		w.public.start()
		return
	}
	w.survive(w.private, func() {
		err := w.private.client.Rotate(context.Background(), next)
		if err == nil {
			err = w.private.loop.Book.SetKey(context.Background(), connection, next)
		}
		if err == nil {
			w.private.client.Key = next
		}
		w.say("the poller has announced another key: %v", err)
	})
}

// backup saves what one half, or either, has stored.
func (w *world) backup(r *rand.Rand) {
	h := w.side(r)
	w.say("%s: a backup", h.role)
	h.saved, h.was = h.disk.All(), h.twist
}

// restore puts the backup back, as it was: what was queued is gone. Where Jira does not say whose write is what, a state that
// forgets its writes takes them for edits: that is a limit of the product.
func (w *world) restore(r *rand.Rand) {
	h := w.side(r)
	if h.saved == nil || !w.o.metadata {
		return
	}
	w.say("%s: the backup is restored", h.role)
	h.putBack()
}

// putBack restores the backup. Where no exchange came after it to tell, the one who does it says so.
func (h *half) putBack() {
	h.w.restored = true
	shows := h.w.shows(h)
	h.disk.Memory, h.line = h.newDisk(h.w.o), h.newLine(h.w.o)
	h.disk.Memory.Fill(h.saved)
	switch {
	case shows:
	case h.role == bridge.Public:
		must(exchange.Book{Store: h.disk.Memory}.Restored(context.Background(), connection, time.Now()))
	default:
		h.states++
	}
	h.twist = h.was
	h.start()
}

// shows reports whether the halves can tell from what they count that the backup of one is older than the other knows.
func (w *world) shows(h *half) bool {
	var then, now struct {
		Count, Sent int64
		Hub         struct{ Number int64 }
	}
	read := func(docs []store.Doc, part string, into any) {
		for _, d := range docs {
			if d.Key.Part == part {
				must(json.Unmarshal(d.Body, into))
			}
		}
	}
	session := func(docs []store.Doc) []store.Doc {
		return slices.DeleteFunc(docs, func(d store.Doc) bool { return d.Key.Sort != "session" })
	}
	if h.role == bridge.Private {
		read(h.saved, "round", &then)
		read(session(w.public.disk.All()), "exchange/"+connection, &now)
		return now.Sent > then.Count
	}
	read(session(slices.Clone(h.saved)), "exchange/"+connection, &then)
	read(w.private.disk.All(), "round", &now)
	return now.Hub.Number > then.Count
}

func (w *world) sleep(r *rand.Rand) {
	d := time.Duration(r.IntN(5000)) * time.Millisecond
	switch r.IntN(8) {
	case 0:
		d *= 20
	case 1:
		d *= 400
	}
	w.say("%v pass", d)
	time.Sleep(d)
}

func (w *world) failStore(r *rand.Rand) {
	h := w.side(r)
	f := failure{r.IntN(8), []store.Fault{store.FaultLost, store.FaultAfter}[r.IntN(2)]}
	w.say("%s: store write %d from now fails (%s)", h.role, f.in+1, faultWord(f.kind))
	h.disk.fails = append(h.disk.fails, f)
}

func (w *world) failQueue(r *rand.Rand) {
	h := w.side(r)
	f := failure{r.IntN(4), []store.Fault{store.FaultLost, store.FaultAfter}[r.IntN(2)]}
	w.say("%s: queue write %d from now fails (%s)", h.role, f.in+1, faultWord(f.kind))
	h.line.fails = append(h.line.fails, f)
}

func faultWord(f store.Fault) string {
	if f == store.FaultLost {
		return "not done"
	}
	return "done all the same"
}

func (w *world) failJira(r *rand.Rand) {
	h := w.side(r)
	m := mishap{in: r.IntN(4), writes: r.IntN(4) > 0, kind: mishaps[r.IntN(len(mishaps))]}
	if !m.writes && (m.kind == conflict || m.kind == badAfter) {
		m.kind = bad500
	}
	w.say("%s: call %d from now (writes only: %t) meets with: %s", h.role, m.in+1, m.writes, m.kind)
	h.wire.mishaps = append(h.wire.mishaps, m)
}

func (w *world) shoot(r *rand.Rand) {
	h := w.side(r)
	if r.IntN(4) == 0 {
		w.say("%s: crash", h.role)
		h.start()
		return
	}
	h.gun.left = 1 + r.IntN(16)
	w.say("%s: crash in %d steps", h.role, h.gun.left)
}

func (w *world) failHub(r *rand.Rand) {
	kind := []string{swallowed, answerLost}[r.IntN(2)]
	w.say("the next exchange: %s", kind)
	w.hubWire.mishaps = append(w.hubWire.mishaps, mishap{kind: kind})
}

// meanwhile has somebody edit in the middle of a call of ours.
func (w *world) meanwhile(r *rand.Rand) {
	h := w.side(r)
	inner := rand.New(rand.NewPCG(r.Uint64(), 4))
	what := []func(*half, *rand.Rand){(*half).editFields, (*half).editFields, (*half).move, (*half).addComment}[r.IntN(4)]
	m := mishap{in: r.IntN(3), writes: r.IntN(3) > 0, kind: []string{meanwhile, afterwards}[r.IntN(2)], do: func() { what(h, inner) }}
	w.say("%s: %s call %d from now (writes only: %t)", h.role, m.kind, m.in+1, m.writes)
	h.wire.mishaps = append(h.wire.mishaps, m)
}

func (w *world) jump(r *rand.Rand) {
	by := time.Duration(r.IntN(180)-90) * time.Second
	h := w.side(r)
	if r.IntN(2) == 0 {
		h.jiraSkew += by
		w.say("%s: Jira's clock jumps by %v", h.role, by)
		return
	}
	w.public.skew += by
	w.say("the hub's clock jumps by %v", by)
}
