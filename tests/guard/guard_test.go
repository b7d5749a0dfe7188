package guard

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// a broken promise: the text in the file, what stands in its place, and the test that has to fail then.
type broken struct {
	promise   string
	file      string
	old, new  string
	pkg, test string
}

var list = []broken{
	{
		"a pair is written only as it was read",
		"shared/pair/pair.go", `store.Replace(store.Doc{Key: p.key("head"), Body: is.headBody, Rev: p.headRev, Index: p.index()})`,
		`store.Put(store.Doc{Key: p.key("head"), Body: is.headBody, Index: p.index()})`,
		"shared/pair", "TestTwoAtOnce",
	}, {
		"an ack clears what it names, and nothing newer",
		"shared/pair/head.go", `h.Acked >= h.Revision && (no`, `(no`,
		"tests/sim", "TestEverythingConverges",
	}, {
		"the search's mark moves when all was taken in",
		"shared/reconcile/reconcile.go", "if err := w.read(ctx, fresh, mark); err != nil {\n\t\treturn len(fresh), err\n\t}", "_ = w.read(ctx, fresh, mark)",
		"tests/world", "TestTheMarkWaitsForWhatCouldNotBeTakenIn",
	}, {
		"after a restore the side of the copies says which it has",
		"shared/pair/rejoin.go", `p.State.Lists = p.Head.Revision`, ``,
		"tests/world", "TestARestoredSideWithdrawsWhatLeftSinceItsBackup",
	}, {
		"a creation carries its marker",
		"shared/apply/create.go", `Remote: c.Issue.ID, Intent: m.twin.Intent, Edits: given(m.writes)}`, `Edits: given(m.writes)}`,
		"tests/world", "TestALostAnswerMakesNoSecondTwin",
	}, {
		"a creation that may have happened is looked for",
		"shared/apply/create.go", `if m.twin = t; again || c.Anew != 0 {`, `if m.twin = t; again && false {`,
		"tests/world", "TestALostAnswerMakesNoSecondTwin",
	}, {
		"a change is acknowledged when it is stored",
		"shared/pair/answer.go", `	g, err := b.glance(ctx, connection, t.Local)
	if err != nil || g != nil && g.Applied < revision {
		return nil, err
	}
	p, err := b.Load(ctx, connection, t.Local)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return &bridge.Ack{Connection: connection, Issue: remoteIssue, Revision: revision, Outcome: bridge.Unmatched}, nil
	}
	if p.Head.Applied < revision {
		return nil, nil
	}`,
		"\tp, err := b.Load(ctx, connection, t.Local)\n\tif err != nil || p == nil {\n\t\treturn nil, err\n\t}\n\tp.Head.Outcome = nil",
		"tests/world", "TestWhatIsOnlyQueuedIsNotAcknowledged",
	}, {
		"our own writes say which edit they carry",
		"shared/observe/carries.go", `carried(out, h.ID, m)`, `_ = m`,
		"tests/world", "TestCallsPerChange",
	}, {
		"of two records of an entry the later edit stands",
		"shared/merge/winner.go", "case b == nil || a.Seq > b.Seq:\n\t\treturn a\n\tcase b.Seq > a.Seq:\n\t\treturn b", "case b == nil:\n\t\treturn a",
		"shared/merge", "TestJoinLaws",
	}, {
		"the live lane goes first",
		"shared/pair/outbox.go", `lanes = []bridge.Lane{bridge.Live, bridge.Bulk}`, `lanes = []bridge.Lane{bridge.Bulk, bridge.Live}`,
		"tests/world", "TestLiveOvertakesBulk",
	}, {
		"nobody is given more than an exchange can name",
		"shared/relay/hub.go", `h.Next(ctx, connection, len(in.Holds), func`, `h.Next(ctx, connection, 0, func`,
		"tests/world", "TestHandsThatAreFull",
	}, {
		"bulk changes leave room for live ones",
		"shared/relay/relay.go", `const liveRoom = 1000`, `const liveRoom = 0`,
		"tests/world", "TestHandsThatAreFull",
	}, {
		"a burst of webhooks is taken in first",
		"shared/work/work.go", `for p.Burst != nil && p.Burst() && `, `for false && `,
		"shared/work", "TestABurstGoesFirst",
	}, {
		"conditions are judged before anything is written",
		"shared/store/sqlitestore/docs.go", `if !o.Conditional() {`, `if true {`,
		"shared/store/sqlitestore", "TestStoreConformance",
	}, {
		"what is not proven open is not sent",
		"shared/publish/comment.go", `return c.Complete && (c.Internal != nil || !service)`, `return true`,
		"tests/world", "TestRestrictedCommentsStayInside",
	}, {
		"what becomes restricted is withdrawn",
		"shared/merge/member.go", `s.Rules, true, before.left()`, `s.Rules, true, false`,
		"shared/merge", "TestSee",
	}, {
		"a reply goes with the comment it replies to",
		"shared/publish/secret.go", `if o.Parent != "" && !o.Tombstone()`, `if false && !o.Tombstone()`,
		"tests/world", "TestInsideOverTime",
	}, {
		"an issue with a security level tells nothing",
		"shared/site/trigger.go", "if why != \"\" || !limited {\n\t\treturn why, nil", "if !limited {\n\t\treturn \"\", nil",
		"tests/world", "TestASecurityLevelStaysInside",
	}, {
		"a comment arrives internal in a service project",
		"shared/rule/comment.go", `w.Internal = service && !public`, `w.Internal = false`,
		"tests/world", "TestCommentsArriveInternalInAServiceProject",
	}, {
		"an unusual share of issues stops the connection",
		"shared/site/guard.go", "why, err := s.unusual(ctx, connection, kinds, s.tallied)\n\tif err != nil || why == \"\" {", "why, err := s.unusual(ctx, connection, kinds, s.tallied)\n\tif true {",
		"tests/world", "TestAnEmptiedProjectStopsTheConnection",
	}, {
		"a write that a Jira does not name is known by its stored intent",
		"shared/apply/plan.go", `p.State.Intents = append(p.State.Intents, in)`, `_ = in`,
		"tests/world", "TestHistoriesWithoutMetadataFallBackToIntents",
	}, {
		"a link that somebody made here is not taken for a copy",
		"shared/apply/link.go", `case found != nil && !m.shared && (`, `case false && (`,
		"tests/world", "TestALinkThatStandsAlreadyIsNobodysCopy",
	}, {
		"nothing is said of an issue that is under no sync",
		"shared/pair/await.go", `return err == nil && p != nil && p.Head.Status`, `return err == nil || p.Head.Status`,
		"tests/world", "TestALinkWaitsForItsOtherEnd",
	}, {
		"what waits for another issue is noted before anybody looks",
		"shared/apply/parent.go", `if err := book.Await(ctx, connection, remote, waits); err != nil {`, `if err != nil {`,
		"tests/world", "TestALinkWaitsForItsOtherEnd",
	}, {
		"nothing is said of a parent that is under no sync",
		"shared/observe/load.go", `v.Issue.Apart = !inside`, `_ = inside`,
		"tests/world", "TestNothingIsSaidOfAParentThatIsNotUnderSync",
	}, {
		"a sub-task whose parent came later is asked for again",
		"shared/apply/parent.go", `return f.Site.Book.AskFor(ctx, connection, remote)`, `return nil`,
		"tests/world", "TestASubtaskWaitsForTheTwinOfItsParent",
	}, {
		"a nonce counts once",
		"shared/exchange/session.go", `if known == hash {`, `if false {`,
		"tests/attack", "TestReplays",
	}, {
		"one poller at a time",
		"shared/exchange/session.go", `case now.UnixMilli() >= s.Until:`, `case true:`,
		"shared/exchange", "TestLease",
	}, {
		"a nonce of a transfer counts once",
		"shared/exchange/book.go", `err := b.Store.Apply(ctx, store.Create(d))`, `err := b.Store.Apply(ctx, store.Put(d))`,
		"tests/attack", "TestReplayOfOtherCalls",
	}, {
		"a request is good for its time only",
		"shared/sign/request.go", `case v.Now.After(expires):`, `case false:`,
		"tests/attack", "TestOldAndFutureRequestsAreRefused",
	}, {
		"every invitation has its own key",
		"shared/poll/link.go", `case l.Invitation == inv.ID:`, `case !l.Key.IsZero():`,
		"shared/poll", "TestEveryInvitationHasItsOwnKey",
	},
}

// patience is for one test, with the building of it.
const patience = 4 * time.Minute

// TestEveryBreakIsNoticed breaks one promise after the other, two at a time.
func TestEveryBreakIsNoticed(t *testing.T) {
	if len(list) < 10 {
		t.Fatal("ten at least")
	}
	slots := make(chan struct{}, 2)
	for _, b := range list {
		t.Run(b.promise, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			out := run(t, b.pkg, b.test, "-overlay", b.overlay(t))
			if !strings.Contains(out, "--- FAIL: "+b.test) {
				t.Errorf("%s: nothing noticed that %q is broken; %s said:\n%s", b.file, b.promise, b.test, tail(out))
			}
		})
	}
}

// TestTheNamedTestsPass: a test that fails anyway notices nothing.
func TestTheNamedTestsPass(t *testing.T) {
	named := map[string][]string{}
	for _, b := range list {
		if !slices.Contains(named[b.pkg], b.test) {
			named[b.pkg] = append(named[b.pkg], b.test)
		}
	}
	for pkg, tests := range named {
		out := run(t, pkg, strings.Join(tests, "|"))
		for _, test := range tests {
			if !strings.Contains(out, "--- PASS: "+test) {
				t.Errorf("%s: %s does not pass by itself:\n%s", pkg, test, tail(out))
			}
		}
	}
}

// overlay writes the broken file, and says which one it stands for.
func (b broken) overlay(t *testing.T) string {
	t.Helper()
	file, dir := filepath.Join(root(t), filepath.FromSlash(b.file)), t.TempDir()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), b.old); n != 1 {
		t.Fatalf("%s has the text to break %d times, not once; the list no longer fits the code: %s", b.file, n, b.old)
	}
	with, overlay := filepath.Join(dir, filepath.Base(file)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{file: with}})
	if err == nil {
		err = os.WriteFile(with, []byte(strings.Replace(string(source), b.old, b.new, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, replace, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return overlay
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs tests of a package in the short form and returns what go test said.
func run(t *testing.T, pkg, tests string, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := slices.Concat([]string{"test", "-short", "-v", "-vet=off", "-failfast", "-run", "^(" + tests + ")$"}, flags, []string{"./" + pkg})
	switch pkg {
	case "tests/sim":
		args = append(args, "-runs", "60", "-shrink", "0")
	case "shared/merge":
		args = append(args, "-rapid.nofailfile")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root(t)
	out, _ := cmd.CombinedOutput() // what it said decides
	return string(out)
}

// tail is the end of a long text.
func tail(s string) string { return s[max(0, len(s)-2000):] }
