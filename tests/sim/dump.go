package sim

import (
	"context"
	"encoding/json"
	"fmt"
)

// dump prints what both halves know of their pairs.
func (w *world) dump() {
	for _, h := range w.halves() {
		for id, p := range h.pairs() {
			fmt.Printf("=== %s %s %s\n", h.role, id, state(p))
			for key, f := range p.State.Fields {
				raw, _ := json.Marshal(f)
				fmt.Printf("  %s: %s\n", key, raw)
			}
			events, _ := h.site.Book.History(context.Background(), connection, id, 0)
			for _, e := range events {
				raw, _ := json.Marshal(e)
				fmt.Printf("  - %s\n", raw)
			}
		}
	}
}
