package crash

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"drawbridge/tests/rig"
)

// TestBulkCutOff kills the half that goes through the query of a first sync, hub or poller, in the middle of a page: some
// issues of its second page are under sync. The job goes on by itself with that page, and every issue gets one twin.
func TestBulkCutOff(t *testing.T) {
	t.Parallel()
	for _, public := range []bool{true, false} {
		t.Run(map[bool]string{true: "of public issues", false: "of private issues"}[public], func(t *testing.T) {
			t.Parallel()
			w := rig.New(t, rig.Options{Rules: strings.Split(rig.Everything, "triggers:")[0]})
			b := bulk{t, w.Public, w.Private, w.RunOnHub, &w.Hub, w.StartHub}
			if !public {
				b = bulk{t, w.Private, w.Public, w.RunOnPoller, &w.Poller, w.StartPoller}
			}
			b.cutOff()
		})
	}
}

// bulk is a first sync from one side to the other.
type bulk struct {
	t        *testing.T
	from, to *rig.Jira
	run      func(args ...string) rig.Result // on the half that goes through the query
	half     **rig.Process                   // that half
	start    func()
}

const (
	bulkIssues = 160
	bulkPage   = 100 // issues in a page of the job
)

func (b bulk) cutOff() {
	t := b.t
	var people sync.WaitGroup
	for i := range 4 {
		people.Go(func() {
			for n := i; n < bulkIssues; n += 4 {
				b.from.Create(fmt.Sprint("cut off ", n), nil)
			}
		})
	}
	people.Wait()
	b.from.Fault(rig.Fields{"route": "* /search*", "latency": "700ms"})
	if r := b.run("sync", "bulk", "--jql", "project = "+b.from.Project, "--yes", "--detach"); r.Code != 0 {
		t.Fatal(r.Out, r.Err)
	}
	var begun int
	rig.Eventually(t, rig.Patience, "the second page is under way", func() string {
		if begun = b.pairs(); begun <= bulkPage || begun >= bulkIssues {
			return fmt.Sprint(begun, " issues are under sync")
		}
		return ""
	})
	(*b.half).Kill()
	b.start()
	before := b.job()
	if before.State != "running" || before.Begun != bulkPage || before.Looked != bulkPage {
		t.Errorf("killed in its second page, with %d pairs, the job is %+v", begun, before)
	}
	if r := b.run("status"); !strings.Contains(r.Out, fmt.Sprintf("bulk start: %d of %d issues looked at, %d put under sync: project = %s", bulkPage, bulkIssues, bulkPage, b.from.Project)) {
		t.Errorf("status says %s%s", r.Out, r.Err)
	}
	b.from.Heal()
	rig.Eventually(t, 2*rig.Patience, "the job has ended", func() string {
		if j := b.job(); j.State != "done" {
			return fmt.Sprintf("%+v", j)
		}
		return ""
	})
	if j := b.job(); j.Looked != bulkIssues || j.Begun+j.Known != bulkIssues || j.Known < begun-bulkPage || j.Known >= bulkPage {
		t.Errorf("killed with %d pairs, the job did not go on with its second page: %+v", begun, j)
	}
	rig.Eventually(t, 2*rig.Patience, "every issue has its twin", func() string {
		twins := map[string]int{}
		for _, f := range b.to.All() {
			twins[f.Summary()]++
		}
		if len(twins) != bulkIssues {
			return fmt.Sprint(len(twins), " twins")
		}
		return ""
	})
	if all := b.to.All(); len(all) != bulkIssues {
		t.Errorf("%d twins of %d issues", len(all), bulkIssues)
	}
}

// pairs is how many pairs there are where the job is.
func (b bulk) pairs() int {
	var out struct{ Pairs []any }
	if err := json.Unmarshal([]byte(b.run("sync", "list", "--json").Out), &out); err != nil {
		b.t.Fatal(err)
	}
	return len(out.Pairs)
}

// jobView is the job as shown.
type jobView struct {
	State                string
	Looked, Begun, Known int
}

func (b bulk) job() jobView {
	var out struct{ Jobs []jobView }
	if err := json.Unmarshal([]byte(b.run("sync", "bulk", "--json").Out), &out); err != nil || len(out.Jobs) != 1 {
		b.t.Fatal(err, out)
	}
	return out.Jobs[0]
}
