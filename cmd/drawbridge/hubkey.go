package main

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/shared/sign"
)

func newConfigHubKey(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "hub-key",
		Short: "Print a fresh signing key for a hub on AWS",
		Long: `Prints a fresh signing key, for the SSM parameter hub-key of a hub on AWS. It is a secret: whoever has it can
answer pollers in the hub's name. A hub on one machine makes its key itself. To rotate a key, put the fresh one
before the old one, a space between them; docs/operations.md says how and when the old one may go.`,
		Example: `  aws ssm put-parameter --name /drawbridge/STACK/hub-key --type SecureString --value "$(drawbridge config hub-key)"`,
		RunE: func(*cobra.Command, []string) error {
			key, err := sign.NewKey(rand.Reader)
			if err != nil {
				return err
			}
			text, err := key.MarshalText()
			if err != nil {
				return err
			}
			return s.show(map[string]string{"key": string(text)}, func(w io.Writer) { fmt.Fprintln(w, string(text)) })
		},
	}
	jsonFlag(c, s)
	return c
}
