package contract

import (
	"strings"

	"drawbridge/simulator"
)

const (
	cloud      = simulator.Cloud
	datacenter = simulator.DataCenter
)

// flaws are members of the documents that contradict all recordings.
var flaws = map[string][]struct{ within, member, reason string }{
	"jira-dc-10.3.json": {
		{"components.schemas.IssueBean.properties.fields", "additionalProperties", "says every field is an object; texts, dates and lists are not"},
		{"components.schemas.EntityPropertyBean.properties", "value", "says string; a property's value is any JSON"},
		{"components.schemas.PropertyBean.properties", "value", "says string; a property's value is any JSON"},
		{"components.schemas.Property.properties", "value", "says string; a property's value is any JSON"},
	},
}

// exceptions are complaints that are not the simulator's fault, by the
// beginning of their text, each with its reason.
var exceptions = []struct{ flavour, problem, reason string }{
	{cloud, "GET /rest/api/3/search 410:", "the document still has the removed search; the recorded answer is 410"},
	{cloud, "POST /rest/api/3/search 410:", "the same"},
	{cloud, "GET /rest/api/3/serverInfo 200: : additional properties 'defaultLocale'", "the recorded answers have it"},
	{cloud, "GET /rest/api/3/issue/{issueIdOrKey}/remotelink 200: : got array", "the document gives the element's schema; recorded answers are arrays"},
	{datacenter, "POST /api/2/issue/{issueIdOrKey}/remotelink 201:", "a new link is 201, as clients of Data Center expect; the document has 200 for both"},
	{datacenter, "DELETE /api/2/issue/{issueIdOrKey}/comment/{id} 404:", "an absent comment is 404 in all operations next to it"},
}

func excuse(flavour, problem string) string {
	for _, e := range exceptions {
		if (e.flavour == "" || e.flavour == flavour) && strings.HasPrefix(problem, e.problem) {
			return e.problem
		}
	}
	return ""
}

// unsuccessful are operations that always refuse.
var unsuccessful = map[string]bool{"GET /search": true, "POST /search": true, "POST /webhook": true}
