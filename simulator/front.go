package simulator

import (
	"encoding/base64"
	"net/http"
	"strings"

	"drawbridge/simulator/page"
)

// Front is the site as one address: REST for clients and, for everything else,
// pages for the browser. Whoever opens a page is the administrator there. The
// title is shown on top; empty means the server's title.
func (s *Site) Front(title string) http.Handler {
	if title == "" {
		title = s.opt.ServerTitle
	}
	rest := s.Handler()
	pages := page.New(page.Options{Title: title, Flavour: s.opt.Flavour, REST: rest, Authorization: s.pageCredential(), Prefix: s.opt.ContextPath})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasAnyPrefix(strings.TrimPrefix(r.URL.Path, s.opt.ContextPath), "/rest/", "/secure/", "/media/") {
			rest.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// pageCredential is the administrator's, or the first user's where there is
// none.
func (s *Site) pageCredential() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userNamed(AdminUser)
	if u == nil && len(s.st.Users) > 0 {
		u = s.st.Users[0]
	}
	switch {
	case u == nil:
		return ""
	case s.cloud():
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.Email+":"+u.Token))
	}
	return "Bearer " + u.Token
}
