package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/jira"
	"drawbridge/shared/poll"
)

// A verdict is what doctor says of one thing.
type verdict string

const (
	fine    verdict = "fine"
	missing verdict = "missing"
	unsure  verdict = "unknown"
)

// A finding is one line of doctor's: fine, or missing and what will not work.
type finding struct {
	What    string  `json:"what"`
	Verdict verdict `json:"verdict"`
	Note    string  `json:"note,omitempty"`
	Needed  bool    `json:"needed"` // nothing works without it
}

func newDoctor(s *screen) *cobra.Command {
	var projects []string
	c := s.operate(&cobra.Command{
		Use:   "doctor",
		Short: "Check account, permissions, clocks and network",
		Long: `Checks by harmless calls what this half will need: the account on its Jira, each permission per project and
what does not work without it, Jira's version and clock, the search index, the webhook, and on the private
side the way to the hub. One line each. Exit code 3 if something is missing.`,
		Example:     "  drawbridge doctor --project OPS --config poller.yaml",
		Annotations: map[string]string{"finding": "something is missing"},
	}, func(ctx context.Context, h *half, _ []string) error {
		found, err := h.doctor(ctx, projects)
		if err != nil {
			return err
		}
		err = h.screen.show(map[string]any{"findings": found}, func(w io.Writer) { printFindings(h.screen, w, found) })
		if err != nil {
			return err
		}
		for _, f := range found {
			if f.Verdict == missing {
				return errFinding
			}
		}
		return nil
	})
	c.Flags().StringSliceVar(&projects, "project", nil, "project key; default: those of the connections")
	return c
}

func (h *half) doctor(ctx context.Context, projects []string) ([]finding, error) {
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if len(projects) == 0 {
		projects = h.settings().Projects
		for _, c := range connections {
			if c.Project != "" {
				projects = append(projects, c.Project)
			}
		}
	}
	found, err := examine(ctx, h.settings(), projects)
	if err != nil {
		return nil, err
	}
	if h.role == bridge.Private {
		found = append(found, h.reachHubs(ctx)...)
	}
	return found, nil
}

// reachHubs says for each connection whether its hub answers. Any answer counts: whether it knows us is seen in status.
func (h *half) reachHubs(ctx context.Context) (found []finding) {
	links, err := poll.Book{Store: h.book.Store}.Links(ctx)
	if err != nil {
		return []finding{{What: "hubs", Verdict: unsure, Note: err.Error()}}
	}
	hc, err := hubClient(h.poller.Hub.Network)
	if err != nil {
		return []finding{{What: "network settings for the hub", Verdict: missing, Note: err.Error(), Needed: true}}
	}
	hc.Timeout = 15 * time.Second
	for _, l := range links {
		f := finding{What: "hub " + l.HubURL, Verdict: fine, Needed: true}
		resp, err := hc.Get(strings.TrimRight(l.HubURL, "/") + "/v1/")
		if err != nil {
			f.Verdict, f.Note = missing, err.Error()
		} else {
			_ = resp.Body.Close() // only that it answered counts
			f.Note = "answers"
		}
		found = append(found, f)
	}
	return found
}

// A permission is one of Jira's, and what does not work without it.
type permission struct {
	key, without string
	needed       bool
}

// permissions are what Drawbridge uses, per project.
var permissions = []permission{
	{"BROWSE_PROJECTS", "nothing of the project can be seen", true},
	{"CREATE_ISSUES", "twins cannot be created here", true},
	{"EDIT_ISSUES", "no field can be written", true},
	{"ADD_COMMENTS", "comments cannot be written", false},
	{"EDIT_OWN_COMMENTS", "a comment edited over there stays as it was here", false},
	{"DELETE_OWN_COMMENTS", "a comment deleted or restricted over there stays here", false},
	{"CREATE_ATTACHMENTS", "attachments cannot be written", false},
	{"DELETE_OWN_ATTACHMENTS", "an attachment deleted over there stays here", false},
	{"TRANSITION_ISSUES", "the status cannot follow", false},
	{"RESOLVE_ISSUES", "the resolution cannot be set", false},
	{"ASSIGN_ISSUES", "the assignee cannot follow", false},
	{"MODIFY_REPORTER", "the reporter is our account", false},
	{"SCHEDULE_ISSUES", "the due date cannot be set", false},
	{"LINK_ISSUES", "no remote link to the twin", false},
	{"SET_ISSUE_SECURITY", "a security level cannot be set", false},
}

// examine checks one Jira by harmless calls. The error is for what could not be asked at all.
func examine(ctx context.Context, s config.Site, projects []string) ([]finding, error) {
	client, err := jiraClient(s, 1, nil, nil)
	if err != nil {
		return nil, err
	}
	me, err := client.Myself(ctx)
	if err != nil {
		return []finding{{What: "account on " + s.APIURL, Verdict: missing, Note: err.Error(), Needed: true}}, nil
	}
	found := []finding{{What: "account on " + s.APIURL, Verdict: fine, Note: fmt.Sprintf("%s (%s)", me.DisplayName, me.ID()), Needed: true}}
	found = append(found, server(ctx, client, s), expiry(s))
	for _, p := range projects {
		found = append(found, inProject(ctx, client, p)...)
	}
	return append(found, admin(ctx, client)...), nil
}

func server(ctx context.Context, client *jira.Client, s config.Site) finding {
	info, err := client.ServerInfo(ctx)
	if err != nil {
		return finding{What: "server", Verdict: unsure, Note: err.Error()}
	}
	f := finding{What: "Jira " + info.Version, Verdict: fine, Note: "clock differs by " + client.ClockOffset().Round(time.Millisecond).String()}
	if cloud := strings.EqualFold(info.DeploymentType, "Cloud"); info.DeploymentType != "" && cloud != (s.Flavour == bridge.Cloud) {
		return finding{What: "flavour", Verdict: missing, Needed: true, Note: fmt.Sprintf("the settings say %s, the server says %s", s.Flavour, info.DeploymentType)}
	}
	return f
}

func expiry(s config.Site) finding {
	left := time.Until(s.CredentialExpires.Time)
	switch {
	case s.CredentialExpires.IsZero():
		return finding{What: "credential", Verdict: unsure, Note: "say credential_expires in the settings to be warned ahead"}
	case left < 0:
		return finding{What: "credential", Verdict: missing, Note: "expired on " + s.CredentialExpires.Format(time.DateOnly)}
	}
	return finding{What: "credential", Verdict: fine, Note: "expires in " + span(left)}
}

// inProject checks the permissions in one project. Whether the project is there is asked first: not every Jira says so
// when it is asked for permissions.
func inProject(ctx context.Context, client *jira.Client, project string) (found []finding) {
	names, err := client.Names(ctx)
	if err != nil {
		return []finding{{What: "project " + project, Verdict: unsure, Note: err.Error()}}
	}
	if !slices.ContainsFunc(names.Projects, func(p jira.Project) bool { return p.Key == project }) {
		return []finding{{What: "project " + project, Verdict: missing, Needed: true, Note: "there is none of that key that the account may see"}}
	}
	keys := make([]string, len(permissions))
	for i, p := range permissions {
		keys[i] = p.key
	}
	have, err := client.MyPermissions(ctx, project, keys...)
	if err != nil {
		return []finding{{What: "project " + project, Verdict: missing, Needed: true, Note: err.Error()}}
	}
	for _, p := range permissions {
		f := finding{What: project + ": " + p.key, Verdict: fine, Needed: p.needed}
		switch granted, told := have[p.key]; {
		case !told:
			f.Verdict, f.Note = unsure, "this Jira does not say; without it "+p.without
		case !granted:
			f.Verdict, f.Note = missing, p.without
		}
		found = append(found, f)
	}
	return found
}

func admin(ctx context.Context, client *jira.Client) []finding {
	have, err := client.MyPermissions(ctx, "", "ADMINISTER")
	if err != nil {
		return []finding{{What: "ADMINISTER", Verdict: unsure, Note: err.Error()}}
	}
	if !have["ADMINISTER"] {
		return []finding{{What: "ADMINISTER", Verdict: unsure, Note: "not granted, and not needed: webhooks are made by hand, and edits may notify watchers"}}
	}
	found := []finding{{What: "ADMINISTER", Verdict: fine, Note: "webhooks can be made from here, edits can be silent"}}
	if lag, ok, err := client.IndexLag(ctx); err == nil && ok {
		found = append(found, finding{What: "search index", Verdict: fine, Note: "behind by " + lag.Lag().Round(time.Second).String()})
	}
	return found
}

func printFindings(s *screen, w io.Writer, found []finding) {
	for _, f := range found {
		mark := map[verdict]string{fine: s.green("fine   "), missing: s.red("missing"), unsure: s.yellow("unknown")}[f.Verdict]
		line := mark + "  " + f.What
		if f.Note != "" {
			line += ": " + f.Note
		}
		fmt.Fprintln(w, line)
	}
}
