package sqlitestore

import "os"

// guests would tell the owner of a state file whether other processes write to it. Here nobody can tell, so the owner holds no
// document in memory.
type guests struct{ f *os.File }

func newGuests(string) (*guests, error) { return nil, nil }

func (g *guests) look() (alone, met bool) { return false, false }

func visit(string) (*os.File, error) { return nil, nil }
