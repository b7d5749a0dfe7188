package sim

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

// What follows looks at the two Jiras alone: which edits our writes put an end to, and whether the edit that was written
// knew of them. The product's own idea of that is not asked.

// told is one item of a field in a Jira's changelog.
type told struct {
	id      int64
	from    string
	to      string
	carries bridge.Edit // the remote edit that our write says it puts there
	ours    bool
}

// followed are the fields whose replica key is the name in the changelog.
var followed = []string{"summary", "description", "priority", "duedate", "status", "assignee"}

// changelog is the changelog of an issue, by field.
func (h *half) changelog(id string) map[string][]told {
	var is struct {
		Changelog struct {
			Histories []struct {
				ID    string
				Items []struct{ Field, FromString, ToString string }
				Meta  struct{ ExtraData map[string]string } `json:"historyMetadata"`
			}
		}
	}
	h.call("admin", "GET", "/rest/api/2/issue/"+id+"?fields=summary&expand=changelog", nil, &is)
	out := map[string][]told{}
	for _, hist := range is.Changelog.Histories {
		n, err := strconv.ParseInt(hist.ID, 10, 64)
		must(err)
		var edits map[string]string
		_ = json.Unmarshal([]byte(hist.Meta.ExtraData["edits"]), &edits) // nothing there: somebody's edit
		for _, it := range hist.Items {
			field := strings.ToLower(it.Field)
			e, ours := bridge.ParseEdit(edits[field])
			out[field] = append(out[field], told{n, it.FromString, it.ToString, e, ours})
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b told) int { return int(a.id - b.id) })
	}
	return out
}

// checkOverwritten: where our write puts an end to an edit that the written edit did not know, a history has both values.
func (w *world) checkOverwritten(say sayer, name string, h *half, here, there *pair.Pair) {
	if !w.o.metadata || w.restored {
		return // the changelogs do not say whose write is what
	}
	mine, theirs := h.changelog(here.Head.Local.ID), h.other().changelog(there.Head.Local.ID)
	var noted []pair.Event
	for side, p := range map[*half]*pair.Pair{h: here, h.other(): there} {
		events, err := side.site.Book.History(context.Background(), connection, p.Head.Local.ID, 0)
		must(err)
		noted = append(noted, events...)
	}
	for _, field := range followed {
		if w.twisted[field] {
			continue // edits that a row does not take are overwritten without a word
		}
		for i, it := range mine[field] {
			if i == 0 || !it.ours || mine[field][i-1].ours || it.carries.Seq == 0 {
				continue
			}
			edit := bridge.Edit{Site: h.role, Seq: mine[field][i-1].id}
			if knew(theirs[field], it.carries.Seq, edit, mine[field][i-1].to) {
				continue
			}
			if !slices.ContainsFunc(noted, func(e pair.Event) bool {
				return e.What == "conflict" && e.Field == field && slices.Contains(strings.Fields(e.Edit), edit.String()) && e.Old != "" && e.New != ""
			}) {
				say("%s: %s: %q of the %s site (%s) was overwritten by %s, which did not know it, and no history says so", name, field, mine[field][i-1].to, h.role, edit, it.carries)
			}
		}
	}
}

// knew reports whether the edit with that id was made where the other site's edit, or a later one, had been put before; or
// where its value had been shown anyway.
func knew(items []told, seq int64, edit bridge.Edit, value string) bool {
	return slices.ContainsFunc(items, func(it told) bool {
		return it.id < seq && it.ours && it.carries.Site == edit.Site && it.carries.Seq >= edit.Seq ||
			it.id <= seq && (it.from == value || it.to == value)
	})
}
