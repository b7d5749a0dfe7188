package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const usageTemplate = `Usage: {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if .Groups}}{{range $g := .Groups}}
{{$g.Title}}
{{range $cmds}}{{if (and (eq .GroupID $g.ID) .IsAvailableCommand)}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}{{end}}{{else}}
{{range $cmds}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}{{end}}{{end}}{{if .HasExample}}
Example:
{{.Example}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if not .HasAvailableSubCommands}}
Exit codes: 0 done; 1 it did not work; 2 used wrongly{{with index .Annotations "finding"}}; 3 {{.}}{{end}}
{{end}}{{with index .Annotations "pages"}}
More: {{.}}
{{end}}`

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

// newRoot builds the command tree. A command is in it when it works.
func newRoot(s *screen) *cobra.Command {
	root := &cobra.Command{
		Use:   "drawbridge",
		Short: "Keep issues of two Jiras in sync, opened from the inside only",
		Long: `Drawbridge keeps issues of a public Jira (Cloud) and a private Jira (Data Center behind a firewall) in sync,
both ways. Only the private side ever opens a connection.

Try it:            drawbridge demo
Public side:       drawbridge hub --config hub.yaml
Private side:      drawbridge poller run --config poller.yaml
Something wrong?   drawbridge status --config FILE, then drawbridge sync explain KEY --config FILE`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetVersionTemplate("drawbridge {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c.CommandPath(), "%v", err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	addCommands(root, s)
	addGroups(root)
	strict(root)
	more(root)
	return root
}

// pages is where what a command is about is told at length, by the command's words; what is below it, unless named, is told there too.
var pages = map[string]string{
	"":               "README.md, docs/guarantees.md, docs/glossary.md",
	"demo":           "README.md",
	"simulator":      "simulator/README.md",
	"hub":            "docs/operations.md, docs/network.md, docs/costs.md",
	"poller":         "docs/operations.md, docs/network.md",
	"connection":     "docs/operations.md (the life of a connection), docs/topologies.md",
	"webhook":        "docs/operations.md (the webhook)",
	"webhook button": "docs/in-jira.md",
	"doctor":         "docs/permissions.md, docs/network.md",
	"site":           "docs/operations.md (the life of a connection)",
	"rules":          "docs/rules.md",
	"contract":       "docs/contract.md",
	"status":         "docs/operations.md (looking at it), docs/playbooks",
	"sync":           "docs/operations.md (when something is wrong)",
	"sync bulk":      "docs/bulk.md, docs/quiet-first-sync.md",
	"sync shadow":    "docs/quiet-first-sync.md",
	"sync pair":      "docs/bulk.md, docs/from-exalate.md",
	"sync rebase":    "docs/operations.md (a migration)",
	"errors":         "docs/errors.md",
	"audit":          "docs/roles.md",
	"users":          "docs/rules.md (users)",
	"recall":         "docs/data.md",
	"erase":          "docs/data.md",
	"config":         "docs/configuration.md",
	"version":        "CHANGELOG.md, docs/operations.md (upgrade)",
}

// more tells each command's help where there is more to read.
func more(c *cobra.Command) {
	words := strings.Fields(strings.TrimPrefix(c.CommandPath(), "drawbridge"))
	for pages[strings.Join(words, " ")] == "" {
		words = words[:len(words)-1]
	}
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations["pages"] = pages[strings.Join(words, " ")]
	for _, sub := range c.Commands() {
		more(sub)
	}
}

// addGroups adds the headings under which there is a command.
func addGroups(root *cobra.Command) {
	for _, g := range []cobra.Group{{ID: "start", Title: "To begin with:"}, {ID: "halves", Title: "The two halves:"},
		{ID: "daily", Title: "Every day:"}, {ID: "settings", Title: "Settings:"}} {
		if slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.GroupID == g.ID }) {
			root.AddGroup(&g)
		}
	}
	root.SetHelpCommandGroupID("settings")
}

func addCommands(root *cobra.Command, s *screen) {
	root.AddCommand(
		in("start", newDemo(s)),
		in("start", newSimulator(s)),
		in("halves", newHub(s)),
		in("halves", newPoller(s)),
		in("halves", newConnection(s)),
		in("halves", newWebhook(s, "")),
		in("halves", newDoctor(s)),
		in("halves", newSite(s)),
		in("daily", newRules(s)),
		in("daily", newContract(s)),
		in("daily", newStatus(s, "drawbridge status --config hub.yaml")),
		in("daily", newSync(s)),
		in("daily", newErrors(s)),
		in("daily", newAudit(s)),
		in("settings", newUsers(s)),
		in("daily", newRecall(s)),
		in("daily", newErase(s)),
		in("settings", newConfig(s)),
		in("settings", newVersion(s)),
	)
}

func in(group string, c *cobra.Command) *cobra.Command {
	c.GroupID = group
	return c
}

// strict makes every group of commands refuse a word it does not know, with the nearest ones it does, and every command
// refuse wrong arguments as wrong usage.
func strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		strict(sub)
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usage(c.CommandPath(), "there is no command %q%s", strings.TrimSpace(c.CommandPath()+" "+args[0]), suggestions(c, args[0]))
		}
		return
	}
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(c, args); err != nil {
			return usage(c.CommandPath(), "%v", err)
		}
		return nil
	}
}

func suggestions(c *cobra.Command, word string) string {
	c.SuggestionsMinimumDistance = 2
	found := c.SuggestionsFor(word)
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", strings.Join(found, " or "))
}

// words makes an argument check that names what is missing: words("NAME") wants exactly one argument, a NAME.
func words(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// jsonFlag adds --json to a command that prints something a script may want.
func jsonFlag(c *cobra.Command, s *screen) {
	c.Flags().BoolVar(&s.asJSON, "json", false, "print JSON for scripts")
}
