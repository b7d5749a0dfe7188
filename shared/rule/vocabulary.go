package rule

import (
	"fmt"
	"strings"
)

// functions is the whole table, in the order of docs/rules.md.
var functions = []function{
	// Text.
	{name: "text", form: "text(x)", does: "any value as text; nothing is the empty text, a person is the name",
		example: `text(3.5) + text(nil)`, want: `"3.5"`, types: new(func(*state, any) string), do: onText(func(s string) string { return s })},
	{name: "upper", form: "upper(text)", does: "in capital letters",
		example: `upper("high")`, want: `"HIGH"`, types: new(func(*state, any) string), do: onText(strings.ToUpper)},
	{name: "lower", form: "lower(text)", does: "in small letters",
		example: `lower("HIGH")`, want: `"high"`, types: new(func(*state, any) string), do: onText(strings.ToLower)},
	{name: "trim", form: "trim(text)", does: "without white space around it",
		example: `trim("  a b ")`, want: `"a b"`, types: new(func(*state, any) string), do: onText(strings.TrimSpace)},
	{name: "replace", form: "replace(text, old, new)", does: "every old replaced by new; an empty old changes nothing",
		example: `replace("a-b-c", "-", "+")`, want: `"a+b+c"`, types: new(func(*state, any, any, any) string), do: replace},
	{name: "shorten", form: "shorten(text, n)", does: "at most n characters, the last a … where something is missing",
		example: `shorten("Printer on fire", 8)`, want: `"Printer…"`, types: new(func(*state, any, int) string), do: shorten},
	{name: "lines", form: "lines(text)", does: "the lines of a text, as a list",
		example: `lines("one\ntwo")`, want: `["one","two"]`, types: new(func(*state, any) []string), do: lines},
	{name: "split", form: "split(text, separator)", does: "the parts between separators, white space trimmed, empty parts left out",
		example: `split("a, b,,c", ",")`, want: `["a","b","c"]`, types: new(func(*state, any, string) []string), do: split},
	{name: "join", form: "join(list, separator)", does: "the elements in one text",
		example: `join(["a", "b"], ", ")`, want: `"a, b"`, types: new(func(*state, any, string) string), do: join},
	{name: "quote", form: "quote(text)", does: "as a Jira quotation",
		example: `quote("hello")`, want: `"{quote}\nhello\n{quote}"`, types: new(func(*state, any) string), do: onText(quote)},
	{name: "code", form: "code(text)", does: "as preformatted text",
		example: `code("x = 1")`, want: `"{noformat}\nx = 1\n{noformat}"`, types: new(func(*state, any) string), do: onText(code)},
	{name: "panel", form: "panel(title, text)", does: "in a panel with a title",
		example: `panel("Desk", "hello")`, want: `"{panel:title=Desk}\nhello\n{panel}"`, types: new(func(*state, any, any) string), do: onTexts(panel)},
	{name: "added", form: "added(text)", does: "marked as ours: it is taken out again before the field travels back",
		example: `added("from the desk")`, want: `"⟪drawbridge: from the desk⟫"`, types: new(func(*state, any) string), do: onText(Added)},
	// Choice.
	{name: "empty", form: "empty(x)", does: "is there nothing: no value, empty text, an empty list, nobody",
		example: `empty("") and empty(nil) and empty([])`, want: `true`, types: new(func(*state, any) bool),
		do: func(_ *state, args []any) (any, error) { return isEmpty(args[0]), nil }},
	{name: "default", form: "default(x, y)", does: "x, or y where x is empty; also written x ?? y",
		example: `default("", "none")`, want: `"none"`, types: new(func(*state, any, any) any), do: orElse},
	{name: "lookup", form: "lookup(table, x, otherwise)", does: "what the named table has to the right of x; otherwise where it has no x, and an error where that is left out",
		example: `lookup("sizes", "L", "?")`, want: `"large"`, types: new(func(*state, string, any, ...any) any), do: lookup},
	{name: "reverse_lookup", form: "reverse_lookup(table, x, otherwise)", does: "what the named table has to the left of x",
		example: `reverse_lookup("sizes", "large")`, want: `"L"`, types: new(func(*state, string, any, ...any) any), do: reverseLookup},
	{name: "fail", form: "fail(text)", does: "gives this row up for this issue, with a reason; everything else goes on",
		example: `issue.key == "" ? fail("no key") : issue.key`, want: `"SUP-1"`, types: new(func(*state, any) any), do: fail},
	// Numbers and dates.
	{name: "number", form: "number(x)", does: "as a number; nothing where it is none",
		example: `number("3.5") + 1`, want: `4.5`, types: new(func(*state, any) any), do: toNum},
	{name: "date", form: "date(x)", does: "the date of a date or a time; empty where it is none",
		example: `date("2026-11-21T10:00:00.000Z")`, want: `"2026-11-21"`, types: new(func(*state, any) string), do: onText(dateOf)},
	// Lists.
	{name: "size", form: "size(x)", does: "how many elements a list has, or characters a text",
		example: `size(["a", "b"]) + size("abc")`, want: `5`, types: new(func(*state, any) int), do: size},
	{name: "has", form: "has(list, x)", does: "is x in the list; case does not count",
		example: `has(["Red", "blue"], "BLUE")`, want: `true`, types: new(func(*state, any, any) bool), do: has},
	{name: "only", form: "only(list, allowed)", does: "the elements that are allowed",
		example: `only(["a", "b"], ["b", "c"])`, want: `["b"]`, types: new(func(*state, any, any) []string), do: onList(only)},
	{name: "without", form: "without(list, x, …)", does: "the list without these elements",
		example: `without(["a", "b", "c"], "a", "c")`, want: `["b"]`, types: new(func(*state, any, ...any) []string), do: onList(without)},
	{name: "with", form: "with(list, x, …)", does: "the list with these elements, each once",
		example: `with(["a"], "b", "a")`, want: `["a","b"]`, types: new(func(*state, any, ...any) []string), do: onList(with)},
	{name: "names", form: "names(people)", does: "the display names",
		example: `names([issue.reporter])`, want: `["Ann Lee"]`, types: new(func(*state, any) []string), do: onList(with)},
	// People.
	{name: "person", form: "person(name)", does: "a person of whom only the name is known",
		example: `person("Ann Lee").name`, want: `"Ann Lee"`, types: new(func(*state, any) map[string]any), do: person},
	{name: "local_user", form: "local_user(person)", does: "the user of this site for a person of the other, by the user table; empty where it has none",
		example: `local_user("Bob Roe")`, want: `"bob"`, types: new(func(*state, any) string), do: localUser},
	{name: "remote_user", form: "remote_user(person)", does: "what the user table calls a person of this site on the other; empty where it has none",
		example: `remote_user(issue.reporter)`, want: `"Annie"`, types: new(func(*state, any) string), do: remoteUser},
}

func replace(s *state, args []any) (any, error) {
	in, old, repl := words(args[0]), words(args[1]), words(args[2])
	if old == "" {
		return in, nil
	}
	n := strings.Count(in, old)
	if err := s.charge(len(in) + n*len(repl)); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(in, old, repl), nil
}

func shorten(s *state, args []any) (any, error) {
	n, _ := args[1].(int)
	in := words(args[0])
	return cut(in, n), s.charge(len(in))
}

func lines(s *state, args []any) (any, error) {
	in := words(args[0])
	if in == "" {
		return []string{}, nil
	}
	return strings.Split(strings.ReplaceAll(in, "\r\n", "\n"), "\n"), s.charge(len(in) + 16*strings.Count(in, "\n"))
}

func split(s *state, args []any) (any, error) {
	in, sep := words(args[0]), words(args[1])
	out := []string{}
	if sep == "" {
		return out, fmt.Errorf("split: the separator is empty")
	}
	if err := s.charge(len(in) + 16*strings.Count(in, sep)); err != nil {
		return nil, err
	}
	for _, part := range strings.Split(in, sep) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

func join(s *state, args []any) (any, error) {
	list, err := s.list(args[0])
	if err != nil {
		return nil, err
	}
	sep, n := words(args[1]), 0
	for _, l := range list {
		n += len(l) + len(sep)
	}
	if err := s.charge(n); err != nil {
		return nil, err
	}
	return strings.Join(list, sep), nil
}

func quote(s string) string { return "{quote}\n" + strings.ReplaceAll(s, "{quote}", "") + "\n{quote}" }

func code(s string) string {
	return "{noformat}\n" + strings.ReplaceAll(s, "{noformat}", "") + "\n{noformat}"
}

func panel(s ...string) string {
	title := strings.NewReplacer("|", "/", "}", ")", "\n", " ").Replace(s[0])
	return "{panel:title=" + title + "}\n" + strings.ReplaceAll(s[1], "{panel}", "") + "\n{panel}"
}

func orElse(_ *state, args []any) (any, error) {
	if isEmpty(args[0]) {
		return args[1], nil
	}
	return args[0], nil
}

func lookup(s *state, args []any) (any, error) { return s.find(args, false) }

func reverseLookup(s *state, args []any) (any, error) { return s.find(args, true) }

func (s *state) find(args []any, back bool) (any, error) {
	name, x := words(args[0]), words(args[1])
	t := s.rules.tables[name]
	if t == nil {
		return nil, fmt.Errorf("lookup: there is no table %q", short(name))
	}
	get := t.out
	if back {
		get = t.in
	}
	if v, ok := get(x); ok {
		return v, nil
	}
	if len(args) > 2 {
		return args[2], nil
	}
	return nil, fmt.Errorf("table %q has no %q", name, short(x))
}

func fail(_ *state, args []any) (any, error) { return nil, fmt.Errorf("%s", short(words(args[0]))) }

func toNum(_ *state, args []any) (any, error) {
	f, err := toNumber(args[0])
	if err != nil || args[0] == nil {
		return nil, nil
	}
	return f, nil
}

func dateOf(s string) string {
	if v, err := toDate(s); err == nil {
		return v.(string)
	}
	return ""
}

func size(s *state, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return 0, nil
	case string:
		return len([]rune(v)), s.charge(len(v))
	}
	list, err := s.list(args[0])
	return len(list), err
}

func has(s *state, args []any) (any, error) {
	list, err := s.list(args[0])
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		if strings.EqualFold(l, words(args[1])) {
			return true, nil
		}
	}
	return false, nil
}

func only(list, allowed []string) []string {
	ok := setOf(allowed)
	out := []string{}
	for _, l := range list {
		if ok[fold(l)] {
			out = append(out, l)
		}
	}
	return out
}

func without(list, more []string) []string {
	out, gone := []string{}, setOf(more)
	for _, l := range list {
		if !gone[fold(l)] {
			out = append(out, l)
		}
	}
	return out
}

func with(list, more []string) []string {
	out, seen := []string{}, map[string]bool{}
	for _, l := range append(list, more...) {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, l := range list {
		m[fold(l)] = true
	}
	return m
}

func person(_ *state, args []any) (any, error) { return personMap(personOf(args[0])), nil }

func localUser(s *state, args []any) (any, error) {
	return s.rules.users.localFor(personOf(args[0])), nil
}

func remoteUser(s *state, args []any) (any, error) {
	p := personOf(args[0])
	if u, ok := s.rules.users.entry(p); ok {
		return u.remote, nil
	}
	return "", nil
}
