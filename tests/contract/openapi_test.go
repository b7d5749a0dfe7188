package contract

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"

	"drawbridge/simulator"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is an OpenAPI document whose response schemas can be applied.
type document struct {
	paths    map[string]any
	elements bool // lists have their elements' schema
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

func load(t *testing.T, name string) *document {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data(t, "openapi/"+name)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flaws[name] {
		delete(dig(doc, f.within).(map[string]any), f.member)
	}
	toSchema(doc)
	d := &document{elements: strings.Contains(name, "-dc-"), paths: doc.(map[string]any)["paths"].(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft4)
	if err := d.compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// toSchema makes JSON Schema of OpenAPI 3.0 in place. The documents do not
// mark what can be null, and recorded answers have null in many places: so an
// optional value may be null. Nor do they tell how Jira writes a time: the
// offset has no colon, as all recordings show.
func toSchema(x any) {
	switch v := x.(type) {
	case []any:
		for _, e := range v {
			toSchema(e)
		}
	case map[string]any:
		delete(v, "example")
		if v["format"] == "date-time" {
			delete(v, "format")
			v["pattern"] = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$`
		}
		if t, isString := v["type"].(string); isString {
			v["type"] = []any{t, "null"}
		}
		if values, isList := v["enum"].([]any); isList {
			v["enum"] = append(values, nil)
		}
		for _, e := range v {
			toSchema(e)
		}
	}
}

// operation finds the template of a path, the one with the fewest variables,
// and the operation of a method.
func (d *document) operation(method, path string) (template string, op map[string]any) {
	best := 1 << 10
	for t, item := range d.paths {
		vars, ok := matches(strings.Split(t, "/"), strings.Split(path, "/"))
		found, has := item.(map[string]any)[strings.ToLower(method)].(map[string]any)
		if ok && has && vars < best {
			template, op, best = t, found, vars
		}
	}
	return template, op
}

func matches(template, path []string) (vars int, ok bool) {
	if len(template) != len(path) {
		return 0, false
	}
	for i := range template {
		if strings.HasPrefix(template[i], "{") {
			vars++
		} else if template[i] != path[i] {
			return 0, false
		}
	}
	return vars, true
}

// escape makes a JSON pointer's element.
func escape(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// schema is that of a response, nil where the document gives none.
func (d *document) schema(template, method string, status int) (*jsonschema.Schema, error) {
	at := fmt.Sprintf("openapi.json#/paths/%s/%s/responses/%d/content/application~1json/schema", escape(template), strings.ToLower(method), status)
	if s, known := d.schemas[at]; known {
		return s, nil
	}
	op := d.paths[template].(map[string]any)[strings.ToLower(method)]
	if dig(op, fmt.Sprintf("responses.%d.content", status)) == nil || dig(op, fmt.Sprintf("responses.%d.content", status)).(map[string]any)["application/json"] == nil {
		return nil, nil
	}
	s, err := d.compiler.Compile(at)
	d.schemas[at] = s
	return s, err
}

// always are answers every operation may give, documented or not: the edge
// and the filters before it give them.
var always = []int{http.StatusUnauthorized, http.StatusTooManyRequests}

// judge gives what is wrong with an answer.
func (d *document) judge(c call, path string) []string {
	template, op := d.operation(c.method, path)
	if op == nil {
		return []string{fmt.Sprintf("%s %s: no such operation", c.method, path)}
	}
	where := fmt.Sprintf("%s %s %d", c.method, template, c.status)
	if dig(op, fmt.Sprintf("responses.%d", c.status)) == nil {
		if slices.Contains(always, c.status) {
			return nil
		}
		return []string{where + ": this status is not documented"}
	}
	s, err := d.schema(template, c.method, c.status)
	if err != nil {
		return []string{where + ": " + err.Error()}
	}
	if s == nil || len(c.body) == 0 {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.body))
	if err != nil {
		return []string{where + ": not JSON"}
	}
	if list, isList := value.([]any); isList && d.elements {
		return complaintsEach(where, s, list)
	}
	return complaints(where, s.Validate(value))
}

// complaintsEach judges a list by a document that gives lists the schema of
// their elements, or, as here and there, the right one.
func complaintsEach(where string, s *jsonschema.Schema, list []any) []string {
	if s.Validate(list) == nil {
		return nil
	}
	var found []string
	for _, e := range list {
		found = append(found, complaints(where, s.Validate(e))...)
	}
	sort.Strings(found)
	return slices.Compact(found)
}

// complaints lists the leaves of a validation error, numbers in paths left
// out, each once.
func complaints(where string, err error) []string {
	failed, isFailed := err.(*jsonschema.ValidationError)
	if !isFailed {
		return nil
	}
	var list []string
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			collect(c)
		}
		if len(e.Causes) == 0 {
			list = append(list, fmt.Sprintf("%s: %s: %s", where, general(e.InstanceLocation), message(e)))
		}
	}
	collect(failed)
	sort.Strings(list)
	return slices.Compact(list)
}

// message is what a leaf complains of, without where.
func message(e *jsonschema.ValidationError) string {
	_, text, _ := strings.Cut(e.Error(), "': ")
	return text
}

// general writes a path without indexes and ids.
func general(path []string) string {
	out := make([]string, len(path))
	for i, p := range path {
		if strings.Trim(p, "0123456789") == "" {
			p = "*"
		}
		if strings.HasPrefix(p, "customfield_") {
			p = "customfield"
		}
		out[i] = p
	}
	return strings.Join(out, ".")
}

func TestAnswersFollowOpenAPI(t *testing.T) {
	for _, c := range []struct{ name, flavour, api, file, prefix string }{
		{"cloud v3", simulator.Cloud, "/rest/api/3", "jira-cloud-v3-2025-12.json", "/rest/api/3"},
		{"cloud v2", simulator.Cloud, "/rest/api/2", "jira-cloud-v3-2025-12.json", "/rest/api/3"},
		{"datacenter", simulator.DataCenter, "/rest/api/2", "jira-dc-10.3.json", "/api/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := load(t, c.file)
			s := start(t, c.flavour)
			s.api = c.api
			s.walk()
			used := map[string]bool{}
			covered := map[string]bool{}
			for _, made := range s.calls {
				rest, below := strings.CutPrefix(made.path, c.api)
				if !below {
					continue
				}
				if made.status < 300 {
					covered[made.method+" "+shape(rest, s.Routes(), made.method)] = true
				}
				for _, problem := range doc.judge(made, c.prefix+rest) {
					if e := excuse(c.flavour, problem); e != "" {
						used[e] = true
						continue
					}
					t.Errorf("%s\n\t%.300s", problem, made.body)
				}
			}
			for _, e := range exceptions {
				if (e.flavour == "" || e.flavour == c.flavour) && !used[e.problem] && c.name != "cloud v2" {
					t.Errorf("the exception %q is no longer needed", e.problem)
				}
			}
			s.left(covered)
		})
	}
}

// shape is the route a path belongs to.
func shape(path string, routes []string, method string) string {
	best, fewest := "", 1<<10
	for _, r := range routes {
		m, template, _ := strings.Cut(r, " ")
		if vars, ok := matches(strings.Split(template, "/"), strings.Split(path, "/")); ok && m == method && vars < fewest {
			best, fewest = template, vars
		}
	}
	return best
}

// left fails for operations the scenario did not call with success.
func (s *site) left(covered map[string]bool) {
	s.t.Helper()
	for _, r := range s.Routes() {
		_, path, _ := strings.Cut(r, " ")
		if strings.HasPrefix(path, "/rest/") || strings.HasPrefix(path, "/secure/") || strings.HasPrefix(path, "/media/") || covered[r] || unsuccessful[r] {
			continue
		}
		s.t.Errorf("%s was never called with success: the scenario must do it", r)
	}
}
