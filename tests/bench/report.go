package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Figure is one measured number over several runs.
type Figure struct {
	Scene  string    `json:"scene"`
	What   string    `json:"what"`
	Unit   string    `json:"unit"`
	Target string    `json:"target,omitempty"`
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Runs   []float64 `json:"runs"`
}

// Report gathers figures.
type Report struct {
	Machine Machine   `json:"machine"`
	Commit  string    `json:"commit"`
	At      time.Time `json:"at"`
	Mode    string    `json:"mode"`
	Figures []*Figure `json:"figures"`
}

// Machine says where it was measured.
type Machine struct {
	OS, CPU string
	Cores   int
	Go      string
	Load    string // the load average when it began: other work makes times longer
}

// NewReport begins one.
func NewReport(mode string) *Report {
	commit, _ := exec.Command("git", "describe", "--always", "--dirty").Output() // without git: none
	return &Report{
		Machine: Machine{OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpu(), Cores: runtime.NumCPU(), Go: runtime.Version(), Load: load()},
		Commit:  strings.TrimSpace(string(commit)), At: time.Now().UTC().Truncate(time.Second), Mode: mode,
	}
}

func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(raw))[:3], " ")
}

// Add notes one run's value.
func (r *Report) Add(scene, what, unit, target string, value float64) {
	i := slices.IndexFunc(r.Figures, func(f *Figure) bool { return f.Scene == scene && f.What == what })
	if i < 0 {
		r.Figures = append(r.Figures, &Figure{Scene: scene, What: what, Unit: unit, Target: target})
		i = len(r.Figures) - 1
	}
	f := r.Figures[i]
	f.Runs = append(f.Runs, value)
	sorted := slices.Sorted(slices.Values(f.Runs))
	f.Low, f.High = sorted[0], sorted[len(sorted)-1]
	f.Median = sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		f.Median = (sorted[len(sorted)/2-1] + f.Median) / 2
	}
}

// Print writes the table.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %d cores, %s, %s; load %s; commit %s; mode %s\n\n", r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Go, r.Machine.Load, r.Commit, r.Mode)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scene\tfigure\tmedian\tlow\thigh\tunit\truns\ttarget")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", f.Scene, f.What, short(f.Median), short(f.Low), short(f.High), f.Unit, len(f.Runs), f.Target)
	}
	_ = t.Flush() // into the test's log
}

func short(v float64) string {
	switch {
	case v == float64(int64(v)):
		return fmt.Sprint(int64(v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Save writes the report as JSON, and the table beside it.
func (r *Report) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var table bytes.Buffer
	r.Print(&table)
	return errors.Join(os.WriteFile(path, append(raw, '\n'), 0o644), os.WriteFile(strings.TrimSuffix(path, ".json")+".txt", table.Bytes(), 0o644))
}
