// Package rig runs the real thing for tests: the drawbridge binary as two simulated Jiras, a hub and a poller, each a
// process of its own on loopback and free ports, and people who edit issues over plain REST. What a test breaks, it
// breaks from outside: by signals, by files, by the simulators' management ports.
//
// A package that uses it has a TestMain calling [Run], which removes the binary again. Start reading at [New] and
// [World]; rest.go is the people, process.go the processes, leak.go what must be found nowhere.
package rig
