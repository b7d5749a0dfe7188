package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/config"
)

func newConfig(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Write, check and describe the settings files",
		Long:  `There are two settings files, hub.yaml and poller.yaml. docs/configuration.md lists every setting.`,
	}
	c.AddCommand(newConfigCheck(s), newConfigExample(s), newConfigSchema(s), newConfigHubKey(s))
	return c
}

func newConfigCheck(s *screen) *cobra.Command {
	var kind string
	var offline bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Report every mistake in a settings file",
		Long: `Reads a settings file as the hub or the poller would and reports every mistake at once: the line, what is
allowed there, and the nearest right word. Looks whether the secrets it names are there; nothing is called
over the network (that is what drawbridge doctor does).`,
		Example: `  drawbridge config check hub.yaml
  drawbridge config check --offline --kind poller settings.yaml`,
		Args: words("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := kindOf(c, kind, args[0])
			if err != nil {
				return err
			}
			if err := checkSettings(k, args[0], offline); err != nil {
				return err
			}
			return s.show(map[string]any{"mistakes": []string{}}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: no mistakes in this %s.yaml\n", args[0], k)
			})
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "hub or poller, where neither the file's name nor its content tells")
	c.Flags().BoolVar(&offline, "offline", false, "do not look whether the secrets are there")
	jsonFlag(c, s)
	return c
}

func checkSettings(k config.Kind, path string, offline bool) error {
	switch {
	case offline:
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if found := config.Check(k, path, data); len(found) > 0 {
			return found
		}
		return nil
	case k == config.HubFile:
		_, err := config.LoadHub(path)
		return err
	}
	_, err := config.LoadPoller(path)
	return err
}

// kindOf is which file it is: as the flag says, as its name says, or as its content does.
func kindOf(c *cobra.Command, flag, path string) (config.Kind, error) {
	if flag != "" {
		return parseKind(c, flag)
	}
	name := strings.ToLower(filepath.Base(path))
	for _, k := range config.Kinds {
		if strings.Contains(name, string(k)) {
			return k, nil
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if bytes.Contains(data, []byte("public_url")) {
		return config.HubFile, nil
	}
	return config.PollerFile, nil
}

func parseKind(c *cobra.Command, word string) (config.Kind, error) {
	for _, k := range config.Kinds {
		if word == string(k) {
			return k, nil
		}
	}
	return "", usage(c.CommandPath(), "there is no settings file %q; say hub or poller", word)
}

func newConfigExample(s *screen) *cobra.Command {
	return &cobra.Command{
		Use:   "example hub|poller",
		Short: "Print a settings file to start from",
		Long: `Prints a short settings file with comments. Write it to a file, change what is yours, then run drawbridge
config check. It holds no secrets and never should: it names where they are.`,
		Example: "  drawbridge config example poller > poller.yaml",
		Args:    words("hub or poller"),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := parseKind(c, args[0])
			if err != nil {
				return err
			}
			example, err := config.Example(k)
			if err != nil {
				return err
			}
			_, err = s.out.Write(example)
			return err
		},
	}
}

func newConfigSchema(s *screen) *cobra.Command {
	return &cobra.Command{
		Use:   "schema hub|poller",
		Short: "Print the JSON Schema of a settings file",
		Long: `Prints the JSON Schema (draft 2020-12) that drawbridge itself checks with. An editor that knows it completes
settings and marks mistakes while you type.`,
		Example: `  drawbridge config schema hub > hub.schema.json
  # first line of hub.yaml, for editors with the YAML language server:
  # yaml-language-server: $schema=hub.schema.json`,
		Args: words("hub or poller"),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := parseKind(c, args[0])
			if err != nil {
				return err
			}
			schema, err := config.Schema(k)
			if err != nil {
				return err
			}
			_, err = s.out.Write(schema)
			return err
		},
	}
}
