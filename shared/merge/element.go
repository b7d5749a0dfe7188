package merge

import (
	"strings"

	"drawbridge/shared/bridge"
)

// Set-valued fields (labels, components, versions) are merged per element: each element is a field of its own, with the
// value true or false. A replica key is therefore a field name, or a field name and an element.

var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// FieldKey is the replica key of a whole field. "/" and "~" in its name are escaped as in RFC 6901.
func FieldKey(field string) string { return escape.Replace(field) }

// ElementKey is the replica key of one element of a set-valued field: ElementKey("labels", "urgent") is "labels/urgent".
func ElementKey(field, element string) string {
	return escape.Replace(field) + "/" + escape.Replace(element)
}

// SplitKey is the field and the element that a replica key names; set is false for the key of a whole field.
func SplitKey(key string) (field, element string, set bool) {
	field, element, set = strings.Cut(key, "/")
	return unescape.Replace(field), unescape.Replace(element), set
}

// Element is the state of an element no item of which is known: it is not in the set. Start from it instead of from the
// zero Field, or the removal of an element that was never there would cost a write.
func Element() Field { return Field{Shown: bridge.False} }

// DiffSet is what has changed between two states of a set, by element: true if it was added, false if it was removed.
func DiffSet(shown, now map[string]bool) map[string]bridge.Value {
	diff := make(map[string]bridge.Value)
	for e := range now {
		if now[e] && !shown[e] {
			diff[e] = bridge.True
		}
	}
	for e := range shown {
		if shown[e] && !now[e] {
			diff[e] = bridge.False
		}
	}
	return diff
}
