// Package rule is the rule language: what may leave a site, and how what arrives is applied.
//
// A rule file is YAML and grows with its writer: nothing at all (the default rule set), rows that map fields and values,
// expressions in any row, scripts for a whole direction. All of them end as rows, evaluated by one engine. The language
// is described in docs/rules.md.
//
// The package is pure: a decision is a function of its arguments. It reads no clock, opens nothing, logs nothing, and
// no expression can do so either; what an evaluation may cost is bounded in steps, elements and characters.
//
// Reading order: [Parse] (sections.go, parts.go) reads a file and reports every mistake; [Set.Bind] (bind.go,
// bindrow.go, script.go) joins it with what a site has; [Rules.Outgoing] and [Rules.Incoming] evaluate rows; comment.go,
// attachment.go, user.go, text.go, status.go, create.go decide the rest; lang.go, rewrite.go, functions.go and
// vocabulary.go are the expression language; jql.go and decide.go read triggers.
package rule
