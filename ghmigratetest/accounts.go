package ghmigratetest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// An account is a user or an organization.
type account struct {
	id    int64
	login string
	kind  string // User or Organization
	sso   bool   // single sign-on refuses the token
	role  string // role of the token's user: admin, member or empty

	repositories []*repository // oldest first
	sorted       []*repository // sorted by name; nil until the next request for a sorted list
	json         string        // the simpleUser in the JSON of repositories; empty until the first request for one
}

// addAccount adds an account. The caller holds s.mu, or is NewServer.
func (s *Server) addAccount(login, kind string) *account {
	a := &account{id: s.nextID("account"), login: login, kind: kind, role: "admin"}
	s.accounts[strings.ToLower(login)] = a
	return a
}

// ownerNamed returns the account with this login. If there is no such account, it
// adds an organization. The caller holds s.mu.
func (s *Server) ownerNamed(login string) *account {
	if a := s.accounts[strings.ToLower(login)]; a != nil {
		return a
	}
	return s.addAccount(login, "Organization")
}

// A simpleUser has the schema simple-user of GitHub's OpenAPI description.
type simpleUser struct {
	Name              *string `json:"name"`
	Email             *string `json:"email"`
	Login             string  `json:"login"`
	ID                int64   `json:"id"`
	NodeID            string  `json:"node_id"`
	AvatarURL         string  `json:"avatar_url"`
	GravatarID        string  `json:"gravatar_id"`
	URL               string  `json:"url"`
	HTMLURL           string  `json:"html_url"`
	FollowersURL      string  `json:"followers_url"`
	FollowingURL      string  `json:"following_url"`
	GistsURL          string  `json:"gists_url"`
	StarredURL        string  `json:"starred_url"`
	SubscriptionsURL  string  `json:"subscriptions_url"`
	OrganizationsURL  string  `json:"organizations_url"`
	ReposURL          string  `json:"repos_url"`
	EventsURL         string  `json:"events_url"`
	ReceivedEventsURL string  `json:"received_events_url"`
	Type              string  `json:"type"`
	SiteAdmin         bool    `json:"site_admin"`
	StarredAt         string  `json:"starred_at"`
	UserViewType      string  `json:"user_view_type"`
}

func (s *Server) simpleUser(a *account) simpleUser {
	api := s.URL() + "/users/" + a.login
	return simpleUser{
		Login:             a.login,
		ID:                a.id,
		NodeID:            nodeID(a.kind, a.id),
		AvatarURL:         s.avatarURL(a),
		URL:               api,
		HTMLURL:           s.webURL + "/" + a.login,
		FollowersURL:      api + "/followers",
		FollowingURL:      api + "/following{/other_user}",
		GistsURL:          api + "/gists{/gist_id}",
		StarredURL:        api + "/starred{/owner}{/repo}",
		SubscriptionsURL:  api + "/subscriptions",
		OrganizationsURL:  api + "/orgs",
		ReposURL:          api + "/repos",
		EventsURL:         api + "/events{/privacy}",
		ReceivedEventsURL: api + "/received_events",
		Type:              a.kind,
		StarredAt:         "2020-07-09T00:17:55Z",
		UserViewType:      "public",
	}
}

func (s *Server) avatarURL(a *account) string {
	return fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.id)
}

// nodeID returns a global ID in GitHub's older format.
func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString([]byte("0" + strconv.Itoa(len(kind)) + ":" + kind + strconv.FormatInt(id, 10)))
}
