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
	"drawbridge/shared/notify"
	"drawbridge/shared/rule"
	"drawbridge/shared/scan"
	"drawbridge/shared/site"
)

// A verdict is what doctor says of one thing.
type verdict string

const (
	fine    verdict = "fine"
	missing verdict = "missing"  // something that is wanted will not work
	spare   verdict = "optional" // not there, and nothing that the rules ask for depends on it
	unused  verdict = "unused"   // not there, and no rule needs it
	unsure  verdict = "unknown"  // it cannot be asked
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
	var notice bool
	c := s.operate(&cobra.Command{
		Use:   "doctor",
		Short: "Check account, permissions, clocks and network",
		Long: `Checks by harmless calls what this half will need: the account on its Jira, each permission per project and
what does not work without it, Jira's version, clock, upload limit and search index, the webhook, proxy and
certificates, and on the private side the way to the hub and its object store. One line each: fine, missing,
optional (not there, and nothing that the rules ask for depends on it), unused or unknown. Where a side has
published a contract: whether the rules fit to it. The scan_command is tried with a harmless file, and with
--notify everybody the settings tell gets a test message. Exit code 3 if something is missing.
docs/permissions.md explains every line.`,
		Example:     "  drawbridge doctor --project OPS --config poller.yaml",
		Annotations: map[string]string{"finding": "something is missing"},
	}, func(ctx context.Context, h *half, _ []string) error {
		found, err := h.doctor(ctx, projects)
		if err != nil {
			return err
		}
		if notice {
			found = append(found, h.tryNotices(ctx)...)
		}
		return h.report(found)
	})
	c.Flags().StringSliceVar(&projects, "project", nil, "project key; default: those of the connections")
	c.Flags().BoolVar(&notice, "notify", false, "send a test message to everybody whom notify: in the settings tells")
	return c
}

// tryNotices sends a test message each way the settings name.
func (h *half) tryNotices(ctx context.Context) (found []finding) {
	all, err := senders(h.notify())
	if err != nil {
		return []finding{{What: "notify", Verdict: missing, Note: err.Error()}}
	}
	n := notify.Notice{Key: "test", Name: "test", Subject: "a test by " + whoAsks(), Text: "This message was asked for with drawbridge doctor --notify. Nothing is wrong.",
		Site: h.settings().Name, At: h.now()}
	for _, s := range all {
		f := finding{What: fmt.Sprintf("notify by %s", s), Verdict: fine, Note: "a test message was sent"}
		if err := s.Send(ctx, n); err != nil {
			f.Verdict, f.Note = missing, err.Error()
		}
		found = append(found, f)
	}
	if len(all) == 0 {
		found = []finding{{What: "notify", Verdict: spare, Note: "the settings tell nobody"}}
	}
	return found
}

// scanned tries the scan command with a harmless file.
func (h *half) scanned(ctx context.Context) []finding {
	if h.stack != nil {
		return []finding{{What: "scan_command", Verdict: spare, Note: "a hub on AWS runs no program: what comes in is not scanned there; the poller's scan_command sees what goes inside"}}
	}
	program := h.hub.Scan
	if h.role == bridge.Private {
		program = h.poller.Scan
	}
	if len(program) == 0 {
		return nil
	}
	const text = "a harmless file of drawbridge doctor"
	f := finding{What: "scan_command " + program[0], Verdict: fine, Note: "lets a harmless file through"}
	r, err := scan.Program(program).Scanned(ctx, io.NopCloser(strings.NewReader(text)), bridge.Member{Name: "doctor.txt", Type: "text/plain", Size: int64(len(text))})
	if err != nil {
		f.Verdict, f.Note = missing, err.Error()+": no attachment comes in"
		return []finding{f}
	}
	_ = r.Close() // nobody reads it
	return []finding{f}
}

// report shows findings, and is errFinding where something is missing.
func (h *half) report(found []finding) error {
	err := h.screen.show(map[string]any{"findings": found}, func(w io.Writer) { printFindings(h.screen, w, found) })
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Verdict == missing {
			return errFinding
		}
	}
	return nil
}

func (h *half) doctor(ctx context.Context, projects []string) ([]finding, error) {
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if len(projects) == 0 {
		projects = slices.Clone(h.settings().Projects)
		for _, c := range connections {
			if c.Project != "" && c.State != bridge.Ended {
				projects = append(projects, c.Project)
			}
		}
		slices.Sort(projects)
		projects = slices.Compact(projects)
	}
	e := h.exam()
	if err := h.withJira(); err != nil {
		return nil, err
	}
	var contracts []finding
	for _, c := range connections {
		r, n, err := h.site.Rules(ctx, c.ID)
		if err != nil || c.State == bridge.Ended {
			continue // what is wrong with this Jira is said below
		}
		if n > 0 {
			e.rules = append(e.rules, r)
		}
		a, err := agree(ctx, h.site, c.ID, r)
		if err != nil {
			return nil, err
		}
		contracts = append(contracts, a.findings(c.Name)...)
	}
	e.heard, err = h.site.Deliveries(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.of(ctx, projects)
	if err != nil {
		return nil, err
	}
	if h.role == bridge.Private {
		found = append(found, h.reachHubs(ctx)...)
	}
	return append(append(found, contracts...), h.scanned(ctx)...), nil
}

// exam is what is to be looked at for this half.
func (h *half) exam() exam {
	e := exam{site: h.settings(), overlap: h.watching().Overlap.Std(), interval: h.watching().Interval.Std(), limit: int64(h.limits().Attachment)}
	if w, err := h.hook(); err == nil {
		e.hook = &w
	}
	return e
}

func (h *half) watching() config.Watch {
	if h.role == bridge.Public {
		return h.hub.Watch
	}
	return h.poller.Watch
}

func (h *half) limits() config.Limits {
	if h.role == bridge.Public {
		return h.hub.Limits
	}
	return h.poller.Limits
}

// An exam is what is to be looked at on one site.
type exam struct {
	site     config.Site
	rules    []*rule.Rules   // what connections do here; none: anything
	hook     *hook           // the webhook that should be there; nil: none
	heard    site.Deliveries // what came by it
	interval time.Duration   // between two searches
	overlap  time.Duration   // how far the search index may lag
	limit    int64           // largest attachment carried, in bytes
}

// of checks the Jira by harmless calls. The error is for what could not be asked at all.
func (e exam) of(ctx context.Context, projects []string) ([]finding, error) {
	client, err := jiraClient(e.site, 1, nil, nil)
	if err != nil {
		return nil, err
	}
	transport, err := e.site.Network.Transport()
	if err != nil {
		return nil, err
	}
	found := []finding{door(ctx, transport, "way to Jira", e.site.APIURL+"/rest/api/2/serverInfo")}
	me, err := client.Myself(ctx)
	if err != nil {
		return append(found, finding{What: "account on " + e.site.APIURL, Verdict: missing, Note: err.Error(), Needed: true}), nil
	}
	found = append(found, finding{What: "account on " + e.site.APIURL, Verdict: fine, Note: fmt.Sprintf("%s (%s)", me.DisplayName, me.ID()), Needed: true})
	found = append(found, server(ctx, client, e.site)...)
	found = append(found, expiry(e.site), uploads(ctx, client, e.limit))
	used := usedBy(e.rules)
	for _, p := range projects {
		found = append(found, inProject(ctx, client, p, used)...)
	}
	wide, isAdmin := inJira(ctx, client, used)
	return append(append(found, wide...), e.index(ctx, client), e.webhook(ctx, client, isAdmin)), nil
}

// oldestServer is the oldest Data Center release that Drawbridge is tested with.
const oldestServer = "8.20"

// clockSlack is how far two clocks may differ without anybody noticing.
const clockSlack = 30 * time.Second

func server(ctx context.Context, client *jira.Client, s config.Site) []finding {
	info, err := client.ServerInfo(ctx)
	if err != nil {
		return []finding{{What: "version", Verdict: unsure, Note: err.Error()}}
	}
	v := finding{What: "version", Verdict: fine, Note: "Jira " + info.Version}
	cloud := strings.EqualFold(info.DeploymentType, "Cloud")
	switch {
	case info.DeploymentType != "" && cloud != (s.Flavour == bridge.Cloud):
		v = finding{What: "flavour", Verdict: missing, Needed: true, Note: fmt.Sprintf("the settings say %s, the server says %s", s.Flavour, info.DeploymentType)}
	case !cloud && info.Before(8, 20):
		v.Verdict, v.Note = missing, fmt.Sprintf("Jira %s is older than %s, the oldest that Drawbridge is tested with", info.Version, oldestServer)
	}
	offset := client.ClockOffset().Round(time.Millisecond)
	c := finding{What: "clock", Verdict: fine, Note: "Jira's differs by " + offset.String()}
	if offset.Abs() > clockSlack {
		c.Verdict = spare
		c.Note += "; Drawbridge takes that into account, but people will wonder: let both machines follow a time server"
	}
	return []finding{v, c}
}

func expiry(s config.Site) finding {
	left := time.Until(s.CredentialExpires.Time)
	switch {
	case s.CredentialExpires.IsZero():
		return finding{What: "credential", Verdict: unsure, Note: "say credential_expires in the settings (on AWS: the parameter CredentialExpires) to be warned ahead"}
	case left < 0:
		return finding{What: "credential", Verdict: missing, Note: "expired on " + s.CredentialExpires.Format(time.DateOnly)}
	}
	return finding{What: "credential", Verdict: fine, Note: "expires in " + span(left)}
}

func uploads(ctx context.Context, client *jira.Client, most int64) finding {
	f := finding{What: "upload limit", Verdict: fine}
	limit, enabled, err := client.UploadLimit(ctx)
	switch {
	case err != nil:
		f.Verdict, f.Note = unsure, err.Error()
	case !enabled:
		f.Verdict, f.Note = missing, "attachments are switched off in this Jira: none can be written"
	case limit < most:
		f.Verdict, f.Note = spare, fmt.Sprintf("Jira takes %s, the settings allow %s: a larger attachment becomes a link and a note", size(limit), size(most))
	default:
		f.Note = "Jira takes " + size(limit)
	}
	return f
}

// size is a number of bytes for a person.
func size(n int64) string {
	for _, u := range []struct {
		of   int64
		name string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= u.of {
			return fmt.Sprintf("%d %s", n/u.of, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func (e exam) index(ctx context.Context, client *jira.Client) finding {
	f := finding{What: "search index", Verdict: fine}
	state, ok, err := client.IndexLag(ctx)
	switch lag := state.Lag().Round(time.Second); {
	case err != nil:
		f.Verdict, f.Note = unsure, err.Error()
	case !ok:
		f.Verdict, f.Note = unsure, fmt.Sprintf("this Jira does not say how far it is behind; up to %s is searched again each time", e.overlap)
	case lag > e.overlap:
		f.Verdict, f.Note = missing, fmt.Sprintf("it is behind by %s, searches reach back %s: changes are noticed late; raise watch.overlap or let Jira reindex", lag, e.overlap)
	default:
		f.Note = "behind by " + lag.String()
	}
	return f
}

// webhook says whether Jira has the webhook of this half and sends by it.
func (e exam) webhook(ctx context.Context, client *jira.Client, isAdmin bool) finding {
	f := finding{What: "webhook", Verdict: fine}
	if e.hook == nil {
		f.Verdict, f.Note = spare, fmt.Sprintf("the settings have none: changes are found by search, every %s", e.interval)
		return f
	}
	last := "nothing came by it yet"
	if e.heard.Last != 0 {
		last = "last delivery " + ago(time.Now().UnixMilli()-e.heard.Last)
	}
	if !isAdmin {
		f.Verdict, f.Note = unsure, "the account may not look; "+last+"; drawbridge webhook show says how to make it by hand"
		return f
	}
	all, err := client.ListWebhooks(ctx)
	ours := e.hook.among(all)
	switch {
	case err != nil:
		f.Verdict, f.Note = unsure, err.Error()
	case len(ours) == 0:
		f.Verdict, f.Note = missing, fmt.Sprintf("there is none that sends to %s: changes are found by search, every %s; say drawbridge webhook create", e.hook.URL, e.interval)
	case !ours[0].Enabled:
		f.Verdict, f.Note = missing, fmt.Sprintf("%q is disabled in Jira: changes are found by search, every %s", ours[0].Name, e.interval)
	default:
		f.Note = "there and enabled; " + last
	}
	return f
}

func printFindings(s *screen, w io.Writer, found []finding) {
	colour := map[verdict]func(string) string{fine: s.green, missing: s.red, spare: s.yellow, unsure: s.yellow, unused: func(t string) string { return t }}
	for _, f := range found {
		line := colour[f.Verdict](fmt.Sprintf("%-8s", f.Verdict)) + " " + f.What
		if f.Note != "" {
			line += ": " + f.Note
		}
		fmt.Fprintln(w, cell(line))
	}
}
