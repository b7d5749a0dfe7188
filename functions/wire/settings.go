// Package wire is what the Lambda mains share: the settings they take from
// their environment, the drivers on AWS, and the adapters between Lambda's
// events and the flows, which know nothing of Lambda.
//
// It owns one stored key: part "hub", sort "state", which names the state of
// this hub. Start reading at [Load] and [New]; http.go adapts API Gateway,
// batch.go SQS.
package wire

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are the environment of a function. template.yaml sets it; a test
// checks that the two agree.
type Settings struct {
	Table    string // DynamoDB table
	Bucket   string // S3 bucket of blobs and claim checks
	Live     string // URLs of the queues
	Bulk     string
	Secrets  string // prefix of the SSM parameters
	Site     string // name of the public site
	JiraURL  string // where its API is called
	JiraUser string // account; its token is the secret jira-token
	Flavour  string // cloud or datacenter
	Expires  string // day on which jira-token expires, as 2027-03-31, or never
	HubURL   string // base URL under which pollers and Jira reach the hub
	Pace     string // normal or cheap
	Version  string // of Drawbridge
	LogLevel string // debug, info, warn, error
	History  string // days the history holds values

	SecretsVersion string // raised by the operator: a new value starts functions anew, with the new secrets
}

// variables are the names of the environment, and where each goes.
func (s *Settings) variables() map[string]*string {
	return map[string]*string{
		"DRAWBRIDGE_TABLE": &s.Table, "DRAWBRIDGE_BUCKET": &s.Bucket,
		"DRAWBRIDGE_LIVE_QUEUE": &s.Live, "DRAWBRIDGE_BULK_QUEUE": &s.Bulk,
		"DRAWBRIDGE_SECRETS": &s.Secrets, "DRAWBRIDGE_SECRETS_VERSION": &s.SecretsVersion,
		"DRAWBRIDGE_SITE": &s.Site, "DRAWBRIDGE_JIRA_URL": &s.JiraURL, "DRAWBRIDGE_JIRA_USER": &s.JiraUser,
		"DRAWBRIDGE_JIRA_FLAVOUR": &s.Flavour, "DRAWBRIDGE_CREDENTIAL_EXPIRES": &s.Expires, "DRAWBRIDGE_HUB_URL": &s.HubURL, "DRAWBRIDGE_PACE": &s.Pace,
		"DRAWBRIDGE_VERSION": &s.Version, "DRAWBRIDGE_LOG_LEVEL": &s.LogLevel,
		"DRAWBRIDGE_HISTORY_DAYS": &s.History,
	}
}

// keep is how long the history holds values.
func (s *Settings) keep() time.Duration {
	days, _ := strconv.Atoi(s.History) // looked at by Load
	return time.Duration(days) * 24 * time.Hour
}

// Variables are the names of all settings, sorted.
func Variables() []string { return slices.Sorted(maps.Keys(new(Settings).variables())) }

// Load reads the settings. The error names every variable that is missing or
// wrong at once.
func Load(getenv func(string) string) (Settings, error) {
	var s Settings
	var wrong []string
	for _, name := range Variables() {
		v := getenv(name)
		*s.variables()[name] = v
		if v == "" {
			wrong = append(wrong, name+" is not set")
		}
	}
	for name, allowed := range map[string][]string{
		"DRAWBRIDGE_JIRA_FLAVOUR": {"cloud", "datacenter"}, "DRAWBRIDGE_PACE": {"normal", "cheap"},
		"DRAWBRIDGE_LOG_LEVEL": {"debug", "info", "warn", "error"},
	} {
		if v := *s.variables()[name]; v != "" && !slices.Contains(allowed, v) {
			wrong = append(wrong, fmt.Sprintf("%s is %q: must be %s", name, v, strings.Join(allowed, ", ")))
		}
	}
	if n, err := strconv.Atoi(s.History); s.History != "" && (err != nil || n < 1) {
		wrong = append(wrong, fmt.Sprintf("DRAWBRIDGE_HISTORY_DAYS is %q: must be a number of days", s.History))
	}
	if _, ok := s.expires(); s.Expires != "" && s.Expires != "never" && !ok {
		wrong = append(wrong, fmt.Sprintf("DRAWBRIDGE_CREDENTIAL_EXPIRES is %q: must be a day such as 2027-03-31, or never", s.Expires))
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return s, fmt.Errorf("environment: %s; template.yaml sets all of these", strings.Join(wrong, "; "))
	}
	return s, nil
}

// expires is the day on which the token of the Jira expires; ok is false where it is not known. A day the month does not
// have is one of the next month.
func (s *Settings) expires() (t time.Time, ok bool) {
	var year, month, day int
	if _, err := fmt.Sscanf(s.Expires, "%d-%d-%d", &year, &month, &day); err != nil {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
}
