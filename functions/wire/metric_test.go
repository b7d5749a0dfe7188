package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/relay"
)

// TestALineDrivesNoConsole: a summary, name or reason in a line keeps its value and drives no terminal that tails the log.
func TestALineDrivesNoConsole(t *testing.T) {
	const evil = "x\r\n\x1b[2J\u009b31m\u202etxt\u2028\x7f"
	var out bytes.Buffer
	Logger(&out, slog.LevelInfo, "s").Info(evil, "issue", evil)
	line := strings.TrimSuffix(out.String(), "\n")
	var kept map[string]any
	if err := json.Unmarshal([]byte(line), &kept); err != nil || kept["msg"] != evil || kept["issue"] != evil || strings.ContainsFunc(line, bridge.Drives) {
		t.Errorf("%v: %q", err, line)
	}
}

// units are those of the specification.
var units = strings.Fields("Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Count Percent None")

// embeddedMetrics checks a log line against the specification (CloudWatch User Guide, "Specification: Embedded metric
// format") and returns the metrics CloudWatch makes of it.
func embeddedMetrics(line []byte) (map[string]float64, error) {
	var root map[string]any
	if err := json.Unmarshal(line, &root); err != nil || bytes.Count(bytes.TrimSpace(line), []byte("\n")) > 0 || len(line) > 1<<20 {
		return nil, fmt.Errorf("not one line with one object of at most 1 MB: %v", err)
	}
	var meta struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	aws, _ := json.Marshal(map[string]any{"_aws": root["_aws"]})
	d := json.NewDecoder(bytes.NewReader(aws))
	d.DisallowUnknownFields()
	if err := d.Decode(&meta); err != nil {
		return nil, err
	}
	age := time.Since(time.UnixMilli(meta.AWS.Timestamp))
	if age < -2*time.Hour || age > 14*24*time.Hour || len(meta.AWS.CloudWatchMetrics) == 0 {
		return nil, fmt.Errorf("time %d, %d directives", meta.AWS.Timestamp, len(meta.AWS.CloudWatchMetrics))
	}
	out := map[string]float64{}
	for _, m := range meta.AWS.CloudWatchMetrics {
		if m.Namespace == "" || len(m.Namespace) > 1024 || len(m.Dimensions) == 0 || len(m.Metrics) == 0 || len(m.Metrics) > 100 {
			return nil, fmt.Errorf("directive %+v", m)
		}
		for _, set := range m.Dimensions {
			for _, name := range set {
				if v, ok := root[name].(string); !ok || v == "" || len(v) > 1024 || len(set) > 30 {
					return nil, fmt.Errorf("dimension %q is %v", name, root[name])
				}
			}
		}
		for _, one := range m.Metrics {
			v, ok := root[one.Name].(float64)
			if _, twice := out[one.Name]; !ok || twice || !slices.Contains(units, one.Unit) {
				return nil, fmt.Errorf("metric %q in %q is %v", one.Name, one.Unit, root[one.Name])
			}
			out[one.Name] = v
		}
	}
	return out, nil
}

// TestTheLineOfAChangeMakesMetrics as the specification wants it; other lines do not.
func TestTheLineOfAChangeMakesMetrics(t *testing.T) {
	for _, c := range []struct {
		args []any
		want map[string]float64
	}{
		{[]any{"direction", "out", "connection", "c1", "outcome", "applied", "delay_ms", int64(1200)}, map[string]float64{"ChangesOut": 1, "ChangesFailed": 0, "ChangeDelay": 1200}},
		{[]any{"direction", "in", "connection", "c1", "outcome", "parked"}, map[string]float64{"ChangesIn": 1, "ChangesFailed": 1}},
		{[]any{"direction", "in", "connection", "c1", "outcome", "awaits"}, map[string]float64{"ChangesIn": 1, "ChangesFailed": 0}},
	} {
		var b bytes.Buffer
		log := Logger(&b, slog.LevelInfo, "prod").With("version", "1")
		log.Info(relay.ChangeLine, c.args...)
		got, err := embeddedMetrics(b.Bytes())
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s\nmakes %v, %v; want %v", b.Bytes(), got, err, c.want)
		}
		b.Reset()
		log.Info("something else", c.args...)
		if strings.Contains(b.String(), "_aws") {
			t.Errorf("metrics of %s", b.String())
		}
	}
}

func TestTheHealthLineIsWellFormed(t *testing.T) {
	days := 29.5
	for want, h := range map[int]health{5: {PollerSilence: 3}, 6: {PollerSilence: 3, CredentialDays: &days}} {
		b, err := h.line("prod", time.Now())
		must(t, err)
		if got, err := embeddedMetrics(b); err != nil || len(got) != want || got["PollerSilence"] != 3 || h.CredentialDays != nil && got["CredentialDays"] != days {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestTheCheckOfEmbeddedMetricsFindsMistakes(t *testing.T) {
	good, err := health{}.line("prod", time.Now())
	must(t, err)
	for what, change := range map[string][2]string{
		"a unit of its own":       {`"Unit":"Count"`, `"Unit":"Pieces"`},
		"a metric without value":  {`"PairsParked":0`, `"PairsParkd":0`},
		"a value that is text":    {`"ClockSkew":0`, `"ClockSkew":"0"`},
		"a dimension that is not": {`"Stack":"prod"`, `"stack":"prod"`},
		"no directive":            {`"CloudWatchMetrics"`, `"Metrics"`},
		"two objects":             {`{"_aws"`, "{}\n{\"_aws\""},
	} {
		if _, err := embeddedMetrics([]byte(strings.Replace(string(good), change[0], change[1], 1))); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}
