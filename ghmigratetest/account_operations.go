package ghmigratetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// getUser serves the user of the token. Like the following functions, it serves an
// operation that programs need before an export.
func (s *Server) getUser(*call) response {
	if strings.HasPrefix(s.cfg.token, "ghs_") {
		return failure(http.StatusForbidden, "Resource not accessible by integration")
	}
	public, private := s.user.countRepositories()
	user := properties(s.simpleUser(s.user))
	delete(user, "starred_at") // only lists of stars have it
	maps.Copy(user, map[string]any{
		"company":                   nil,
		"blog":                      "",
		"location":                  nil,
		"hireable":                  nil,
		"bio":                       nil,
		"twitter_username":          nil,
		"notification_email":        nil,
		"public_repos":              public,
		"public_gists":              0,
		"followers":                 0,
		"following":                 0,
		"created_at":                timestamp(creationTime(), s.user.id),
		"updated_at":                timestamp(creationTime(), s.user.id),
		"private_gists":             0,
		"total_private_repos":       private,
		"owned_private_repos":       private,
		"disk_usage":                0,
		"collaborators":             0,
		"two_factor_authentication": true,
	})
	return jsonResponse(http.StatusOK, user)
}

// properties returns the properties of a resource as a map.
func properties(resource any) map[string]any {
	var m map[string]any
	if err := json.Unmarshal(encode(resource), &m); err != nil {
		panic(fmt.Sprintf("ghmigratetest: decode a resource: %v", err)) // all resources are objects
	}
	return m
}

func (a *account) countRepositories() (public, private int) {
	for _, r := range a.repositories {
		if r.private {
			private++
		}
	}
	return len(a.repositories) - private, private
}

func (s *Server) getOrganization(c *call) response {
	public, private := c.account.countRepositories()
	org := properties(s.simpleOrganization(c.account))
	maps.Copy(org, map[string]any{
		"name":                      c.account.login,
		"is_verified":               false,
		"has_organization_projects": true,
		"has_repository_projects":   true,
		"public_repos":              public,
		"public_gists":              0,
		"followers":                 0,
		"following":                 0,
		"html_url":                  s.webURL + "/" + c.account.login,
		"type":                      c.account.kind,
		"created_at":                timestamp(creationTime(), c.account.id),
		"updated_at":                timestamp(creationTime(), c.account.id),
		"archived_at":               nil,
	})
	if c.account.role != "" {
		maps.Copy(org, map[string]any{
			"total_private_repos":           private,
			"owned_private_repos":           private,
			"default_repository_permission": "read",
		})
	}
	if c.account.role == "admin" {
		maps.Copy(org, map[string]any{
			"billing_email":                  "billing@example.com",
			"two_factor_requirement_enabled": true,
			"plan":                           map[string]any{"name": "enterprise", "space": 976562499, "private_repos": 999999, "seats": 1, "filled_seats": 1},
		})
	}
	return jsonResponse(http.StatusOK, org)
}

// A simpleOrganization has the schema organization-simple of GitHub's OpenAPI description.
type simpleOrganization struct {
	Login            string  `json:"login"`
	ID               int64   `json:"id"`
	NodeID           string  `json:"node_id"`
	URL              string  `json:"url"`
	ReposURL         string  `json:"repos_url"`
	EventsURL        string  `json:"events_url"`
	HooksURL         string  `json:"hooks_url"`
	IssuesURL        string  `json:"issues_url"`
	MembersURL       string  `json:"members_url"`
	PublicMembersURL string  `json:"public_members_url"`
	AvatarURL        string  `json:"avatar_url"`
	Description      *string `json:"description"`
}

func (s *Server) simpleOrganization(a *account) simpleOrganization {
	url := s.URL() + "/orgs/" + a.login
	return simpleOrganization{
		Login:            a.login,
		ID:               a.id,
		NodeID:           nodeID(a.kind, a.id),
		URL:              url,
		ReposURL:         url + "/repos",
		EventsURL:        url + "/events",
		HooksURL:         url + "/hooks",
		IssuesURL:        url + "/issues",
		MembersURL:       url + "/members{/member}",
		PublicMembersURL: url + "/public_members{/member}",
		AvatarURL:        s.avatarURL(a),
	}
}

// getMembership serves the membership of the token's user, who is the only member
// of an organization.
func (s *Server) getMembership(c *call) response {
	login, named := c.vars["username"]
	if c.account.role == "" || named && !strings.EqualFold(login, s.user.login) {
		return notFound()
	}
	return jsonResponse(http.StatusOK, map[string]any{
		"url":               fmt.Sprintf("%s/orgs/%s/memberships/%s", s.URL(), c.account.login, s.user.login),
		"state":             "active",
		"role":              c.account.role,
		"direct_membership": true,
		"organization_url":  s.URL() + "/orgs/" + c.account.login,
		"organization":      s.simpleOrganization(c.account),
		"user":              s.simpleUser(s.user),
	})
}

// listOrganizationRepositories serves the repositories that the token and the role can
// see. Sorting by creation, update and push gives the same order.
func (s *Server) listOrganizationRepositories(c *call) response {
	all, direction := c.account.repositories, "desc"
	if c.query.Get("sort") == "full_name" {
		all, direction = c.account.byName(), "asc"
	}
	kind := c.query.Get("type")
	onlyPublic := kind == "public" || c.account.role == "" || !s.hasScopes([]string{"repo"})
	all = slices.DeleteFunc(slices.Clone(all), func(r *repository) bool {
		return r.private && onlyPublic || !r.private && kind == "private" || kind == "forks"
	})
	if cmp.Or(c.query.Get("direction"), direction) == "desc" {
		slices.Reverse(all)
	}
	page, header := paginate(c, all, fmt.Sprintf("%s/organizations/%d/repos", s.URL(), c.account.id))
	return s.repositoryPage(c, page, header)
}

// byName returns the repositories sorted by name. The account keeps the sorted list
// until its repositories change.
func (a *account) byName() []*repository {
	if a.sorted == nil {
		a.sorted = slices.SortedFunc(slices.Values(a.repositories), func(r, other *repository) int {
			return strings.Compare(strings.ToLower(r.name), strings.ToLower(other.name))
		})
	}
	return a.sorted
}

// ghesVersion is the version of a server with WithGHES.
const ghesVersion = "3.19.0"

func (s *Server) getMeta(*call) response {
	meta := map[string]any{"verifiable_password_authentication": s.cfg.ghes}
	if s.cfg.ghes {
		meta["installed_version"] = ghesVersion
	} else {
		meta["hooks"] = []string{"192.30.252.0/22"}
		meta["web"] = []string{"192.30.252.0/22"}
		meta["api"] = []string{"192.30.252.0/22"}
		meta["git"] = []string{"192.30.252.0/22"}
	}
	return jsonResponse(http.StatusOK, meta)
}
