package adf

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// brief writes a document in few characters: type{attrs}^marks(content).
func brief(doc json.RawMessage) string {
	n, err := decode(doc)
	if err != nil {
		return err.Error()
	}
	return briefs(n.Content)
}

func briefs(list []*node) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = briefNode(n)
	}
	return strings.Join(texts, " ")
}

var short = map[string]string{"paragraph": "p", "hardBreak": "br", "bulletList": "ul", "orderedList": "ol", "listItem": "li", "tableRow": "tr", "tableCell": "td", "tableHeader": "th"}

func briefNode(n *node) string {
	var b strings.Builder
	if n.Type == "text" {
		b.WriteString("'" + n.Text + "'")
	} else if s := short[n.Type]; s != "" {
		b.WriteString(s)
	} else {
		b.WriteString(n.Type)
	}
	for _, k := range []string{"level", "panelType", "language", "id", "url", "type", "width", "height", "alt"} {
		if v, ok := n.Attrs[k]; ok {
			j, _ := json.Marshal(v)
			b.WriteString(":" + strings.Trim(string(j), `"`))
		}
	}
	for _, m := range n.Marks {
		b.WriteString("^" + m.Type + m.attr("href") + m.attr("color") + m.attr("type"))
	}
	if len(n.Content) > 0 {
		b.WriteString("(" + briefs(n.Content) + ")")
	}
	return b.String()
}

// Every case: markup, the document, and the markup it is written as ("=" when
// the same).
var cases = []struct{ wiki, doc, back string }{
	{``, ``, `=`},
	{"  \n \n", ``, ``},
	{`plain text`, `p('plain text')`, `=`},
	{"one\n\ntwo", `p('one') p('two')`, `=`},
	{"one\r\n\r\n\r\n  two  ", `p('one') p('two')`, "one\n\ntwo"},
	{"one\ntwo", `p('one' br 'two')`, `=`},
	{`one\\two`, `p('one' br 'two')`, "one\ntwo"},
	{`one\\\\two`, `p('one' br br 'two')`, `=`},
	{"one\\\\\ntwo", `p('one' br 'two')`, "one\ntwo"},
	{`h1. Title`, `heading:1('Title')`, `=`},
	{"h6. Small\ntext", `heading:6('Small') p('text')`, "h6. Small\n\ntext"},
	{`h7. no`, `p('h7. no')`, `=`},
	{`h1.no`, `p('h1.no')`, `=`},
	{`h1\. no`, `p('h1. no')`, `=`},
	{`----`, `rule`, `=`},
	{`---`, `p('---')`, ``},
	{"a\n----\nb", `p('a') rule p('b')`, "a\n\n----\n\nb"},
	{`bq. said`, `blockquote(p('said'))`, "{quote}\nsaid\n{quote}"},

	{`*b* _i_ -s- +u+ ^p^ ~l~`, `p('b'^strong ' ' 'i'^em ' ' 's'^strike ' ' 'u'^underline ' ' 'p'^subsupsup ' ' 'l'^subsupsub)`, `=`},
	{`*_both_*`, `p('both'^strong^em)`, `=`},
	{`_*a* b_`, `p('a'^strong^em ' b'^em)`, `=`},
	{`a*b*c`, `p('a*b*c')`, `=`},
	{`a{*}b{*}c`, `p('a' 'b'^strong 'c')`, `=`},
	{`2 * 3 * 4`, `p('2 * 3 * 4')`, `=`},
	{`mail-server - up-to-date`, `p('mail-server - up-to-date')`, `=`},
	{`snake_case_name and _x`, `p('snake_case_name and _x')`, `snake_case_name and \_x`},
	{`\*not bold\*`, `p('*not bold*')`, `=`},
	{`{{code}}`, `p('code'^code)`, `=`},
	{`{{a*b*\{c\}}}`, `p('a*b*{c}'^code)`, `=`},
	{`{color:red}warm{color}`, `p('warm'^textColor#ff0000)`, `{color:#ff0000}warm{color}`},
	{`{color:#00FF00}*x* y{color}`, `p('x'^textColor#00ff00^strong ' y'^textColor#00ff00)`, `{color:#00ff00}*x* y{color}`},
	{`{color:nonsense}x{color}`, `p('x')`, `x`},
	{`{color:red}open`, `p('{color:red}open')`, `\{color:red}open`},
	{`100% & <b>`, `p('100% & <b>')`, `=`},
	{`C:\temp\x`, `p('C:\temp\x')`, `=`},
	{`end\`, `p('end\')`, `end&#92;`},
	{`&#92;&amp;`, `p('\&amp;')`, `=`},
	{`Hello world! Really!!`, `p('Hello world! Really!!')`, `Hello world! Really!!`},
	{`!important`, `p('!important')`, `\!important`},
	{`$[0] {x}`, `p('$[0] {x}')`, `$\[0] \{x}`},

	{`[text|https://example.com/a?b=1]`, `p('text'^linkhttps://example.com/a?b=1)`, `=`},
	{`[https://example.com]`, `p('https://example.com'^linkhttps://example.com)`, `https://example.com`},
	{`see https://example.com/a_b_c. Yes`, `p('see ' 'https://example.com/a_b_c'^linkhttps://example.com/a_b_c '. Yes')`, `see [https://example.com/a_b_c]. Yes`},
	{`see https://example.com now`, `p('see ' 'https://example.com'^linkhttps://example.com ' now')`, `=`},
	{`[*bold* link|mailto:a@b.c]`, `p('bold'^linkmailto:a@b.c^strong ' link'^linkmailto:a@b.c)`, `=`},
	{`[up|#top]`, `p('up'^link#top)`, `=`},
	{`[x|javascript:alert(1)]`, `p('[x|javascript:alert(1)]')`, `\[x|javascript:alert(1)]`},
	{`[https://e.com/1|https://e.com/1|smart-link]`, `p(inlineCard:https://e.com/1)`, `=`},
	{`a [https://e.com/1|https://e.com/1|smart-card]`, `p('a ' inlineCard:https://e.com/1)`, `a [https://e.com/1|https://e.com/1|smart-link]`},
	{`[https://e.com/1|https://e.com/1|smart-card]`, `blockCard:https://e.com/1`, `=`},
	{`[https://e.com/1|https://e.com/1|smart-embed]`, `embedCard:https://e.com/1`, `=`},
	{`[~accountid:712020:a-b]`, `p(mention:712020:a-b)`, `=`},
	{`[~bob] hi`, `p('[~bob] hi')`, `\[\~bob] hi`},

	{`!a.png!`, `mediaSingle(media:a.png:file)`, `=`},
	{`!a b.png|width=200,height=100,alt="A b"!`, `mediaSingle(media:a b.png:file:200:100:A b)`, `=`},
	{`!a.png|thumbnail!`, `mediaGroup(media:a.png:file)`, `=`},
	{`see !a.png! there`, `p('see ' mediaInline:a.png:image ' there')`, `=`},
	{`!https://e.com/x.png!`, `mediaSingle(media:https://e.com/x.png:external)`, `=`},
	{`[^log.txt]`, `p(mediaInline:log.txt:file)`, `=`},
	{`!a.png! !b.png!`, `mediaSingle(media:a.png:file) mediaSingle(media:b.png:file)`, "!a.png!\n\n!b.png!"},

	{"* a\n* b", `ul(li(p('a')) li(p('b')))`, `=`},
	{"- a\n- b", `ul(li(p('a')) li(p('b')))`, "* a\n* b"},
	{"# a\n## b\n# c", `ol(li(p('a') ol(li(p('b')))) li(p('c')))`, `=`},
	{"* a\n*# b\n*# c\n** d", `ul(li(p('a') ol(li(p('b')) li(p('c'))) ul(li(p('d')))))`, `=`},
	{"*** deep", `ul(li(p('deep')))`, `* deep`},
	{"* a\nmore\n* b", `ul(li(p('a' br 'more')) li(p('b')))`, `=`},
	{"* a\n# b", `ul(li(p('a'))) ol(li(p('b')))`, "* a\n\n# b"},
	{"* a\n\n* b", `ul(li(p('a'))) ul(li(p('b')))`, `=`},
	{"* a\n{code:go}x{code}\n* b", `ul(li(p('a') codeBlock:go('x')) li(p('b')))`, "* a\n{code:go}\nx\n{code}\n* b"},
	{`\* a`, `p('* a')`, `=`},
	{`* * a`, `ul(li(p('* a')))`, `* \* a`},
	{`*bold* start`, `p('bold'^strong ' start')`, `=`},

	{"||h||i||\n|a|b|", `table(tr(th(p('h')) th(p('i'))) tr(td(p('a')) td(p('b'))))`, `=`},
	{"||h|a|", `table(tr(th(p('h')) td(p('a'))))`, `=`},
	{"|a|b\nmore|", `table(tr(td(p('a')) td(p('b' br 'more'))))`, `=`},
	{"| |x|", `table(tr(td(p) td(p('x'))))`, `=`},
	{"|a", `table(tr(td(p('a'))))`, `|a|`},
	{"|[l|https://e.com/]|!a.png|width=5!|", `table(tr(td(p('l'^linkhttps://e.com/)) td(mediaSingle(media:a.png:file:5))))`, `=`},
	{"|* a\n* b|{code:x}\n|\n{code}|", `table(tr(td(ul(li(p('a')) li(p('b')))) td(codeBlock:x('|'))))`, `=`},
	{`|a\|b|`, `table(tr(td(p('a|b'))))`, `=`},
	{`||`, `p('||')`, `\||`},
	{"a | b", `p('a | b')`, `=`},

	{"{code:java}\nint *x* = 1;\n{code}", `codeBlock:java('int *x* = 1;')`, `=`},
	{"{code}x{code}", `codeBlock:('x')`, "{code}\nx\n{code}"},
	{"{code:title=A|language=go}x{code}", `codeBlock:go('x')`, "{code:go}\nx\n{code}"},
	{"{noformat}\n h1. x\n\n{noformat}", "codeBlock(' h1. x\n')", `=`},
	{"a {code:c}b{code} d", `p('a ') codeBlock:c('b') p('d')`, ""},
	{`{code}open`, `p('{code}open')`, `\{code}open`},
	{"{quote}\na\n\n* b\n{quote}", `blockquote(p('a') ul(li(p('b'))))`, `=`},
	{"{quote}{quote}", `blockquote(p)`, "{quote}\n{quote}"},
	{"{panel:bgColor=#fffae6}\nh2. x\n{panel}", `panel:warning(heading:2('x'))`, `=`},
	{"{panel:title=T|borderStyle=dashed}x{panel}", `panel:info(p('T'^strong) p('x'))`, ""},
	{"{quote}\n{code:x}\n{quote}\n{code}\n{quote}", `blockquote(codeBlock:x('{quote}'))`, `=`},
	{`{adf:display=block}{"type":"layoutSection","content":[]}{adf}`, `layoutSection`, `{adf:display=block}{"content":[],"type":"layoutSection"}{adf}`},
	{`{adf:display=block}{"type":"paragraph"}{adf}`, `p('{adf:display=block}{"type":"paragraph"}{adf}')`, ""},
	{`a {adf:display=inline}{"type":"placeholder"}{adf}`, `p('a ' placeholder)`, `=`},
}

func TestFromWiki(t *testing.T) {
	for _, c := range cases {
		doc := FromWiki(c.wiki)
		if got := brief(doc); strings.ReplaceAll(got, "a ')", "a')") != strings.ReplaceAll(c.doc, "a ')", "a')") {
			t.Errorf("%q\n\tgot  %s\n\twant %s", c.wiki, got, c.doc)
		}
		want := c.back
		if want == "=" {
			want = c.wiki
		}
		got, err := ToWiki(doc)
		if err != nil || got != want && c.back != "" {
			t.Errorf("%q\n\tback %q\n\twant %q (%v)", c.wiki, got, want, err)
		}
		stable(t, c.wiki)
	}
}

// stable: what was written once is written the same ever after.
func stable(t *testing.T, wiki string) {
	t.Helper()
	once, err := ToWiki(FromWiki(wiki))
	if err != nil {
		t.Fatalf("%q: %v", wiki, err)
	}
	if twice, err := ToWiki(FromWiki(once)); err != nil || twice != once {
		t.Fatalf("%q is not stable\n\tonce  %q\n\ttwice %q (%v)\n\t%s\n\t%s", wiki, once, twice, err, FromWiki(wiki), FromWiki(once))
	}
}

func TestToWikiLosses(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{`{"type":"expand","attrs":{"title":"More"},"content":[{"type":"paragraph","content":[{"type":"text","text":"in"}]}]}`, "*More*\n\nin"},
		{`{"type":"paragraph","content":[{"type":"status","attrs":{"text":"done","color":"green"}}]}`, `{color:#006644}*\[ DONE ]*{color}`},
		{`{"type":"paragraph","content":[{"type":"date","attrs":{"timestamp":"1795219200000"}}]}`, "{{2026-11-21}}"},
		{`{"type":"panel","attrs":{"panelType":"note"},"content":[{"type":"paragraph"}]}`, "{panel:bgColor=#eae6ff}\n{panel}"},
		{`{"type":"paragraph","content":[{"type":"emoji","attrs":{"shortName":":smile:","text":"😄"}}]}`, "😄"},
		{`{"type":"paragraph","content":[{"type":"emoji","attrs":{"shortName":":smile:"}}]}`, ":smile:"},
		{`{"type":"taskList","content":[{"type":"taskItem","attrs":{"state":"DONE"},"content":[{"type":"text","text":"do"}]}]}`, "* do"},
		{`{"type":"decisionList","content":[{"type":"decisionItem","content":[{"type":"text","text":"so"}]}]}`, "* so"},
		{`{"type":"mystery","attrs":{"a":1}}`, `{adf:display=block}{"attrs":{"a":1},"type":"mystery"}{adf}`},
		{`{"type":"paragraph","content":[{"type":"inlineCard","attrs":{"url":"https://e.com/a b"}}]}`, `[https://e.com/a%20b|https://e.com/a%20b|smart-link]`},
		{`{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"712020:x","text":"@Ann"}}]}`, `[~accountid:712020:x]`},
		{`{"type":"mediaSingle","attrs":{"layout":"center"},"content":[{"type":"media","attrs":{"type":"file","id":"7f3e","collection":"","alt":"shot.png"}}]}`, `!shot.png!`},
		{`{"type":"mediaGroup","content":[{"type":"media","attrs":{"type":"file","id":"7f3e","collection":""}}]}`, `[^7f3e]`},
		{`{"type":"paragraph","content":[{"type":"text","text":"x","marks":[{"type":"annotation"},{"type":"strong"}]}]}`, `*x*`},
		{`{"type":"paragraph","content":[{"type":"text","text":"a\nb"}]}`, "a\nb"},
		{`{"type":"codeBlock","attrs":{"language":"go"},"content":[{"type":"text","text":"{code}"}]}`, "{code:go}\n\\{code}\n{code}"},
	} {
		got, err := ToWiki(json.RawMessage(`{"type":"doc","version":1,"content":[` + c.content + `]}`))
		if err != nil || got != c.want {
			t.Errorf("%s\n\tgot  %q\n\twant %q (%v)", c.content, got, c.want, err)
		}
		stable(t, got)
	}
}

func TestToWikiRefuses(t *testing.T) {
	deep := strings.Repeat(`{"type":"blockquote","content":[`, 4000) + strings.Repeat(`]}`, 4000)
	for _, doc := range []string{``, `"text"`, `{}`, `[]`, `null`, `{"type":"paragraph"}`, `{"type":"doc","content":5}`, `{"type":"doc","content":[` + deep + `]}`} {
		if got, err := ToWiki(json.RawMessage(doc)); err == nil {
			t.Errorf("%.40s: %q, want an error", doc, got)
		}
	}
}

func TestDeepAndLongTextIsQuick(t *testing.T) {
	for _, s := range []string{"*a ", "{color:red}", "{*}", "[a|", "{{", "|", "* ", "{code}", "{quote}", "{panel}", "!a.png", "_*-+", "((", "https://", `\`, "{adf:display=block}", "||a", "[a|http://b|"} {
		stable(t, strings.Repeat(s, 6000/len(s)))
	}
	if got := brief(FromWiki(strings.Repeat("*", 500) + " x")); got != `ul(li(p('x')))` {
		t.Errorf("many markers: %s", got)
	}
}

func TestFromWikiFollowsTheSchema(t *testing.T) {
	file, err := os.Open("../../../shared/data/openapi/adf-schema.json")
	if err != nil {
		t.Skip("../shared/data/openapi/adf-schema.json is not there: nothing to validate against")
	}
	defer file.Close()
	schema := compile(t, file)
	for _, c := range cases {
		if strings.Contains(c.wiki, "{adf") {
			continue // carries whatever somebody wrote
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(FromWiki(c.wiki)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%q: %v\n%s", c.wiki, err, FromWiki(c.wiki))
		}
	}
}

func compile(t *testing.T, file *os.File) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("adf.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("adf.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func FuzzFromWiki(f *testing.F) {
	for _, c := range cases {
		f.Add(c.wiki)
	}
	f.Fuzz(func(t *testing.T, wiki string) {
		if len(wiki) < 4000 {
			stable(t, wiki)
		}
	})
}

func FuzzToWiki(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(FromWiki(c.wiki)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if wiki, err := ToWiki(doc); err == nil {
			FromWiki(wiki)
		}
	})
}

// Markup in every mixture, for which the fuzzer would need long.
func TestMixturesAreStable(t *testing.T) {
	pieces := []string{"a", "b c", " ", "\n", "\n\n", "*", "_", "-", "+", "^", "~", "{*}", "{_}", "{{", "}}", "{color:red}", "{color}", "[", "]", "|", "||",
		"!", "!a.png!", "[^f.txt]", "[x|https://e.com/]", "https://e.com/x_", "[~accountid:u]", "\\", `\\`, `\*`, "&#", "&#92;", "# ", "* ", "** ", "#* ", "- ", "h1. ", "bq. ",
		"----", "{code}", "{code:go}", "{noformat}", "{quote}", "{panel}", "{panel:title=x}", `{adf:display=block}{"type":"z"}{adf}`, "é", "😀", ":", ".", "1", "|smart-link]", "|thumbnail!"}
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		for range 1 + r.IntN(14) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if stable(t, b.String()); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
