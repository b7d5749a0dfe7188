package config

import (
	"fmt"
	"strings"
)

// Markdown describes a settings file for people: one row per setting, from the schema.
func Markdown(k Kind) (string, error) {
	all, err := parsed()
	if err != nil {
		return "", err
	}
	s, ok := all[k]
	if !ok {
		return "", fmt.Errorf("no settings file %q; there is one for hub and one for poller", k)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n| setting | value | default | |\n|---|---|---|---|\n", s.Title, s.Description)
	rows(&b, s, "")
	return b.String(), nil
}

func rows(b *strings.Builder, s *schema, path string) {
	for _, p := range s.Properties {
		name := join(path, p.name)
		mark := ""
		for _, r := range s.Required {
			if r == p.name {
				mark = " *required*"
			}
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s | %s |\n", name, mark, cell(form(p.schema)), standard(p.schema), cell(p.Description))
		if p.Type == object && !p.Secret {
			rows(b, p.schema, name)
		}
	}
}

// form says what a value looks like.
func form(s *schema) string {
	switch {
	case s.Secret:
		return "`{env: NAME}` or `{file: PATH}`"
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case s.Type == array:
		return "list: " + form(s.Items)
	case s.Type == object:
		return "settings below"
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("%d to %d", *s.Minimum, *s.Maximum)
	case s.Expects != "":
		return s.Expects
	}
	return named(s.Type)
}

func standard(s *schema) string {
	if s.Default == nil {
		return ""
	}
	return "`" + strings.Trim(string(s.Default), `"`) + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
