//go:build !script

package main

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	asCommand()
	os.Exit(m.Run())
}
