package rule

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// bombs are expressions that would take for ever or fill the memory if nothing stopped them.
var bombs = map[string]string{
	"steps":         `count(1..5000, any(1..5000, # < 0))`,
	"nested steps":  `sum(1..300, sum(1..300, count(1..300, # > 0)))`,
	"range":         `len2(1..100000000)`,
	"doubling":      `reduce(1..1000, #acc + #acc, "xxxxxxxxxxxxxxxx")`,
	"untyped":       `reduce(1..1000, text(#acc) + #acc, replica.x ?? "xxxxxxxxxxxxxxxx")`,
	"replace":       `let a = replace(issue.summary, "i", issue.description); let b = replace(a, "e", a); let c = replace(b, "e", b); let d = replace(c, "e", c); let e = replace(d, "e", d); replace(e, "e", e)`,
	"quotes":        `reduce(1..1000, quote(#acc + #acc), "x")`,
	"join":          `reduce(1..1000, join([#acc, #acc, #acc], #acc), "xyxy")`,
	"with":          `reduce(1..1000, with(#acc, map(1..1000, text(#) + text(#index))), ["x"])`,
	"search":        `count(1..9000, upper(issue.description) contains "q")`,
	"sharing":       deepShare(40) + `x40`,
	"shared text":   deepShare(40) + `text(x40)`,
	"shared equal":  deepShare(40) + `x40 == [x39, x39] ? "a" : "b"`,
	"shared joined": deepShare(40) + `join(x40, ",")`,
	"pattern":       `count(1..9000, issue.description matches "(a|a|aa)+$")`,
	"shared in":     deepShare(40) + `[x40] in [[x39, x39]] ? "a" : "b"`,
	"map":           `map(1..5000, 1..5000)`,
	"sort":          `sort(map(1..5000, 5000 - #))`,
}

// deepShare builds a list whose written form has 2^n elements.
func deepShare(n int) string {
	var b strings.Builder
	b.WriteString("let x0 = [1, 1]; ")
	for i := 1; i <= n; i++ {
		b.WriteString("let x" + itoa(i) + " = [x" + itoa(i-1) + ", x" + itoa(i-1) + "]; ")
	}
	return b.String()
}

func itoa(i int) string { s, _ := scalar(i); return s }

func TestNoExpressionEscapesItsBudget(t *testing.T) {
	for name, source := range bombs {
		t.Run(name, func(t *testing.T) {
			source = strings.ReplaceAll(source, "len2(", "count(")
			s, ps := Parse("bomb.yaml", []byte("version: 1\nfields:\n  - key: x\n    out: |\n      "+source+"\n"))
			if ps != nil {
				t.Fatal(ps)
			}
			r, ps := s.Bind(privateSite())
			if ps != nil {
				t.Logf("refused when saved: %v", ps)
				return
			}
			issue := supportIssue()
			issue.Fields["description"] = strings.Repeat("a", 30000) + "!"
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			rep, err := r.Outgoing(Env{Issue: issue})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			out := rep.Fields["x"]
			t.Logf("%v, %d KB: %v %.60s %v", took, (after.TotalAlloc-before.TotalAlloc)>>10, out.Err, out.Value, len(out.Set))
			if took > 5*time.Second || after.TotalAlloc-before.TotalAlloc > 400<<20 {
				t.Errorf("took %v and %d MB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
			}
			if out.Err != nil && !strings.HasPrefix(out.Err.Error(), "bomb.yaml:") {
				t.Errorf("the error does not say where: %v", out.Err)
			}
		})
	}
}

// TestManyRowsShareOneBudget: what one expression may cost, a thousand may not cost together, nor one for a thousand elements.
func TestManyRowsShareOneBudget(t *testing.T) {
	const slow = `text(issue.description matches "(a|a|aa)+$")`
	rows := strings.Builder{}
	for i := range 1000 {
		rows.WriteString("  - key: x" + itoa(i) + "\n    out: '" + slow + "'\n")
	}
	for name, file := range map[string]string{
		"rows":     rows.String(),
		"elements": "  - field: labels\n    out: 'value + " + slow + "'\n",
	} {
		r := mustBind(t, "version: 1\nfields:\n"+file, privateSite())
		issue := supportIssue()
		issue.Fields["description"] = strings.Repeat("a", 30000) + "!"
		var labels []string
		for i := range 1000 {
			labels = append(labels, "l"+itoa(i))
		}
		issue.Fields["labels"] = labels
		began := time.Now()
		rep, err := r.Outgoing(Env{Issue: issue})
		if took := time.Since(began); err != nil || took > 20*time.Second {
			t.Errorf("%s: took %v, %v", name, took, err)
		}
		last := rep.Fields["x999"].Err
		if name == "elements" {
			last = rep.Fields["labels"].Err
		}
		if last == nil || !strings.Contains(last.Error(), "all the time there is") {
			t.Errorf("%s: the last one says %v", name, last)
		}
		if o := rep.Fields["summary"]; o.Err != nil {
			t.Errorf("%s: a row without an expression failed: %v", name, o.Err)
		}
	}
}

func TestBudgetsAreCheckedWhenSaved(t *testing.T) {
	for name, source := range map[string]string{
		"long":  strings.Repeat("1 + ", maxExpression) + "1",
		"nodes": strings.Repeat("1 + ", maxNodes) + "1",
		"deep":  strings.Repeat("(", 1500) + "1" + strings.Repeat(")", 1500),
	} {
		ps := Check("f", []byte("version: 1\nfields:\n  - key: x\n    out: "+source+"\n"), privateSite())
		if name != "deep" && len(ps) == 0 {
			t.Errorf("%s: nothing was said", name)
		}
	}
}

// TestTheDefaultRuleSetIsFast counts what one evaluation allocates; BenchmarkDefaultOutgoing has the time.
func TestTheDefaultRuleSetIsFast(t *testing.T) {
	r := mustBind(t, string(DefaultSource()), Schema{})
	env := Env{Issue: supportIssue()}
	n := testing.AllocsPerRun(100, func() {
		if _, err := r.Outgoing(env); err != nil {
			t.Fatal(err)
		}
	})
	if n > 50 {
		t.Errorf("one evaluation of the default rule set allocates %v times", n)
	}
}
