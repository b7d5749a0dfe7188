package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/notify"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

func newContract(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "contract",
		Short: "Agree with the other side on names, kinds and values",
		Long: `Neither side sees the other's rules. A contract tells what they come to: the names, kinds and values that a
side sends and accepts. Each side publishes one if it wants to; rules are then checked against the other's.
docs/contract.md has the whole.`,
	}
	c.AddCommand(newContractShow(s), newContractDiff(s), newContractPublish(s), newContractApprove(s), newContractWithdraw(s))
	return c
}

func newContractShow(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "show",
		Short: "Print both sides' contracts, and how they stand",
		Long: `Prints what each side has published of what it sends and accepts: its latest contract, whether that is in force
or waits for approval, and whether the other side has it. Where the rules here do not fit: drawbridge rules check.`,
		Example: "  drawbridge contract show --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		v, err := h.site.Contracts(ctx, c.ID)
		if err != nil {
			return err
		}
		return h.screen.show(contractsView(v), func(w io.Writer) {
			h.printStanding(w, "this side", v.Ours, arrived(v.Ours))
			if v.Ours.Latest != nil {
				printTerms(w, *v.Ours.Latest)
			}
			fmt.Fprintln(w)
			h.printStanding(w, "the other side", v.Theirs, "")
			if v.Theirs.Latest != nil {
				printTerms(w, *v.Theirs.Latest)
			}
		})
	})
}

// contractsView is both contracts for a script.
func contractsView(v site.Contracts) map[string]any {
	of := func(s site.Standing) map[string]any {
		return map[string]any{"standing": s.String(), "latest": s.Latest, "in_force": s.InForce(), "changes": changes(s)}
	}
	return map[string]any{"ours": of(v.Ours), "theirs": of(v.Theirs)}
}

// arrived says whether the other side has our contract.
func arrived(s site.Standing) string {
	if s.Latest == nil || s.Has == s.Latest.At {
		return ""
	}
	return "; not yet on the other side"
}

func (h *half) printStanding(w io.Writer, who string, s site.Standing, also string) {
	if s.Latest == nil {
		fmt.Fprintf(w, "%s has published no contract\n", who)
		return
	}
	fmt.Fprintf(w, "contract of %s, %s, published %s%s\n", who, s, h.when(s.Latest.At), also)
	if in := s.InForce(); s.Waiting() && in != nil {
		fmt.Fprintf(w, "  in force meanwhile: revision %d\n", in.Revision)
	}
}

func printTerms(w io.Writer, c bridge.Contract) {
	for _, line := range rule.DiffContracts(bridge.Contract{}, c) {
		fmt.Fprintln(w, "  "+line[2:]) // everything is new, against nothing
	}
}

// changes are what the latest contract says and the one in force before did not.
func changes(s site.Standing) []string {
	var was, is bridge.Contract
	if s.Before != nil {
		was = *s.Before
	}
	if s.Latest != nil {
		is = *s.Latest
	}
	return rule.DiffContracts(was, is)
}

func newContractDiff(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "diff",
		Short: "Show what the latest contracts add, drop and retype",
		Long: `Shows of each side's latest contract what it adds (+), drops (-) and gives another kind or other values (~)
against the one that was in force before. What publishing now would change: drawbridge contract publish --dry-run.`,
		Example: "  drawbridge contract diff --config poller.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		v, err := h.site.Contracts(ctx, c.ID)
		if err != nil {
			return err
		}
		return h.screen.show(contractsView(v), func(w io.Writer) {
			for _, side := range []struct {
				who string
				site.Standing
			}{{"this side", v.Ours}, {"the other side", v.Theirs}} {
				h.printStanding(w, side.who, side.Standing, "")
				if side.Latest != nil {
					h.printChanges(w, changes(side.Standing))
				}
			}
			if v.Theirs.Waiting() {
				fmt.Fprintf(w, "\nto agree: drawbridge contract approve %d\n", v.Theirs.Latest.Revision)
			}
		})
	})
}

func (h *half) printChanges(w io.Writer, lines []string) {
	for _, l := range lines {
		fmt.Fprintln(w, "  "+h.screen.diffLine(l))
	}
	if len(lines) == 0 {
		fmt.Fprintln(w, "  nothing else than before")
	}
}

func newContractPublish(s *screen) *cobra.Command {
	var file string
	var names, wait, dryRun bool
	c := s.withConnection(&cobra.Command{
		Use:   "publish",
		Short: "Tell the other side what the rules here send and accept",
		Long: `Works out of the rules in force, or of a rule file, what this side sends and accepts, and tells the other side:
keys, kinds, and values where a value table lists them all; never expressions, queries, projects, users. Keys of rows that only
take are told too: by default they are the names of your fields. With --names also the names of this site's statuses,
priorities, resolutions and types are told where a row lets them pass as they are.

With --wait the contract is in force when the other side has approved it. From then on rules that send what it does not have
are refused, until another contract is approved or one published without --wait. To send less is always allowed.`,
		Example: `  drawbridge contract publish --dry-run --config hub.yaml
  drawbridge contract publish --rules next.yaml --wait --config hub.yaml`,
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		bound, err := h.bindFor(ctx, c, file)
		if err != nil {
			return err
		}
		was, err := h.site.Contracts(ctx, c.ID)
		if err != nil {
			return err
		}
		next := site.Standing{Latest: contractOf(bound, names), Before: was.Ours.InForce()}
		next.Latest.Waits = wait
		if dryRun {
			return h.screen.show(map[string]any{"changes": changes(next)}, func(w io.Writer) { h.printChanges(w, changes(next)) })
		}
		if latest := was.Ours.Latest; latest != nil && same(*latest, *next.Latest) {
			return h.screen.show(map[string]any{"contract": latest, "changes": []string{}}, func(w io.Writer) {
				fmt.Fprintf(w, "contract of %s: revision %d says the same already\n", c.Name, latest.Revision)
			})
		}
		return h.publishContract(ctx, c, *next.Latest, names)
	})
	c.Flags().StringVar(&file, "rules", "", "a rule file that is not in force yet")
	withFlag(c, &names, "names", "tell also names of this site that rows let pass as they are")
	withFlag(c, &wait, "wait", "in force only when the other side has approved it")
	return withFlag(c, &dryRun, "dry-run", "only show what the other side would be told")
}

func contractOf(r *rule.Rules, names bool) *bridge.Contract {
	c := new(bridge.Contract)
	c.Sends, c.Accepts = rule.ContractOf(r, names)
	return c
}

// same reports whether two contracts say the same in the same way.
func same(a, b bridge.Contract) bool {
	return a.Waits == b.Waits && a.Withdrawn == b.Withdrawn && reflect.DeepEqual(a.Sends, b.Sends) && reflect.DeepEqual(a.Accepts, b.Accepts)
}

func (h *half) publishContract(ctx context.Context, c *bridge.Connection, next bridge.Contract, names bool) error {
	now, err := site.PublishContract(ctx, h.site, c.ID, next, names)
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"contract": now.Latest, "changes": changes(now)}, func(w io.Writer) {
		fmt.Fprintf(w, "contract of %s: %s\n", c.Name, now)
		h.printChanges(w, changes(now))
	})
}

func newContractApprove(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "approve REVISION",
		Short: "Agree to the other side's contract",
		Long: `Agrees to the other side's latest contract; look at it first, with drawbridge contract diff. One that was published
with --wait is in force from then on, on both sides.`,
		Example: "  drawbridge contract approve 2 --config poller.yaml",
		Args:    words("REVISION"),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return usage("drawbridge contract approve", "revision %q is not a number; drawbridge contract diff shows it", args[0])
		}
		now, err := site.ApproveContract(ctx, h.site, c.ID, n)
		if err != nil {
			return err
		}
		return h.screen.show(map[string]any{"contract": now.Latest}, func(w io.Writer) {
			fmt.Fprintf(w, "contract of the other side of %s: revision %d is approved\n", c.Name, n)
		})
	})
}

func newContractWithdraw(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "withdraw",
		Short: "Publish nothing any more",
		Long: `Tells the other side that this side's contract does not hold any more. What the other side was told before, its
people may have kept. Nothing about what is sent and accepted changes by it.`,
		Example: "  drawbridge contract withdraw --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		was, err := h.site.Contracts(ctx, c.ID)
		if err == nil && (was.Ours.Latest == nil || was.Ours.Latest.Withdrawn) {
			err = bridge.Permanent("contract-unknown", "this side has published no contract")
		}
		if err != nil {
			return err
		}
		return h.publishContract(ctx, c, bridge.Contract{Withdrawn: true}, false)
	})
}

// An agreement is how rules stand to the contracts of both sides.
type agreement struct {
	Theirs   int64    `json:"their_contract,omitempty"` // revision of the one in force; 0: none
	Warnings []string `json:"warnings"`                 // where the rules do not fit to it
	Ours     int64    `json:"our_contract,omitempty"`   // revision of our latest
	Differs  []string `json:"differs,omitempty"`        // what publishing would change of it
	Exceeds  []string `json:"exceeds,omitempty"`        // what they send that ours, which was approved, does not have
	problems rule.Problems
	known    site.Contracts
}

// agree looks at rules, in force or not, beside the contracts.
func agree(ctx context.Context, s *site.Site, connection string, r *rule.Rules) (a agreement, err error) {
	known, err := s.Contracts(ctx, connection)
	if err != nil {
		return a, err
	}
	a.known, a.Warnings, a.Exceeds = known, []string{}, site.Exceeds(known.Ours, r)
	if theirs := known.Theirs.InForce(); theirs != nil {
		a.Theirs, a.problems = theirs.Revision, rule.Disagreements(r, *theirs)
		for _, p := range a.problems {
			a.Warnings = append(a.Warnings, p.String())
		}
	}
	if ours := known.Ours.Latest; ours != nil && !ours.Withdrawn {
		a.Ours, a.Differs = ours.Revision, rule.DiffContracts(*ours, *contractOf(r, known.Ours.Names))
	}
	return a, nil
}

// exceeded says that the rules send more than was approved; "" if they do not.
func (a agreement) exceeded() string {
	if len(a.Exceeds) == 0 {
		return ""
	}
	return fmt.Sprintf("the rules send what contract revision %d, which the other side approved, does not have", a.known.Ours.InForce().Revision)
}

// notices tell what of the contracts of a connection needs a person here.
func (a agreement) notices(c bridge.Connection) (out []notify.Notice) {
	say := func(name string, revision int64, subject, text string, items []string) {
		out = append(out, notify.Notice{Key: fmt.Sprintf("%s/%s/%d", name, c.ID, revision), Name: name, Subject: subject, Text: text, Items: items})
	}
	if theirs := a.known.Theirs; theirs.Waiting() {
		say("contract-waits", theirs.Latest.Revision, fmt.Sprintf("contract revision %d of the other side of %s waits for your approval", theirs.Latest.Revision, c.Name),
			fmt.Sprintf("What it adds (+), drops (-) and retypes (~) is below. To agree: drawbridge contract approve %d", theirs.Latest.Revision), changes(theirs))
	}
	if len(a.problems) > 0 {
		say("contract-unmet", a.Theirs, fmt.Sprintf("the rules of %s do not fit to contract revision %d of the other side", c.Name, a.Theirs),
			"One of the two sides has to change. drawbridge rules check says the same.", a.Warnings)
	}
	if text := a.exceeded(); text != "" {
		say("contract-exceeded", a.known.Ours.InForce().Revision, c.Name+": "+text,
			"Publish rules that send less, or have another contract approved: drawbridge contract publish --wait", a.Exceeds)
	}
	return out
}

// findings are the same for doctor; none where nobody has published a contract.
func (a agreement) findings(name string) (out []finding) {
	what := "contract of " + name
	if a.known.Theirs.Waiting() {
		out = append(out, finding{What: what, Verdict: spare, Note: fmt.Sprintf("revision %d of the other side waits for your approval; see drawbridge contract diff", a.known.Theirs.Latest.Revision)})
	}
	if len(a.problems) > 0 {
		out = append(out, finding{What: what, Verdict: spare, Note: fmt.Sprintf("the rules do not fit to revision %d of the other side: %s; drawbridge rules check says which", a.Theirs, plural(len(a.problems), "place", "places"))})
	}
	if text := a.exceeded(); text != "" {
		out = append(out, finding{What: what, Verdict: missing, Note: text + ": " + strings.Join(a.Exceeds, "; ")})
	}
	if len(out) == 0 && (a.known.Ours.InForce() != nil || a.known.Theirs.InForce() != nil) {
		out = append(out, finding{What: what, Verdict: fine, Note: "the rules fit to what both sides have published"})
	}
	return out
}

func (h *half) printAgreement(w io.Writer, a agreement) {
	if len(a.problems) > 0 {
		fmt.Fprintf(w, "\n%s this does not fit to contract revision %d of the other side:\n%s\n", h.screen.yellow("warning:"), a.Theirs, a.problems.Error())
	}
	if len(a.Exceeds) > 0 {
		fmt.Fprintf(w, "\n%s %s:\n  %s\n", h.screen.red("not allowed:"), a.exceeded(), strings.Join(a.Exceeds, "\n  "))
	}
	if len(a.Differs) > 0 {
		fmt.Fprintf(w, "\nnot what contract revision %d tells the other side; see drawbridge contract publish:\n", a.Ours)
		h.printChanges(w, a.Differs)
	}
}
