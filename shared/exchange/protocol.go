package exchange

import (
	"fmt"
	"slices"
	"strconv"

	"drawbridge/shared/bridge"
)

// The versions of the protocol that this package speaks: Protocol, and for a year after it came the one before it, Oldest.
// The version of a call stands in its Drawbridge-Protocol field and, signed, in its message; the answer has the same. A
// poller begins with its highest, and goes on with one that the hub names when it refuses that.
const (
	Protocol = 1
	Oldest   = 1
)

// speaks are the versions from oldest to newest.
func speaks(oldest, newest int) (out []int) {
	for v := oldest; v <= newest; v++ {
		out = append(out, v)
	}
	return out
}

// common is the highest version that both sides speak, 0 if there is none.
func common(ours, theirs []int) int {
	for _, v := range slices.Backward(ours) {
		if slices.Contains(theirs, v) {
			return v
		}
	}
	return 0
}

// asked is the version that a call names; it is refused if this hub does not speak it.
func asked(values []string) (int, error) {
	ours := speaks(Oldest, Protocol)
	for _, v := range ours {
		if len(values) == 1 && values[0] == strconv.Itoa(v) {
			return v, nil
		}
	}
	return 0, unknownProtocol(ours, values)
}

// tooFar is the poller's error where there is no version in common: who has to upgrade.
func tooFar(ours, theirs []int) *bridge.Error {
	who := "bring hub and poller to releases less than a year apart"
	if len(theirs) > 0 {
		who = "upgrade the hub"
		if slices.Max(theirs) > slices.Max(ours) {
			who = "upgrade this poller"
		}
	}
	return bridge.Permanent("hub-protocol", "the hub speaks Drawbridge protocol %s, this poller %s: %s", versions(theirs), versions(ours), who).At(bridge.LevelConnection)
}

// versions are a list of versions for people.
func versions(list []int) string {
	switch len(list) {
	case 0:
		return "(it does not say which)"
	case 1:
		return strconv.Itoa(list[0])
	}
	return fmt.Sprintf("%d to %d", slices.Min(list), slices.Max(list))
}
