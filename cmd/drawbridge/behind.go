package main

import (
	"fmt"
	"strconv"
	"strings"
)

// release is the part of a version that says which halves work together: 1.4 of "v1.4.2". Ok is false for one that was built
// from no release.
func release(version string) (major, minor int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(strings.SplitN(parts[1], "-", 2)[0])
	return major, minor, err == nil
}

// behind says who has to upgrade where two halves run releases that are not neighbours; "" if nobody has to.
func behind(here, there, name, this string) string {
	aMajor, aMinor, ok := release(here)
	bMajor, bMinor, known := release(there)
	if !ok || !known || aMajor == bMajor && aMinor-bMinor <= 1 && bMinor-aMinor <= 1 {
		return ""
	}
	who := "this " + this
	if aMajor > bMajor || aMajor == bMajor && aMinor > bMinor {
		who = "the other side"
	}
	return fmt.Sprintf("%s has to upgrade: this %s runs Drawbridge %s, the other half of %s %s; only neighbouring releases are sure to work together", who, this, here, name, there)
}
