package e2e

import (
	"strings"
	"testing"

	"drawbridge/tests/rig"
)

// releases are the Data Centers Drawbridge is for: the oldest it takes, and one of each long-term line since.
var releases = []string{"8.20.30", "9.12.15", "10.3.24", "11.3.1"}

// TestReleases has each release of Data Center on the private side, with its webhook: doctor is content, and everything travels.
func TestReleases(t *testing.T) {
	t.Parallel()
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			w := rig.New(t, rig.Options{Release: release, PollerWebhook: true})
			says(t, w.RunOnPoller("doctor"), 0, "fine     version: Jira "+release, "fine     webhook: there and enabled", "fine     PRIV: create")
			says(t, w.RunOnPoller("webhook", "check"), 0, "fine     in Jira", "taken")
			everything(t, sideOf(w, false).with(t), release)
			w.OnPoller("webhook", "rotate")
			says(t, w.RunOnPoller("webhook", "check"), 0, "taken", "came by it")
			w.Secret("rotated webhook secret", strings.TrimSpace(read(t, w.Path("server-webhook"))))
		})
	}
}

// TestDataCenterInADMZ has a Data Center on the public side too, which tells the hub by webhook, signed or not.
func TestDataCenterInADMZ(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"9.12.15", "11.3.1"} {
		t.Run(release, func(t *testing.T) {
			w := rig.New(t, rig.Options{DMZ: release})
			says(t, w.RunOnHub("doctor"), 0, "fine     version: Jira "+release, "fine     webhook: there and enabled")
			s := sideOf(w, true).with(t)
			everything(t, s, release)
			if d := deliveries(t, w); d.Count == 0 {
				t.Error("nothing came by the webhook")
			}
			says(t, w.RunOnHub("webhook", "check"), 0, "taken")
			status, _, err := s.here.Send("POST", w.WebhookURL(), "application/json", strings.NewReader(`{"webhookEvent":"jira:issue_updated","issue":{"id":"1"}}`), nil)
			if err != nil || status != 401 {
				t.Errorf("an event that nobody vouches for is answered %d (%v)", status, err)
			}
		})
	}
}

// TestTooOldAJira is refused by doctor, with the release it wants.
func TestTooOldAJira(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Apart: true, Release: "8.13.27"})
	w.Write("poller.yaml", strings.Replace(read(t, w.Path("poller.yaml")), "auth: {token:", "auth: {user: drawbridge, token:", 1)) // no personal access tokens yet
	w.StartPoller()
	says(t, w.RunOnPoller("doctor", "--project", "PRIV"), 3, "missing  version: Jira 8.13.27 is older than 8.20")
}

// everything has an issue travel from here with all that an issue has, and back.
func everything(t *testing.T, s side, word string) {
	t.Helper()
	points := s.here.Field("Story points")
	key, twin := s.pair(t, "Of "+word, rig.Fields{"description": "first *line*", "labels": []string{"one"}, "priority": rig.Fields{"name": "High"}, points: 5})
	s.there.Shows(twin, "labels", "one")
	s.there.Shows(twin, s.there.Field("Story points"), "5")
	s.here.Comment(key, "said of "+word, nil)
	one(t, s.there, twin, "said of "+word)
	s.here.Attach(key, "note.txt", []byte("noted"))
	rig.Eventually(t, rig.Patience, "the file is there", func() string {
		if found := s.there.Attachments(twin); len(found) != 1 || string(s.there.Content(found[0])) != "noted" {
			return "it is not"
		}
		return ""
	})
	s.here.Transition(key, "In Progress", nil)
	s.there.Shows(twin, "status", "In Progress")
	s.there.Edit(twin, rig.Fields{"summary": "Back from " + word})
	s.here.Shows(key, "summary", "Back from "+word)
	s.there.Comment(twin, "answered to "+word, nil)
	one(t, s.here, key, "answered to "+word)
}
