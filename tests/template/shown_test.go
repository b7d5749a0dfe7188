package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drawbridge/functions/wire"
)

// documented: who deploys reads what each parameter and output is, in the template and in the manual.
func documented(doc tree, say func(string, ...any)) {
	raw, _ := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	manual := string(raw)
	grouped := fmt.Sprint(at(doc, "Metadata", "AWS::CloudFormation::Interface", "ParameterGroups"))
	for _, part := range []string{"Parameters", "Outputs"} {
		all, _ := at(doc, part).(tree)
		for name, v := range all {
			if text(at(v, "Description")) == "" {
				say("%s has no description", name)
			}
			if !strings.Contains(manual, "`"+name+"`") {
				say("%s is not in docs/operations.md", name)
			}
			if part == "Parameters" && !regexp.MustCompile(`[\[ ]`+name+`[ \]]`).MatchString(grouped) {
				say("parameter %s is in no group of the form", name)
			}
		}
	}
}

// accessLog is one line of JSON for each request, without what is secret.
func accessLog(doc tree, say func(string, ...any)) {
	format := text(at(doc, "Resources", "Stage", "Properties", "AccessLogSettings", "Format"))
	var line map[string]string
	if err := json.Unmarshal([]byte(format), &line); err != nil {
		say("the access log is no JSON: %v", err)
	}
	for _, want := range []string{"$context.routeKey", "$context.status", "$context.identity.sourceIp", "$context.requestId"} {
		if !slices.Contains(slices.Collect(maps.Values(line)), want) {
			say("the access log lacks %s", want)
		}
	}
}

// shown: the dashboard and the saved queries look at what there is.
func shown(doc tree, say func(string, ...any)) {
	var body struct{ Widgets []json.RawMessage }
	board := text(at(doc, "Resources", "Dashboard", "Properties", "DashboardBody", "!Sub"))
	if err := json.Unmarshal([]byte(board), &body); err != nil || len(body.Widgets) == 0 {
		say("the dashboard is no JSON with widgets: %v", err)
	}
	for _, kind := range []string{"AWS::SQS::Queue", "AWS::Serverless::Function", "AWS::Logs::LogGroup"} {
		for name := range of(doc, kind) {
			if !strings.Contains(board, "${"+name) && name != "ApiLog" {
				say("the dashboard does not show %s", name)
			}
		}
	}
	for _, metric := range wire.Metrics() {
		if !strings.Contains(board, `"Drawbridge", "`+metric+`"`) {
			say("the dashboard does not show %s", metric)
		}
	}
	for name, a := range of(doc, "AWS::CloudWatch::Alarm") {
		if metric := text(at(a, "Properties", "MetricName")); text(at(a, "Properties", "Namespace")) == "Drawbridge" && !slices.Contains(wire.Metrics(), metric) {
			say("alarm %s looks at %s, which no function makes", name, metric)
		}
	}
	for name, q := range of(doc, "AWS::Logs::QueryDefinition") {
		for _, g := range list(at(q, "Properties", "LogGroupNames")) {
			if text(at(doc, "Resources", refers(g), "Type")) != "AWS::Logs::LogGroup" {
				say("query %s asks %v, which is no log group", name, g)
			}
		}
	}
}
