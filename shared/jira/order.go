package jira

// ByKey is a query with its own order replaced by that of keys, which does not move while issues are edited.
func ByKey(jql string) string {
	if jql = withoutOrder(jql); jql == "" {
		return "ORDER BY key ASC"
	}
	return "(" + jql + ") ORDER BY key ASC"
}
