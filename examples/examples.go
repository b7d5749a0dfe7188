// Package examples holds the shipped rule files, so that the demo's tour can publish them as they are.
package examples

import "embed"

// Files are the rule files, by folder.
//
//go:embed */*.yaml
var Files embed.FS
