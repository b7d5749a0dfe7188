package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/rule"
)

// A capability is something the account on a Jira has to be allowed, what it is for, and what does not work without it.
// docs/permissions.md shows this list; a test keeps the two equal.
type capability struct {
	What    string   // as doctor names it
	Keys    []string // Jira's permissions, all of them
	Use     use      // what it is for
	Without string   // what does not work without it
}

// A use is what Drawbridge needs a permission for. Where the rules of a project write nothing of the kind, it may be missing.
type use string

const (
	always      use = "everything"
	extra       use = "more than the usual" // nothing that the rules ask for depends on it
	comments    use = "comments"
	attachments use = "attachments"
	worklogs    use = "worklogs"
	links       use = "remote links"
	issueLinks  use = "links"
	agents      use = "service projects"
	people      use = "user fields"
	// The others are the id of a field.
)

var inProjects = []capability{
	{"browse", []string{"BROWSE_PROJECTS"}, always, "nothing of the project can be seen"},
	{"create", []string{"CREATE_ISSUES"}, always, "twins cannot be created here"},
	{"edit", []string{"EDIT_ISSUES"}, always, "no field can be written"},
	{"transition", []string{"TRANSITION_ISSUES"}, "status", "the status cannot follow"},
	{"resolve", []string{"RESOLVE_ISSUES"}, "resolution", "the resolution cannot be set"},
	{"assign", []string{"ASSIGN_ISSUES"}, "assignee", "the assignee cannot follow"},
	{"modify reporter", []string{"MODIFY_REPORTER"}, "reporter", "the reporter is Drawbridge's account"},
	{"schedule", []string{"SCHEDULE_ISSUES"}, "duedate", "the due date cannot be set"},
	{"set security", []string{"SET_ISSUE_SECURITY"}, "security", "a security level cannot be set"},
	{"link", []string{"LINK_ISSUES"}, links, "issues get no remote link to their twin"},
	{"link issues", []string{"LINK_ISSUES"}, issueLinks, "links between issues cannot be made or removed"},
	{"comments", []string{"ADD_COMMENTS"}, comments, "comments cannot be written"},
	{"comments, own", []string{"EDIT_OWN_COMMENTS", "DELETE_OWN_COMMENTS"}, comments, "a comment edited, deleted or restricted over there stays as it was here"},
	{"comments, all", []string{"EDIT_ALL_COMMENTS", "DELETE_ALL_COMMENTS"}, extra, "copies that another account wrote, such as a tool that was replaced, stay as they are"},
	{"attachments", []string{"CREATE_ATTACHMENTS"}, attachments, "attachments cannot be written"},
	{"attachments, own", []string{"DELETE_OWN_ATTACHMENTS"}, attachments, "an attachment deleted over there stays here"},
	{"worklogs", []string{"WORK_ON_ISSUES", "EDIT_OWN_WORKLOGS", "DELETE_OWN_WORKLOGS"}, worklogs, "time spent cannot be written"},
	{"service-desk agent", []string{"SERVICEDESK_AGENT"}, agents, "nothing that arrives can be shown to customers; it takes an agent's licence"},
	{"silent edits", []string{"ADMINISTER_PROJECTS"}, extra, "edits in bulk notify people as edits of a person do, unless the account is an administrator of Jira"},
}

// onSite are asked of the Jira as a whole.
var onSite = []capability{
	{"browse users", []string{"USER_PICKER"}, people, "people are not found by e-mail or name; the users table has to give their account ids"},
	{"Jira administrator", []string{"ADMINISTER"}, extra, "the webhook is made by hand, edits in bulk notify people, the lag of the search index is not known"},
}

// lacking are those of its permissions that are not granted.
func (c capability) lacking(have map[string]bool) (out []string) {
	for _, k := range c.Keys {
		if !have[k] {
			out = append(out, k)
		}
	}
	return out
}

// finding says how it stands with a capability.
func (c capability) finding(where string, have map[string]bool, used func(use) bool) finding {
	f := finding{What: where + c.What + " (" + strings.Join(c.Keys, ", ") + ")", Verdict: fine, Needed: c.Use == always}
	lacking := c.lacking(have)
	switch {
	case len(lacking) == 0:
		return f
	case slices.ContainsFunc(lacking, func(k string) bool { _, told := have[k]; return !told }):
		f.Verdict, f.Note = unsure, "this Jira does not say; without it "+c.Without
		return f
	case c.Use == extra:
		f.Verdict = spare
	case !used(c.Use):
		f.Verdict, f.Note = unused, "not granted; no rule writes that here"
		return f
	default:
		f.Verdict = missing
	}
	f.Note = c.Without
	if len(lacking) < len(c.Keys) {
		f.Note = "without " + strings.Join(lacking, " and ") + " " + c.Without
	}
	return f
}

// permissionKeys are all permissions of a list but those that only some Jiras know.
func permissionKeys(list []capability) (keys []string) {
	for _, c := range list {
		if c.Use != agents {
			keys = append(keys, c.Keys...)
		}
	}
	return keys
}

// inProject checks the permissions in one project. Whether the project is there is asked first: not every Jira says so
// when it is asked for permissions.
func inProject(ctx context.Context, client *jira.Client, project string, used func(use) bool) (found []finding) {
	names, err := client.Names(ctx)
	if err != nil {
		return []finding{{What: "project " + project, Verdict: unsure, Note: err.Error()}}
	}
	i := slices.IndexFunc(names.Projects, func(p jira.Project) bool { return p.Key == project })
	if i < 0 {
		return []finding{{What: "project " + project, Verdict: missing, Needed: true, Note: "there is none of that key that the account may see"}}
	}
	have, err := client.MyPermissions(ctx, project, permissionKeys(inProjects)...)
	if err != nil {
		return []finding{{What: "project " + project, Verdict: missing, Needed: true, Note: err.Error()}}
	}
	for _, c := range inProjects {
		if c.Use == agents {
			if names.Projects[i].TypeKey == "service_desk" {
				found = append(found, agent(ctx, client, project, c))
			}
			continue
		}
		found = append(found, c.finding(project+": ", have, used))
	}
	return found
}

// agent is asked apart: a Jira without service projects does not know the permission and refuses the whole question.
func agent(ctx context.Context, client *jira.Client, project string, c capability) finding {
	have, err := client.MyPermissions(ctx, project, c.Keys...)
	if err != nil {
		return finding{What: project + ": " + c.What, Verdict: unsure, Note: err.Error()}
	}
	return c.finding(project+": ", have, func(use) bool { return true })
}

// inJira checks what is asked of the Jira as a whole.
func inJira(ctx context.Context, client *jira.Client, used func(use) bool) (found []finding, isAdmin bool) {
	have, err := client.MyPermissions(ctx, "", permissionKeys(onSite)...)
	if err != nil {
		return []finding{{What: "permissions in all of Jira", Verdict: unsure, Note: err.Error()}}, false
	}
	for _, c := range onSite {
		found = append(found, c.finding("", have, used))
	}
	return found, have["ADMINISTER"]
}

// usedBy says what the rules of connections write here. Without any rules to look at, everything may be written.
func usedBy(all []*rule.Rules) func(use) bool {
	return func(u use) bool {
		if len(all) == 0 || u == always {
			return true
		}
		for _, r := range all {
			if takes(r, u) {
				return true
			}
		}
		return false
	}
}

func takes(r *rule.Rules, u use) bool {
	switch u {
	case links:
		return r.RemoteLinks() != "off"
	case people:
		return slices.ContainsFunc(r.Rows(), func(row rule.Row) bool {
			return row.In && (row.TargetKind == bridge.User || row.TargetKind == bridge.Users)
		})
	}
	return r.Takes(string(u))
}

// writePermissions writes the table of docs/permissions.md.
func writePermissions(w io.Writer) {
	row := func(cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	row("doctor says", "Jira's permission", "needed for", "without it")
	row("---", "---", "---", "---")
	for _, c := range slices.Concat(inProjects, onSite) {
		row(c.What, "`"+strings.Join(c.Keys, "`, `")+"`", string(c.Use), c.Without)
	}
}
