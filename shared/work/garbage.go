package work

import (
	"os"
	"runtime/debug"
)

// garbage is how much of it piles up before it is collected, in per cent of what is held: a half holds little, some 5 MB, so
// that Go's own 100 would have it collected for every few changes.
const garbage = 300

// CollectLate has a process that is a half spend less on garbage collection, for some megabytes more. Whoever sets GOGC in
// the environment knows better.
func CollectLate() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
