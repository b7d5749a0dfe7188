package simulator

import (
	"strconv"
	"strings"
)

// Routes of some releases of Data Center only. It had the old createmeta until 9.0, has moved its webhooks at 10.0, and is taken to
// tell nothing of its search index before 9.0, which is the harder thing.
const (
	before9  = DataCenter + " before 9"
	from9    = DataCenter + " from 9"
	before10 = DataCenter + " before 10"
	from10   = DataCenter + " from 10"
)

// Where administrators' webhooks are.
const (
	oldWebhooks = "/rest/webhooks/1.0/webhook"
	newWebhooks = "/rest/jira-webhook/1.0/webhooks"
)

// serves reports whether this site has the routes of a flavour; "" is every one.
func (s *Site) serves(flavour string) bool {
	switch flavour {
	case "", s.opt.Flavour:
		return true
	case before9:
		return !s.cloud() && s.before(9, 0)
	case from9:
		return !s.cloud() && !s.before(9, 0)
	case before10:
		return !s.cloud() && s.before(10, 0)
	case from10:
		return !s.cloud() && !s.before(10, 0)
	}
	return false
}

// release is Data Center's, as three numbers.
func (s *Site) release() (numbers [3]int) {
	version := s.opt.Version
	if version == "" {
		version = "10.3.24"
	}
	for i, n := range strings.SplitN(version, ".", 3) {
		numbers[i], _ = strconv.Atoi(n) // what is no number is 0
	}
	return numbers
}

func (s *Site) before(major, minor int) bool {
	is := s.release()
	return is[0] < major || is[0] == major && is[1] < minor
}

// routeTable lists every route. A path without "/rest/", "/secure/" or
// "/media/" in front is below /rest/api/{v}.
func routeTable() []route {
	return append(append(issueRoutes(), memberRoutes()...), siteRoutes()...)
}

func issueRoutes() []route {
	return []route{
		{"", "POST /issue", (*call).createIssue, false},
		{"", "GET /issue/{key}", (*call).getIssue, false},
		{"", "PUT /issue/{key}", (*call).editIssue, false},
		{"", "DELETE /issue/{key}", (*call).deleteIssue, false},
		{"", "PUT /issue/{key}/assignee", (*call).assign, false},
		{"", "GET /issue/{key}/editmeta", (*call).editMeta, false},
		{"", "GET /issue/{key}/transitions", (*call).getTransitions, false},
		{"", "POST /issue/{key}/transitions", (*call).doTransition, false},
		{"", "GET /issue/{key}/watchers", (*call).listWatchers, false},
		{"", "POST /issue/{key}/watchers", (*call).addWatcher, false},
		{DataCenter, "PUT /issue/{key}/archive", (*call).archive, false},
		{DataCenter, "PUT /issue/{key}/restore", (*call).restore, false},
		{Cloud, "GET /issue/{key}/changelog", (*call).getChangelog, false},
		{Cloud, "POST /changelog/bulkfetch", (*call).bulkChangelog, false},
		{Cloud, "POST /issue/bulkfetch", (*call).bulkFetch, false},

		{"", "GET /issue/createmeta/{project}/issuetypes", (*call).createTypes, false},
		{"", "GET /issue/createmeta/{project}/issuetypes/{type}", (*call).createTypeFields, false},
		{Cloud, "GET /issue/createmeta", (*call).oldCreateMeta, false},
		{before9, "GET /issue/createmeta", (*call).oldCreateMeta, false},

		{Cloud, "GET /search", (*call).searchGone, true},
		{Cloud, "POST /search", (*call).searchGone, true},
		{Cloud, "GET /search/jql", (*call).searchJQL, true},
		{Cloud, "POST /search/jql", (*call).searchJQL, true},
		{Cloud, "POST /search/approximate-count", (*call).approximateCount, false},
		{Cloud, "POST /jql/match", (*call).match, false},
		{DataCenter, "GET /search", (*call).search, true},
		{DataCenter, "POST /search", (*call).search, true},
		{from9, "GET /index/summary", (*call).indexSummary, false},
	}
}

func memberRoutes() []route {
	list := []route{
		{"", "GET /issue/{key}/comment", (*call).listComments, false},
		{"", "POST /issue/{key}/comment", (*call).createComment, false},
		{"", "GET /issue/{key}/comment/{id}", (*call).getComment, false},
		{"", "PUT /issue/{key}/comment/{id}", (*call).editComment, false},
		{"", "DELETE /issue/{key}/comment/{id}", (*call).deleteComment, false},

		{"", "GET /issue/{key}/worklog", (*call).listWorklogs, false},
		{"", "POST /issue/{key}/worklog", (*call).createWorklog, false},
		{"", "GET /issue/{key}/worklog/{id}", (*call).getWorklog, false},
		{"", "PUT /issue/{key}/worklog/{id}", (*call).editWorklog, false},
		{"", "DELETE /issue/{key}/worklog/{id}", (*call).deleteWorklog, false},
		{"", "GET /worklog/updated", (*call).updatedWorklogs, false},
		{"", "GET /worklog/deleted", (*call).deletedWorklogs, false},
		{"", "POST /worklog/list", (*call).worklogList, false},

		{"", "POST /issue/{key}/attachments", (*call).attach, false},
		{"", "GET /attachment/meta", (*call).attachmentMeta, false},
		{"", "GET /attachment/{id}", (*call).getAttachment, false},
		{"", "DELETE /attachment/{id}", (*call).deleteAttachment, false},
		{Cloud, "GET /attachment/content/{id}", (*call).attachmentContent, false},
		{"", "GET /secure/attachment/{id}", (*call).secureAttachment, false},
		{"", "GET /secure/attachment/{id}/{name}", (*call).secureAttachment, false},
		{Cloud, "GET /media/file/{id}/binary", (*call).media, true},

		{"", "POST /issueLink", (*call).createLink, false},
		{"", "GET /issueLink/{id}", (*call).getLink, false},
		{"", "DELETE /issueLink/{id}", (*call).deleteLink, false},
		{"", "GET /issueLinkType", (*call).listLinkTypes, false},
		{"", "GET /issueLinkType/{id}", (*call).getLinkType, false},

		{"", "GET /issue/{key}/remotelink", (*call).listRemoteLinks, false},
		{"", "POST /issue/{key}/remotelink", (*call).saveRemoteLink, false},
		{"", "DELETE /issue/{key}/remotelink", (*call).deleteRemoteLink, false},
		{"", "GET /issue/{key}/remotelink/{id}", (*call).getRemoteLink, false},
		{"", "PUT /issue/{key}/remotelink/{id}", (*call).putRemoteLink, false},
		{"", "DELETE /issue/{key}/remotelink/{id}", (*call).deleteRemoteLink, false},
	}
	for path, find := range map[string]func(*call) (*bag, error){"/issue/{key}/properties": (*call).issueBag, "/comment/{id}/properties": (*call).commentBag} {
		list = append(list,
			route{"", "GET " + path, bagged(find, (*call).listProperties), false},
			route{"", "GET " + path + "/{property}", bagged(find, (*call).getProperty), false},
			route{"", "PUT " + path + "/{property}", bagged(find, (*call).setProperty), false},
			route{"", "DELETE " + path + "/{property}", bagged(find, (*call).deleteProperty), false})
	}
	return list
}

func siteRoutes() []route {
	list := []route{
		{"", "GET /serverInfo", (*call).serverInfo, true},
		{"", "GET /configuration", (*call).configuration, false},
		{"", "GET /mypermissions", (*call).myPermissions, false},
		{"", "GET /myself", (*call).myself, false},
		{"", "GET /user", (*call).getUser, false},
		{"", "GET /user/search", (*call).searchUsers, false},
		{"", "GET /user/assignable/search", (*call).assignable, false},
		{"", "GET /field", (*call).listFields, false},
		{"", "GET /priority", (*call).listPriorities, false},
		{"", "GET /resolution", (*call).listResolutions, false},
		{"", "GET /status", (*call).listStatuses, false},
		{"", "GET /statuscategory", (*call).listCategories, false},
		{"", "GET /issuetype", (*call).listTypes, false},
		{"", "GET /priority/{id}", oneOf((*call).listPriorities), false},
		{"", "GET /resolution/{id}", oneOf((*call).listResolutions), false},
		{"", "GET /status/{id}", oneOf((*call).listStatuses), false},
		{"", "GET /statuscategory/{id}", oneOf((*call).listCategories), false},
		{"", "GET /issuetype/{id}", oneOf((*call).listTypes), false},
		{"", "GET /version/{id}", (*call).getVersion, false},
		{"", "GET /component/{id}", (*call).getComponent, false},
		{"", "GET /project", (*call).listProjects, false},
		{Cloud, "GET /project/search", (*call).searchProjects, false},
		{"", "GET /project/{project}", (*call).getProject, false},
		{"", "GET /project/{project}/statuses", (*call).projectStatuses, false},
		{"", "GET /project/{project}/components", (*call).projectComponents, false},
		{"", "GET /project/{project}/versions", (*call).projectVersions, false},
		{"", "GET /project/{project}/version", (*call).projectVersionPage, false},
		{"", "POST /version", (*call).createVersion, false},
		{"", "POST /component", (*call).createComponent, false},

		{Cloud, "POST /webhook", (*call).dynamicWebhooks, false},

		{"", "GET /rest/servicedeskapi/info", (*call).deskInfo, false},
		{"", "GET /rest/servicedeskapi/servicedesk", (*call).listDesks, false},
		{"", "GET /rest/servicedeskapi/servicedesk/{id}", (*call).getDesk, false},
		{"", "GET /rest/servicedeskapi/servicedesk/{id}/requesttype", (*call).listRequestTypes, false},
		{"", "POST /rest/servicedeskapi/servicedesk/{id}/attachTemporaryFile", (*call).attachTemporary, false},
		{"", "POST /rest/servicedeskapi/request", (*call).createRequest, false},
		{"", "GET /rest/servicedeskapi/request/{key}", (*call).getRequest, false},
		{"", "GET /rest/servicedeskapi/request/{key}/comment", (*call).listRequestComments, false},
		{"", "POST /rest/servicedeskapi/request/{key}/comment", (*call).createRequestComment, false},
		{"", "POST /rest/servicedeskapi/request/{key}/attachment", (*call).attachToRequest, false},
	}
	for flavour, path := range map[string]string{Cloud: oldWebhooks, before10: oldWebhooks, from10: newWebhooks} {
		list = append(list,
			route{flavour, "GET " + path, (*call).listWebhooks, false},
			route{flavour, "POST " + path, (*call).createWebhook, false},
			route{flavour, "GET " + path + "/{id}", (*call).getWebhook, false},
			route{flavour, "PUT " + path + "/{id}", (*call).editWebhook, false},
			route{flavour, "DELETE " + path + "/{id}", (*call).deleteWebhook, false})
	}
	return list
}

// jiraResources are first segments Jira has below /rest/api and the simulator
// serves in part or not at all.
var jiraResources = map[string]bool{}

func init() {
	for _, w := range words(`announcementBanner,app,application-properties,applicationrole,attachment,auditing,avatar,cluster,comment,component,
		config,configuration,custom-field-option,customFieldOption,customFields,dashboard,data-policy,email-templates,events,expression,field,
		fieldconfiguration,fieldconfigurationscheme,filter,forge,group,groups,groupuserpicker,index,instance,issue,issueLink,issueLinkType,issues,
		issuesecurityschemes,issuetype,issuetypescheme,issuetypescreenscheme,jql,label,license,licenseValidator,mypermissions,mypreferences,myself,
		notificationscheme,password,permissions,permissionscheme,plans,priority,priorityscheme,priorityschemes,project,projectCategory,projects,
		projectvalidate,redact,reindex,resolution,role,screens,screenscheme,search,securitylevel,serverInfo,settings,status,statuscategory,statuses,
		task,terminology,uiModifications,universal_avatar,upgrade,user,user-properties,users,version,webhook,workflow,workflows,workflowscheme,worklog`, ",") {
		jiraResources[w] = true
	}
}

// isJiraPath reports whether a real Jira may have something at a path the
// simulator does not serve. A member of an issue that neither knows is not.
func (s *Site) isJiraPath(path string) bool {
	segs := segments(path)
	if len(segs) < 3 || segs[0] != "rest" {
		return false
	}
	if segs[1] != "api" {
		return contains([]string{"agile", "servicedeskapi", "auth", "greenhopper", "dev-status", "atlassian-connect", "jira-webhook", "webhooks"}, segs[1])
	}
	if len(segs) < 4 || !s.speaks(segs[2]) || !jiraResources[segs[3]] {
		return false
	}
	issueMembers := []string{"votes", "watchers", "notify", "subtask", "pinned-comments", "limit", "picker", "editmeta", "archive", "unarchive", "bulk", "restore"}
	return segs[3] != "issue" || len(segs) < 6 || contains(issueMembers, segs[5])
}
