package rule

import (
	"fmt"
	"path"
	"strings"

	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// An Attachment is an attachment of this site as rules see it.
type Attachment struct {
	Name, Type     string
	Size           int64
	Author         bridge.Person
	OnlyRestricted bool // it is referred to from restricted comments only
}

type attachmentRules struct {
	out, in         bool
	restricted      bool
	maxSize         int64
	names, notNames []string
	types, notTypes []string
	when, take      *program
	public          bool     // what arrives in a service project is shown to customers
	choose          *program // of each: internal or public; nil: public says it for all
}

var attachmentType = types.Map{"name": types.String, "type": types.String, "size": types.Float64, "author": personType}

// AttachmentOut decides whether an attachment leaves, and why not. A condition that fails keeps it in.
func (r *Rules) AttachmentOut(env Env, a Attachment) (bool, string) {
	switch {
	case !r.attachments.out:
		return false, "the rules let no attachments out"
	case a.OnlyRestricted && !r.attachments.restricted:
		return false, "attachments of restricted comments stay in"
	}
	return r.attachmentFits(env, a, r.attachments.when)
}

// AttachmentIn decides whether an attachment that arrives is taken, and why not.
func (r *Rules) AttachmentIn(env Env, m bridge.Member) (bool, string) {
	if !r.attachments.in {
		return false, "the rules take no attachments"
	}
	if why := r.guard.holds(m); why != "" {
		return false, why
	}
	return r.attachmentFits(env, Attachment{Name: m.Name, Type: m.Type, Size: m.Size, Author: m.Author}, r.attachments.take)
}

// AttachmentPublic reports whether customers are to see an attachment that arrives in a service project. One that was only used in
// restricted comments over there never is.
func (r *Rules) AttachmentPublic(env Env, m bridge.Member) (bool, error) {
	if env.Issue == nil || !env.Issue.Service || m.Restricted {
		return false, nil
	}
	a := Attachment{Name: m.Name, Type: m.Type, Size: m.Size, Author: m.Author}
	return arriving(r.evaluation(&env), "attachments", r.attachments.choose, r.attachments.public, a.variable())
}

func (a Attachment) variable() map[string]any {
	return map[string]any{"attachment": map[string]any{"name": a.Name, "type": a.Type, "size": float64(a.Size), "author": personMap(a.Author)}}
}

func (r *Rules) attachmentFits(env Env, a Attachment, condition *program) (bool, string) {
	if why := r.attachments.refuses(a); why != "" {
		return false, why
	}
	ok, err := r.evaluation(&env).truth(condition, a.variable())
	switch {
	case err != nil:
		return false, err.Error()
	case !ok:
		return false, "the rule's condition for attachments does not hold"
	}
	return true, ""
}

func (r *attachmentRules) refuses(a Attachment) string {
	kind, _, _ := strings.Cut(a.Type, ";")
	switch {
	case r.maxSize > 0 && a.Size > r.maxSize:
		return fmt.Sprintf("%d bytes are more than the %d the rules allow", a.Size, r.maxSize)
	case len(r.names) > 0 && !matches(r.names, a.Name):
		return "the rules name other files only"
	case matches(r.notNames, a.Name):
		return "the rules exclude files of this name"
	case len(r.types) > 0 && !matches(r.types, kind):
		return "the rules name other media types only"
	case matches(r.notTypes, kind):
		return "the rules exclude files of this type"
	}
	return ""
}

// matches compares without case; a * does not cross a slash.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(strings.ToLower(p), strings.ToLower(strings.TrimSpace(name))); ok {
			return true
		}
	}
	return false
}
