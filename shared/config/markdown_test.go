package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const introduction = `# Configuration

Two files, one per half. Every mistake in a file is reported at once, with its line and the nearest right word:

%s
Relative paths count from the folder of the file. Editors check while you type with the JSON Schema that
` + "`drawbridge config schema hub`" + ` and ` + "`drawbridge config schema poller`" + ` print. This page is written from the same schema.

## Secrets

A secret never stands in a file and is never taken from a flag. The file says where it is:

%s
A file is read again each time the secret is needed, so a rotated one counts at once; one that everybody on the machine may
read is refused. No log line holds a secret: whatever is logged, known secrets are replaced by ` + "`[secret]`" + `.

`

func TestDocumentationIsTheSchema(t *testing.T) {
	page := fmt.Sprintf(introduction,
		fence("sh", "drawbridge config check hub.yaml\n"),
		fence("yaml", "token: {env: JIRA_TOKEN}\ntoken: {file: /etc/drawbridge/jira-token}   # chmod 600\n"))
	for _, k := range Kinds {
		table, err := Markdown(k)
		if err != nil {
			t.Fatal(err)
		}
		example, err := os.ReadFile("testdata/" + string(k) + "/good/smallest.yaml")
		if err != nil {
			t.Fatal(err)
		}
		table = strings.Replace(table, "\n\n| setting", "\n\nThe least that works:\n\n"+fence("yaml", string(example))+"\n| setting", 1)
		page += table + "\n"
	}
	golden(t, "../../docs/configuration.md", strings.ReplaceAll(strings.TrimRight(page, "\n")+"\n", "TEST_TOKEN", "JIRA_TOKEN"))
}

func fence(language, text string) string { return "```" + language + "\n" + text + "```\n" }
