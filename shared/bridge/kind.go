package bridge

// A Kind is the kind of value a field holds, the same on both flavours. Rules and the merge protocol see neutral values
// of these kinds; only shared/jira knows how each flavour writes them.
type Kind string

// The kinds, with the neutral JSON value of each.
const (
	Text     Kind = "text"     // string, one line
	RichText Kind = "richtext" // string in wiki markup
	Number   Kind = "number"   // number
	Date     Kind = "date"     // "2026-11-21"
	DateTime Kind = "datetime" // "2026-11-21T10:00:00.000Z", UTC
	Name     Kind = "name"     // string: the name of a status, priority, resolution, issue type, project key, select option
	Names    Kind = "names"    // set of strings: labels, components, versions, multi-select; merged per element
	User     Kind = "user"     // object {"name","email","id"}, see Person
	Users    Kind = "users"    // set of Person, merged per element by id
	Issue    Kind = "issue"    // object {"id","key"}: another issue of the site; what travels is its id, for whom it is in a pair
	Opaque   Kind = "opaque"   // anything else: can be read by a script, cannot be written
)

// Set reports whether the kind is merged per element.
func (k Kind) Set() bool { return k == Names || k == Users }
