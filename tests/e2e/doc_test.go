// Package e2e drives the real binaries: two simulated Jiras, a hub and a poller as processes of their own. People edit
// issues over plain REST; what they see on the other side is what is tested. Nothing here looks inside.
//
// Start reading at sync_test.go; bad_test.go is bad input and Jiras in trouble, demo_test.go the demo, network_test.go the
// proof that only the private side opens connections, check_test.go what a comparison with Jira finds. day1_test.go is what an administrator does on the first days,
// notice_test.go who is told of what, corporate_test.go proxies, certificates and gateways (company_test.go makes them). Package rig starts and stops everything.
package e2e

import (
	"os"
	"testing"

	"drawbridge/tests/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Run(m)) }
