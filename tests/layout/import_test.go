package layout

import (
	"slices"
	"strings"
	"testing"
)

// layers says who may import whom under shared/: a package imports packages of lower layers only, and its own
// subpackages. Data, not calls, joins two flows.
var layers = map[string]int{
	"bridge": 0, // the words

	"awscall": 1, // signed calls to AWS, for drivers and mains
	"config":  1, // files; read by mains
	"merge":   1, // pure decisions
	"rule":    1,
	"scan":    1, // a program that sees attachments; for mains
	"several": 1, // at the same time
	"sign":    1,
	"walk":    1, // over JSON

	"store":  2, // ports and their drivers
	"queue":  2,
	"blob":   2,
	"secret": 2,
	"jira":   2, // Jira clients; know nothing of sync

	"pair":     3, // pair state, built once on the store
	"exchange": 3, // the wire: messages, the hub's handler, the poller's client; what they mean for pairs is a Backend's
	"notify":   3, // tells people; knows nothing of sync
	"site":     4, // one Jira as the flows see it
	"observe":  5, // from what Jira shows to entries; used by several flows
	"relay":    5, // between pairs and wire; used by both halves
	"work":     5, // the queue's consumers

	"ingest":    flow,
	"publish":   flow,
	"apply":     flow,
	"reconcile": flow,
	"poll":      flow,
}

const flow = 6

// confined are the modules that only the named folders import: one place to change when a library goes.
var confined = map[string][]string{
	"github.com/andygrunwald/go-jira":       {"shared/jira"},
	"github.com/remitly-oss/httpsig-go":     {"shared/sign"},
	"github.com/expr-lang/expr":             {"shared/rule"},
	"github.com/tidwall/gjson":              {"shared/walk"},
	"github.com/spf13/cobra":                {"cmd"},
	"github.com/goccy/go-yaml":              {"shared/config", "shared/rule"},
	"github.com/santhosh-tekuri/jsonschema": {"shared/config", "shared/rule"},
	"modernc.org/sqlite":                    {"shared/store", "shared/queue"},
	"github.com/aws/aws-sdk-go-v2":          {"shared/awscall", "shared/store", "shared/queue", "shared/blob", "shared/secret", "functions", "cmd"},
	"github.com/aws/aws-lambda-go":          {"functions"},
}

// impure are the standard packages a pure decision has no use for.
var impure = []string{"os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "database/sql"}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if to, ours := strings.CutPrefix(imp, module+"/"); ours {
				if why := forbidden(p.path(), to); why != "" {
					t.Errorf("%s imports %s: %s", p.path(), to, why)
				}
			}
		}
	}
}

// forbidden says why a package may not import another one of ours, or "".
func forbidden(from, to string) string {
	head, tail, _ := strings.Cut(from, "/")
	switch {
	case within(from, "simulator") != within(to, "simulator") && !within(from, "simulator"):
		if head == "cmd" || head == "tests" {
			return ""
		}
		return "only cmd and tests may use the simulator"
	case within(from, "simulator") && !within(to, "simulator"):
		return "the simulator shares no code with us, or one misreading would hide another"
	case within(from, "simulator"), head == "tests":
		return ""
	case within(to, "cmd") && !within(from, "cmd"), within(to, "functions") && !within(from, "functions"), within(to, "tests"):
		return "nothing imports a main or the tests"
	case head == "cmd", head == "functions":
		return ""
	case driver(to) && !(driver(from) && related(from, to)):
		return "drivers are imported by mains only"
	case head == "console":
		return ""
	case within(to, "console"):
		return "only mains mount the console"
	case head == "shared":
		return sharedRule(tail, strings.TrimPrefix(to, "shared/"))
	}
	return ""
}

func sharedRule(from, to string) string {
	a, b := first(from), first(to)
	la, known := layers[a]
	lb, alsoKnown := layers[b]
	switch {
	case !known || !alsoKnown:
		return "the layer of a package is missing in tests/layout: say where it belongs"
	case a == b || lb < la, driver("shared/"+from) && lb <= la && !driver("shared/"+to):
		return ""
	case la == flow && lb == flow:
		return "flows never import each other; data joins them"
	}
	return "imports point down only"
}

func TestTheRulesForbid(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"shared/merge", "shared/bridge", true},
		{"shared/bridge", "shared/merge", false},
		{"shared/publish", "shared/apply", false},
		{"shared/publish", "shared/pair", true},
		{"shared/pair", "shared/store", true},
		{"shared/pair", "shared/store/sqlitestore", false},
		{"shared/store/sqlitestore", "shared/store", true},
		{"shared/store/sqlitestore", "shared/store/sqlite", true},
		{"shared/queue/sqlitequeue", "shared/store/sqlitestore", false},
		{"shared/store/sqlitestore", "shared/queue", true}, // one file is both
		{"shared/store", "shared/queue", false},
		{"shared/site", "shared/blob/folderblob", false},
		{"cmd/drawbridge", "shared/store/sqlitestore", true},
		{"functions/work", "shared/apply", true},
		{"shared/poll", "cmd/drawbridge", false},
		{"simulator", "simulator/jql", true},
		{"simulator", "shared/bridge", false},
		{"shared/jira", "simulator", false},
		{"tests/e2e", "simulator", true},
		{"console", "shared/pair", true},
		{"shared/poll", "console", false},
		{"shared/novelty", "shared/bridge", false},
	} {
		if got := forbidden(c.from, c.to); (got == "") != c.ok {
			t.Errorf("%s importing %s: %q, allowed should be %v", c.from, c.to, got, c.ok)
		}
	}
}

func TestSimulatorStandsAlone(t *testing.T) {
	for _, p := range packages(t) {
		if !within(p.path(), "simulator") {
			continue
		}
		for _, imp := range p.Imports {
			if strings.Contains(first(imp), ".") {
				t.Errorf("%s imports %s: the simulator uses the standard library only", p.path(), imp)
			}
		}
		for _, imp := range p.all() {
			if strings.HasPrefix(imp, module+"/") && !within(strings.TrimPrefix(imp, module+"/"), "simulator") {
				t.Errorf("%s or its test imports %s: the simulator shares no code with us", p.path(), imp)
			}
		}
	}
}

func TestModulesStayConfined(t *testing.T) {
	for _, p := range packages(t) {
		if within(p.path(), "tests") {
			continue
		}
		for _, imp := range p.Imports {
			for mod, folders := range confined {
				if within(imp, mod) && !slices.ContainsFunc(folders, func(f string) bool { return within(p.path(), f) }) {
					t.Errorf("%s imports %s, which is confined to %s", p.path(), imp, strings.Join(folders, ", "))
				}
			}
			if p.path() == "shared/bridge" && strings.Contains(imp, ".") {
				t.Errorf("shared/bridge imports %s: the words need the standard library only", imp)
			}
		}
	}
}

func TestDecisionsArePure(t *testing.T) {
	for _, p := range packages(t) {
		if !within(p.path(), "shared/merge") && !within(p.path(), "shared/rule") && p.path() != "shared/bridge" {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(impure, imp) {
				t.Errorf("%s imports %s: a decision is a pure function of values", p.path(), imp)
			}
		}
	}
}

// driver reports whether the package is a driver of a port: a folder below store, queue or blob that is not the
// conformance suite.
func driver(path string) bool {
	for _, port := range []string{"shared/store/", "shared/queue/", "shared/blob/"} {
		if rest, ok := strings.CutPrefix(path, port); ok {
			return !strings.HasSuffix(first(rest), "test")
		}
	}
	return false
}

// related reports whether both packages belong to the same port.
func related(a, b string) bool {
	return strings.Join(strings.SplitN(a+"//", "/", 3)[:2], "/") == strings.Join(strings.SplitN(b+"//", "/", 3)[:2], "/")
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func first(path string) string {
	head, _, _ := strings.Cut(path, "/")
	return head
}
