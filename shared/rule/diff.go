package rule

import (
	"fmt"
	"strings"
)

// Diff tells a person what changes from one rule set to another, one line each: "+" added, "-" taken away, "~" changed.
// Order and comments do not count. Equal sets give the empty text.
func Diff(a, b *Set) string {
	before, after := a.flat(), b.flat()
	all := map[string]bool{}
	for k := range before {
		all[k] = true
	}
	for k := range after {
		all[k] = true
	}
	var out strings.Builder
	for _, k := range sortedKeys(all) {
		was, had := before[k]
		is, has := after[k]
		switch {
		case !had:
			fmt.Fprintf(&out, "+ %s: %s\n", k, is)
		case !has:
			fmt.Fprintf(&out, "- %s: %s\n", k, was)
		case was != is:
			fmt.Fprintf(&out, "~ %s: %s -> %s\n", k, was, is)
		}
	}
	return out.String()
}

// flat lists what a set says, the default rule set underneath included, as one text per place.
func (s *Set) flat() map[string]string {
	out := map[string]string{}
	if s.base.text != "none" {
		out = defaults().file.flat("")
		for k := range out {
			if strings.HasPrefix(k, "base") {
				delete(out, k)
			}
		}
		for _, r := range s.fields {
			if !r.at.builtin {
				drop(out, "fields."+r.keyText()+".")
			}
		}
	}
	for k, v := range s.file.flat(string(s.source)) {
		out[k] = v
	}
	if strings.HasSuffix(string(s.source), defaultRules) {
		delete(out, "base") // it is the base
	}
	return out
}

func drop(m map[string]string, prefix string) {
	for k := range m {
		if strings.HasPrefix(k, prefix) {
			delete(m, k)
		}
	}
}

// flat reads a file once more and flattens it; the file was good once, so problems do not come up.
func (f *file) flat(src string) map[string]string {
	if src == "" {
		src = strings.Join(f.lines, "\n")
	}
	again := newFile(f.name, []byte(src))
	out := map[string]string{}
	if root := readYAML(again, []byte(src)); root != nil {
		root.flatten("", out)
	}
	return out
}

func (n *node) flatten(at string, out map[string]string) {
	switch n.kind {
	case mapNode:
		for _, p := range n.pairs {
			p.value.flatten(joined(at, p.key), out)
		}
	case listNode:
		n.flattenList(at, out)
	default:
		out[at] = fmt.Sprintf("%q", n.text)
	}
}

// flattenList names rows by their key, so that a row that moves is no change; other items by their number.
func (n *node) flattenList(at string, out map[string]string) {
	simple := make([]string, 0, len(n.items))
	for i, item := range n.items {
		switch {
		case at == "fields" && item.kind == textNode:
			out[joined(at, keyFor(item.text))+".field"] = fmt.Sprintf("%q", item.text)
		case at == "fields":
			item.flatten(joined(at, item.rowKey()), out)
		case item.kind == mapNode || item.kind == listNode:
			item.flatten(fmt.Sprintf("%s[%d]", at, i+1), out)
		default:
			simple = append(simple, item.text)
		}
	}
	if len(simple) > 0 {
		out[at] = fmt.Sprintf("%q", simple)
	}
}

// rowKey is the replica key of a row still in YAML.
func (n *node) rowKey() string {
	for _, want := range []string{"key", "field", "from", "to"} {
		for _, p := range n.pairs {
			if p.key == want && want == "key" {
				return p.value.text
			} else if p.key == want {
				return keyFor(p.value.text)
			}
		}
	}
	return "?"
}

func joined(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}
