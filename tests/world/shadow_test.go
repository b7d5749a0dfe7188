package world

import (
	"context"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// TestShadowWritesNothing: a connection whose rules say shadow on one side works everything out, writes to no Jira, says what
// it would have done, and goes live when other rules are published.
func TestShadowWritesNothing(t *testing.T) {
	for _, shadowed := range []bridge.Role{bridge.Public, bridge.Private} {
		sides(t, Options{
			PublicRules:  Everything(PublicProject) + map[bool]string{true: "method: shadow\n"}[shadowed == bridge.Public],
			PrivateRules: Everything(PrivateProject) + map[bool]string{true: "method: shadow\n"}[shadowed == bridge.Private],
		}, func(t *testing.T, w *World, here, there *Half) {
			key := here.Create("one", map[string]any{"priority": map[string]string{"name": "High"}})
			here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "hello"}, nil)
			w.Settle()
			here.Edit(key, map[string]any{"summary": "two"})
			w.Settle()
			if n := here.writes() + there.writes(); n != 0 || there.issueCount() != 0 || here.Twin(key) != "" {
				t.Fatalf("shadow of the %s side: %d writes, %d issues over there", shadowed, n, there.issueCount())
			}
			ctx := context.Background()
			report, err := there.Site.Shadows(ctx, Connection)
			there.must(err)
			if len(report) != 1 || report[0].Issue.Key != key || report[0].Preview == nil || report[0].Preview.Outcome != bridge.Applied || report[0].Preview.Type != "Task" {
				t.Fatalf("the report: %+v", report)
			}
			if fields := fieldNames(report[0].Preview.Fields); !strings.Contains(fields, "Summary") || !strings.Contains(fields, "Priority") {
				t.Errorf("the report names the fields %s", fields)
			}
			half := map[bridge.Role]*Half{bridge.Public: w.Public, bridge.Private: w.Private}[shadowed]
			half.mend(Everything(half.Demo.ProjectKey))
			there.mend(Everything(there.Demo.ProjectKey))
			w.Settle()
			if twin := here.Twin(key); twin == "" || there.Field(twin, "summary") != `"two"` {
				t.Errorf("going live made no twin: %q", twin)
			}
		})
	}
}

func fieldNames(fields []bridge.PreviewField) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Field)
	}
	return strings.Join(out, ",")
}
