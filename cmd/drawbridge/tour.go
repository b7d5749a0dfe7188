package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// A step is one thing the tour shows: it does it, looks at both Jiras, and fails if what it sees is not so.
type step struct {
	name string
	do   func(*guide) error
}

// A guide leads the tour through the running demo.
type guide struct {
	*demo
	ctx     context.Context
	pub     *rest
	priv    *rest
	pubKey  string // the pair most steps work on
	privKey string
}

// steps are the tour, in its order; a step may rest on the pair the first one made, and on nothing else of others.
var steps = slices.Concat(stepsFields, stepsMembers, stepsOperating, stepsCase)

// notOnAWS are steps that have no meaning where the hub is a stack, and why.
var notOnAWS = map[string]string{
	"the hub is killed in the middle: nothing is lost, nothing doubled": "on AWS no process of the hub lives longer than one request; queue, table and bucket are AWS's",
}

// tour walks through all steps and stops at the first thing that is not so.
func (d *demo) tour(ctx context.Context, only string) error {
	g := &guide{demo: d, ctx: ctx, pub: &rest{demoJira: d.files.public(), ctx: ctx}, priv: &rest{demoJira: d.files.private(), ctx: ctx}}
	fmt.Fprintf(d.s.out, "%s\n", d.s.bold("A tour of what Drawbridge does"))
	began := time.Now()
	n := 0
	for i, s := range steps {
		if i > 0 && only != "" && !strings.Contains(s.name, only) {
			continue
		}
		n++
		fmt.Fprintf(d.s.out, "\n%s %s\n", d.s.bold(fmt.Sprintf("%2d.", i+1)), d.s.bold(s.name))
		if why := notOnAWS[s.name]; why != "" && d.stack != "" {
			fmt.Fprintf(d.s.out, "    %s %s\n", d.s.yellow("skipped:"), why)
			continue
		}
		if err := s.do(g); err != nil {
			return g.notSo(s, err)
		}
	}
	fmt.Fprintf(d.s.out, "\n%s %s in %s\n", d.s.green("all so:"), plural(n, "step", "steps"), time.Since(began).Round(100*time.Millisecond))
	return nil
}

// notSo says what was not as it should be, with the ends of the logs.
func (g *guide) notSo(s step, err error) error {
	if g.ctx.Err() != nil {
		return g.ctx.Err()
	}
	var b strings.Builder
	for _, name := range []string{"hub", "poller"} {
		if name == "hub" && g.stack != "" {
			continue
		}
		b.WriteString(tail(g.files.path("logs/"+name+".log"), 10) + "\n")
	}
	for _, half := range []struct{ key, file string }{{g.pubKey, "hub.yaml"}, {g.privKey, "poller.yaml"}} {
		if half.key != "" {
			if out, err := once(g.ctx, nil, g.on(half.file, "sync", "show", half.key, "--history", "5")...); err == nil {
				b.WriteString("  drawbridge sync show " + half.key + ":\n    " + strings.ReplaceAll(out, "\n", "\n    ") + "\n")
			}
		}
	}
	return fmt.Errorf("not so: %s: %w\n%s", s.name, err, b.String())
}

// did says what the tour does, saw what it sees.
func (g *guide) did(format string, args ...any) {
	fmt.Fprintf(g.s.out, "    %s %s\n", g.s.dim("did"), fmt.Sprintf(format, args...))
}

func (g *guide) saw(format string, args ...any) {
	fmt.Fprintf(g.s.out, "    %s %s\n", g.s.green("saw"), fmt.Sprintf(format, args...))
}

// eventually looks until something is so, and says how long that took.
func (g *guide) eventually(what string, look func() error) error {
	began := time.Now()
	for {
		err := look()
		took := time.Since(began)
		switch {
		case err == nil:
			g.saw("%s %s", what, g.s.dim(fmt.Sprintf("(after %s)", took.Round(10*time.Millisecond))))
			return nil
		case took > g.patience:
			return fmt.Errorf("%s, even after %s: %w", what, g.patience, err)
		}
		if err := sleep(g.ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// stays looks for a while that something stays so.
func (g *guide) stays(what string, look func() error) error {
	for range 15 {
		if err := look(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := sleep(g.ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	g.saw("%s", what)
	return nil
}

// twin waits until the issue has exactly one twin with the same summary on the other side.
func (g *guide) twin(r *rest, project, summary string) (key string, err error) {
	err = g.eventually(fmt.Sprintf("one twin in %s", project), func() error {
		keys, err := r.find(project, summary)
		if err != nil {
			return err
		}
		if len(keys) != 1 {
			return fmt.Errorf("%d issues with the summary %q: %v", len(keys), summary, keys)
		}
		key = keys[0]
		return nil
	})
	return key, err
}

// shows waits until an issue shows the values.
func (g *guide) shows(r *rest, key string, want object) error {
	return g.eventually(fmt.Sprintf("%s shows %s", key, brief(want)), func() error { return compare(r, key, want) })
}

func compare(r *rest, key string, want object) error {
	fields, err := r.issue(key)
	if err != nil {
		return err
	}
	for name, w := range want {
		if got := plainValue(fields[r.field(name)]); !reflect.DeepEqual(got, plainValue(w)) {
			return fmt.Errorf("%s of %s is %v, not %v", name, key, got, plainValue(w))
		}
	}
	return nil
}

// plainValue is a value without what differs between two Jiras: of an object its name or value, of a list the sorted names.
func plainValue(v any) any {
	switch v := v.(type) {
	case object:
		for _, k := range []string{"displayName", "name", "value"} {
			if s, ok := v[k].(string); ok {
				return s
			}
		}
	case []any:
		out := []string{}
		for _, e := range v {
			out = append(out, fmt.Sprint(plainValue(e)))
		}
		slices.Sort(out)
		return out
	case []object:
		out := []any{}
		for _, e := range v {
			out = append(out, e)
		}
		return plainValue(out)
	case []string:
		return slices.Sorted(slices.Values(v))
	case int:
		return float64(v)
	case string:
		return strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
	}
	return v
}

func brief(want object) string {
	var parts []string
	for _, name := range sorted(want) {
		parts = append(parts, name+" "+short(bridge.ValueOf(plainValue(want[name])), 40))
	}
	return strings.Join(parts, ", ")
}

// run runs a command of ours and checks its exit code.
func (g *guide) run(half string, want int, args ...string) (string, error) {
	g.did("drawbridge %s", strings.Join(args, " "))
	out, err := once(g.ctx, nil, g.on(half, args...)...)
	var failed *onceError
	switch {
	case errors.As(err, &failed) && failed.code() == want:
		return out + failed.said, nil
	case err == nil && want != exitDone:
		return out, fmt.Errorf("drawbridge %s: exit 0, not %d", strings.Join(args, " "), want)
	}
	return out, err
}

// runJSON runs a command of ours with --json and decodes what it prints.
func (g *guide) runJSON(half string, into any, args ...string) error {
	out, err := g.run(half, exitDone, append(args, "--json")...)
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader([]byte(out))).Decode(into)
}

// unique is a summary nobody has used: a second tour of the same state sees its own issues only.
func unique(text string) string { return fmt.Sprintf("%s %d", text, time.Now().UnixNano()/1e6%1e8) }
