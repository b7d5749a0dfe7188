package crash

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// A crowd is people at work on both Jiras at once. It remembers what Jira confirmed to them: that must be on both sides in
// the end, once.
type crowd struct {
	w     *rig.World
	mu    sync.Mutex
	made  []made
	texts []member          // comments
	files []member          // attachments
	twins map[string]string // keys of twins, by token
	ops   int
	stop  chan struct{}
	wg    sync.WaitGroup
}

// made is an issue somebody made: the token in its summary never changes.
type made struct {
	token string
	at    *rig.Jira
	key   string
}

// member is a comment or an attachment somebody added to the issue with that token.
type member struct {
	token, word string
	sum         [32]byte // of an attachment's content
}

func newCrowd(w *rig.World) *crowd {
	return &crowd{w: w, twins: map[string]string{}, stop: make(chan struct{})}
}

// work lets n people work on each side until stopped.
func (c *crowd) work(seed uint64, n int, pause time.Duration) {
	c.wg.Go(c.notice)
	for i := range n {
		for s, j := range []*rig.Jira{c.w.Public, c.w.Private} {
			rng := rand.New(rand.NewPCG(seed, uint64(10*i+s)))
			c.wg.Go(func() { c.person(rng, j.As([]string{"alice", "bob", "admin"}[i%3]), pause) })
		}
	}
}

// quit sends everybody home; they may come again.
func (c *crowd) quit() {
	close(c.stop)
	c.wg.Wait()
	c.stop = make(chan struct{})
}

// workFor lets two people work on each side for a while.
func (c *crowd) workFor(seed uint64, d time.Duration) {
	c.work(seed, 2, 150*time.Millisecond)
	time.Sleep(d)
	c.quit()
}

func (c *crowd) person(rng *rand.Rand, j *rig.Jira, pause time.Duration) {
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(time.Duration(rng.Int64N(int64(2 * pause)))):
		}
		c.act(rng, j)
	}
}

// act does one thing. What Jira refuses (a rate limit, an edit at the same time) did not happen.
func (c *crowd) act(rng *rand.Rand, j *rig.Jira) {
	c.mu.Lock()
	c.ops++
	n := c.ops
	c.mu.Unlock()
	is, ok := c.pick(rng, j)
	switch k := rng.IntN(10); {
	case !ok || k < 2:
		c.create(j, n)
	case k < 6:
		c.edit(rng, j, is, n)
	case k < 8:
		word := fmt.Sprintf("word-%d.", n)
		if c.confirmed(j, "POST", "/rest/api/2/issue/"+is.key+"/comment", rig.Fields{"body": "says " + word}) {
			c.mu.Lock()
			c.texts = append(c.texts, member{token: is.token, word: word})
			c.mu.Unlock()
		}
	default:
		c.attach(rng, j, is, n)
	}
}

// pick chooses an issue that is on that side: made there, or a twin that somebody has noticed.
func (c *crowd) pick(rng *rand.Rand, j *rig.Jira) (made, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var here []made
	for _, is := range c.made {
		if is.at.Base == j.Base {
			here = append(here, is)
		}
		if key := c.twins[is.token]; is.at.Base != j.Base && key != "" {
			here = append(here, made{is.token, j, key})
		}
	}
	if len(here) == 0 {
		return made{}, false
	}
	return here[rng.IntN(len(here))], true
}

// notice looks now and then which twins there are, so that people work on those too.
func (c *crowd) notice() {
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(700 * time.Millisecond):
		}
		for _, j := range []*rig.Jira{c.w.Public, c.w.Private} {
			for _, f := range j.All() {
				token, _, _ := strings.Cut(f.Summary(), "]")
				c.mu.Lock()
				i := slices.IndexFunc(c.made, func(m made) bool { return m.token == token+"]" })
				if i >= 0 && c.made[i].at.Base != j.Base {
					c.twins[token+"]"] = f.Key
				}
				c.mu.Unlock()
			}
		}
	}
}

func (c *crowd) create(j *rig.Jira, n int) {
	token := fmt.Sprintf("[token-%d]", n)
	var out struct{ Key string }
	status, _, err := j.Do("POST", "/rest/api/2/issue", rig.Fields{"fields": rig.Fields{
		"project": rig.Fields{"key": j.Project}, "issuetype": rig.Fields{"name": "Task"}, "summary": token + " new",
	}}, &out)
	if err == nil && status < 300 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.made = append(c.made, made{token, j, out.Key})
	}
}

func (c *crowd) edit(rng *rand.Rand, j *rig.Jira, is made, n int) {
	fields := []rig.Fields{
		{"summary": fmt.Sprintf("%s edit %d", is.token, n)},
		{"description": fmt.Sprintf("description %d\n\nof *%s*", n, is.token)},
		{"labels": []string{fmt.Sprintf("l%d", n%7), fmt.Sprintf("m%d", n%5)}},
		{"priority": rig.Fields{"name": []string{"High", "Medium", "Low"}[n%3]}, "duedate": fmt.Sprintf("2031-01-%02d", 1+n%28)},
	}[rng.IntN(4)]
	c.confirmed(j, "PUT", "/rest/api/2/issue/"+is.key, rig.Fields{"fields": fields})
}

func (c *crowd) confirmed(j *rig.Jira, method, path string, body any) bool {
	status, _, err := j.Do(method, path, body, nil)
	return err == nil && status < 300
}

func (c *crowd) attach(rng *rand.Rand, j *rig.Jira, is made, n int) {
	content := bytes.Repeat([]byte(fmt.Sprintf("%d,", n)), 1+rng.IntN(30_000))
	name := fmt.Sprintf("file-%d.txt", n)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		return
	}
	_, _ = part.Write(content) // into memory
	_ = w.Close()
	if status, _, err := j.Send("POST", "/rest/api/2/issue/"+is.key+"/attachments", w.FormDataContentType(), &b, nil); err == nil && status == http.StatusOK {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.files = append(c.files, member{is.token, name, sha256.Sum256(content)})
	}
}

func (c *crowd) said() string {
	return fmt.Sprintf("%d issues, %d comments, %d attachments confirmed, %d things tried", len(c.made), len(c.texts), len(c.files), c.ops)
}

// shown is what one Jira shows of an issue.
type shown struct {
	key      string
	fields   map[string]string
	comments []string
	files    map[string][]rig.Attachment
}

var compared = []string{"summary", "description", "labels", "priority", "duedate", "status", "resolution"}

// look reads one Jira whole, by token; it returns a reason if an issue is there twice.
func look(j *rig.Jira) (map[string]shown, string) {
	out := map[string]shown{}
	j.Reindex()
	for _, f := range j.All() {
		token, _, ok := strings.Cut(f.Summary(), "]")
		if !ok || !strings.HasPrefix(token, "[") {
			continue
		}
		token += "]"
		if other, twice := out[token]; twice {
			return nil, fmt.Sprintf("%s is there twice in %s: %s and %s", token, j.Project, other.key, f.Key)
		}
		s := shown{key: f.Key, fields: map[string]string{}, files: map[string][]rig.Attachment{}}
		for _, name := range compared {
			s.fields[name] = rig.Text(f.Fields[name])
		}
		out[token] = s
	}
	for token, s := range out {
		for _, c := range j.Comments(s.key) {
			s.comments = append(s.comments, c.Body)
		}
		for _, a := range j.Attachments(s.key) {
			s.files[a.Filename] = append(s.files[a.Filename], a)
		}
		out[token] = s
	}
	return out, ""
}

// equal says "" if both Jiras are equal, and hold everything that was confirmed to somebody, once.
func (c *crowd) equal(t *testing.T) string {
	t.Helper()
	pub, priv := c.w.Public.For(t), c.w.Private.For(t)
	here, why := look(pub)
	if why != "" {
		return why
	}
	there, why := look(priv)
	if why != "" {
		return why
	}
	for _, is := range c.made {
		a, onPublic := here[is.token]
		b, onPrivate := there[is.token]
		if !onPublic || !onPrivate {
			return fmt.Sprintf("%s (%s) is on the public side: %v, on the private side: %v", is.token, is.key, onPublic, onPrivate)
		}
		for _, name := range compared {
			if a.fields[name] != b.fields[name] {
				return fmt.Sprintf("%s: %s is %q on %s and %q on %s", is.token, name, a.fields[name], a.key, b.fields[name], b.key)
			}
		}
	}
	if len(here) != len(there) {
		return fmt.Sprintf("%d issues on the public side, %d on the private side", len(here), len(there))
	}
	return c.members(t, map[*rig.Jira]map[string]shown{pub: here, priv: there})
}

func (c *crowd) members(t *testing.T, sides map[*rig.Jira]map[string]shown) string {
	t.Helper()
	for j, all := range sides {
		for _, m := range c.texts {
			n := 0
			for _, body := range all[m.token].comments {
				n += strings.Count(body, m.word)
			}
			if n != 1 {
				return fmt.Sprintf("%s: the comment %q is there %d times on %s", m.token, m.word, n, all[m.token].key)
			}
		}
		for _, m := range c.files {
			found := all[m.token].files[m.word]
			if len(found) != 1 {
				return fmt.Sprintf("%s: the attachment %s is there %d times on %s", m.token, m.word, len(found), all[m.token].key)
			}
			if sha256.Sum256(j.Content(found[0])) != m.sum {
				return fmt.Sprintf("%s: the attachment %s has another content on %s", m.token, m.word, all[m.token].key)
			}
		}
		for token, s := range all {
			if n := len(s.comments); n != c.count(c.texts, token) {
				return fmt.Sprintf("%s: %d comments on %s, %d were confirmed", token, n, s.key, c.count(c.texts, token))
			}
		}
	}
	return ""
}

func (c *crowd) count(all []member, token string) (n int) {
	for _, m := range all {
		if m.token == token {
			n++
		}
	}
	return n
}

// settled waits until both Jiras are equal, and then looks whether they stay so.
func (c *crowd) settled(t *testing.T, within time.Duration) {
	t.Helper()
	var last string
	defer func() {
		if t.Failed() {
			c.explain(t, last)
		}
	}()
	rig.Eventually(t, within, "both Jiras are equal: "+c.said(), func() string {
		if last = c.equal(t); last != "" {
			time.Sleep(300 * time.Millisecond)
		}
		return last
	})
	time.Sleep(time.Second)
	if last = c.equal(t); last != "" {
		t.Errorf("it did not stay so: %s", last)
	}
}

// explain logs what both halves say of the issue a reason begins with.
func (c *crowd) explain(t *testing.T, why string) {
	t.Helper()
	for _, is := range c.made {
		if strings.HasPrefix(why, is.token) {
			t.Logf("hub: %s\npoller: %s", c.w.Show(true, is.key), c.w.Show(false, is.key))
		}
	}
	t.Log(c.w.Hub.Trouble(60))
	t.Log(c.w.Poller.Trouble(60))
}

// parked lists what is parked on either half.
func parked(t *testing.T, w *rig.World) (out []string) {
	t.Helper()
	for half, r := range map[string]rig.Result{"hub": w.RunOnHub("sync", "list", "--parked", "--json"), "poller": w.RunOnPoller("sync", "list", "--parked", "--json")} {
		var list struct {
			Pairs []struct {
				Local  struct{ Key string }
				Parked struct{ Reason string }
			}
		}
		if err := json.Unmarshal([]byte(r.Out), &list); err != nil {
			t.Fatalf("%v in %s%s", err, r.Out, r.Err)
		}
		for _, p := range list.Pairs {
			out = append(out, half+": "+p.Local.Key+": "+p.Parked.Reason)
		}
	}
	slices.Sort(out)
	return out
}
