package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

func newUsers(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "Find out who is who on the two sides",
		Long: `The two Jiras share no key for people but the e-mail address, which Cloud rarely shows. The users table of the
rules says who is who; this helps to write it.`,
	}
	c.AddCommand(s.withConnection(&cobra.Command{
		Use:   "suggest",
		Short: "Propose rows for the users table, to be approved",
		Long: `Lists the people of the other side met so far (in user fields and as authors), who of this side they may be, and
why: the same e-mail address, the same name, or a name alike. It prints rows for the users table of this
side's rules; those that are not certain are comments. Nothing is changed: read them, put the right ones into
the rule file, publish it.`,
		Example: "  drawbridge users suggest --config poller.yaml >> rules.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		if err := h.withJira(); err != nil {
			return err
		}
		list, err := h.site.Suggest(ctx, c.ID)
		if err != nil {
			return err
		}
		return s.show(map[string]any{"suggestions": list}, func(w io.Writer) { printSuggestions(w, list) })
	}))
	return c
}

func printSuggestions(w io.Writer, list []site.Suggestion) {
	fmt.Fprintln(w, "# people of the other side, most met first; approve a row by putting it into the rules:")
	fmt.Fprintln(w, "# users:\n#   table:")
	for _, s := range list {
		remote := bridge.OneLine(cmp.Or(s.Remote.Email, s.Remote.Name)) // a line end would end the comment
		met := plural(s.Issues, "issue", "issues")
		switch {
		case s.Known:
			fmt.Fprintf(w, "#   %s: found already (%s)\n", remote, met)
		case len(s.Local) == 1 && (s.Why == "e-mail" || s.Why == "name"):
			fmt.Fprintf(w, "    - {local: %s, remote: %s}   # %s, same %s, %s\n", quoted(s.Local[0].ID), quoted(remote), bridge.OneLine(s.Local[0].Name), s.Why, met)
		case len(s.Local) == 0:
			fmt.Fprintf(w, "#   %s: nobody alike here (%s)\n", remote, met)
		default:
			for _, l := range s.Local {
				fmt.Fprintf(w, "#   - {local: %s, remote: %s}   # %s? %s, %s\n", quoted(l.ID), quoted(remote), bridge.OneLine(l.Name), s.Why, met)
			}
		}
	}
}

// quoted is a text as YAML takes it anywhere.
func quoted(s string) string {
	return "'" + strings.ReplaceAll(bridge.OneLine(s), "'", "''") + "'"
}
