package ghmigratetest

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
)

// A repositoryFormat is one of the formats in which the API describes a repository.
type repositoryFormat int

const (
	fullRepository    repositoryFormat = iota // repository, of version 2022-11-28
	minimalRepository                         // minimal-repository, of the same
	simpleRepository                          // simple-repository, of version 2026-03-10
)

// appendRepository appends the JSON of a repository to b. The server keeps only the
// text that all repositories have in common, because an organization may have a
// hundred thousand of them. The caller holds s.mu.
func (s *Server) appendRepository(b []byte, r *repository, format repositoryFormat) []byte {
	if s.templates == nil {
		s.templates = s.repositoryTemplates()
	}
	if r.owner.json == "" {
		r.owner.json = string(encode(s.simpleUser(r.owner)))
	}
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	values := map[string]string{
		"id":         strconv.FormatInt(r.id, 10),
		"node_id":    nodeID("Repository", r.id),
		"owner":      r.owner.json,
		"name":       r.name,
		"full_name":  r.fullName(),
		"private":    strconv.FormatBool(r.private),
		"visibility": visibility,
		"branch":     string(encode(r.branch)),
		"issues":     strconv.Itoa(r.issues),
		"size":       strconv.FormatInt(108+r.payload>>10, 10),
		"created_at": timestamp(creationTime(), r.id),
		"pushed_at":  timestamp(creationTime().Add(time.Hour), r.id),
	}
	for i, part := range s.templates[format] {
		if i%2 == 1 {
			part = values[part]
		}
		b = append(b, part...)
	}
	return b
}

// repositoryTemplates returns the JSON of a repository in each format, with every
// property of GitHub's OpenAPI description, cut into parts. Every second part is the
// name of a value that differs between repositories.
func (s *Server) repositoryTemplates() map[repositoryFormat][]string {
	// within marks a value inside a string. whole marks a value that is not a string,
	// and loses its quotes.
	within := func(name string) string { return "«" + name + "«" }
	whole := func(name string) string { return "»" + within(name) + "»" }
	name := within("full_name")
	api := s.URL() + "/repos/" + name
	web := s.webURL + "/" + name
	host := strings.TrimPrefix(s.webURL, "https://")
	license := map[string]any{
		"key":     "mit",
		"name":    "MIT License",
		"spdx_id": "MIT",
		"url":     s.URL() + "/licenses/mit",
		"node_id": "MDc6TGljZW5zZW1pdA==",
	}
	fullLicense := maps.Clone(license)
	fullLicense["html_url"] = "https://choosealicense.com/licenses/mit/"

	simple := map[string]any{
		"id":                whole("id"),
		"node_id":           within("node_id"),
		"name":              within("name"),
		"full_name":         name,
		"owner":             whole("owner"),
		"private":           whole("private"),
		"html_url":          web,
		"description":       "What " + within("name") + " is for: <b>tests</b> & more — žluťoučký kůň",
		"fork":              false,
		"url":               api,
		"archive_url":       api + "/{archive_format}{/ref}",
		"assignees_url":     api + "/assignees{/user}",
		"blobs_url":         api + "/git/blobs{/sha}",
		"branches_url":      api + "/branches{/branch}",
		"collaborators_url": api + "/collaborators{/collaborator}",
		"comments_url":      api + "/comments{/number}",
		"commits_url":       api + "/commits{/sha}",
		"compare_url":       api + "/compare/{base}...{head}",
		"contents_url":      api + "/contents/{+path}",
		"contributors_url":  api + "/contributors",
		"deployments_url":   api + "/deployments",
		"downloads_url":     api + "/downloads",
		"events_url":        api + "/events",
		"forks_url":         api + "/forks",
		"git_commits_url":   api + "/git/commits{/sha}",
		"git_refs_url":      api + "/git/refs{/sha}",
		"git_tags_url":      api + "/git/tags{/sha}",
		"issue_comment_url": api + "/issues/comments{/number}",
		"issue_events_url":  api + "/issues/events{/number}",
		"issues_url":        api + "/issues{/number}",
		"keys_url":          api + "/keys{/key_id}",
		"labels_url":        api + "/labels{/name}",
		"languages_url":     api + "/languages",
		"merges_url":        api + "/merges",
		"milestones_url":    api + "/milestones{/number}",
		"notifications_url": api + "/notifications{?since,all,participating}",
		"pulls_url":         api + "/pulls{/number}",
		"releases_url":      api + "/releases{/id}",
		"stargazers_url":    api + "/stargazers",
		"statuses_url":      api + "/statuses/{sha}",
		"subscribers_url":   api + "/subscribers",
		"subscription_url":  api + "/subscription",
		"tags_url":          api + "/tags",
		"teams_url":         api + "/teams",
		"trees_url":         api + "/git/trees{/sha}",
		"hooks_url":         api + "/hooks",
	}
	common := map[string]any{
		"license":                      license,
		"forks":                        9,
		"permissions":                  map[string]any{"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
		"git_url":                      "git://" + host + "/" + name + ".git",
		"ssh_url":                      "git@" + host + ":" + name + ".git",
		"clone_url":                    web + ".git",
		"mirror_url":                   nil,
		"svn_url":                      web,
		"homepage":                     "https://" + within("name") + ".example.com",
		"language":                     "Go",
		"forks_count":                  9,
		"stargazers_count":             80,
		"watchers_count":               80,
		"size":                         whole("size"),
		"default_branch":               whole("branch"),
		"open_issues_count":            whole("issues"),
		"is_template":                  false,
		"topics":                       []string{"octocat", "api"},
		"has_issues":                   true,
		"has_projects":                 true,
		"has_wiki":                     true,
		"has_pages":                    false,
		"has_downloads":                true,
		"has_discussions":              false,
		"has_pull_requests":            true,
		"pull_request_creation_policy": "all",
		"archived":                     false,
		"disabled":                     false,
		"visibility":                   within("visibility"),
		"pushed_at":                    within("pushed_at"),
		"created_at":                   within("created_at"),
		"updated_at":                   within("pushed_at"),
		"temp_clone_token":             "ABTLWHOULUVAXGTRYU7OC" + within("id"),
		"delete_branch_on_merge":       true,
		"allow_forking":                true,
		"web_commit_signoff_required":  false,
		"open_issues":                  whole("issues"),
		"watchers":                     80,
	}
	full := map[string]any{
		"license":                        fullLicense,
		"allow_rebase_merge":             true,
		"allow_squash_merge":             true,
		"allow_auto_merge":               false,
		"allow_update_branch":            true,
		"use_squash_pr_title_as_default": false,
		"squash_merge_commit_title":      "PR_TITLE",
		"squash_merge_commit_message":    "COMMIT_MESSAGES",
		"merge_commit_title":             "MERGE_MESSAGE",
		"merge_commit_message":           "PR_TITLE",
		"allow_merge_commit":             true,
		"master_branch":                  whole("branch"),
		"starred_at":                     "2020-07-09T00:17:42Z",
		"anonymous_access_enabled":       true,
		"code_search_index_status": map[string]any{
			"lexical_search_ok":  true,
			"lexical_commit_sha": "ee262a2438f7afec9edb23e48dd0b42e66e67b3e",
		},
	}
	enabled := map[string]any{"status": "enabled"}
	disabled := map[string]any{"status": "disabled"}
	minimal := map[string]any{
		"role_name":         "admin",
		"subscribers_count": 42,
		"network_count":     9,
		"code_of_conduct": map[string]any{
			"key":      "contributor_covenant",
			"name":     "Contributor Covenant",
			"url":      s.URL() + "/codes_of_conduct/contributor_covenant",
			"body":     "# Contributor Covenant\n",
			"html_url": nil,
		},
		"security_and_analysis": map[string]any{
			"advanced_security":                         enabled,
			"code_security":                             enabled,
			"dependabot_security_updates":               disabled,
			"secret_scanning":                           enabled,
			"secret_scanning_push_protection":           disabled,
			"secret_scanning_non_provider_patterns":     disabled,
			"secret_scanning_ai_detection":              disabled,
			"secret_scanning_delegated_alert_dismissal": disabled,
			"secret_scanning_delegated_bypass":          enabled,
			"secret_scanning_delegated_bypass_options": map[string]any{
				"reviewers": []any{map[string]any{"reviewer_id": 1, "reviewer_type": "TEAM", "mode": "ALWAYS"}},
			},
		},
		"custom_properties": map[string]any{"tier": "gold"},
	}
	cut := func(properties ...map[string]any) []string {
		text := string(encode(merge(properties...)))
		text = strings.NewReplacer(`"»`, "", `»"`, "").Replace(text)
		return strings.Split(text, "«")
	}
	return map[repositoryFormat][]string{
		fullRepository:    cut(simple, common, full),
		minimalRepository: cut(simple, common, minimal),
		simpleRepository:  cut(simple),
	}
}

// creationTime returns the time when all repositories were created.
func creationTime() time.Time { return time.Date(2011, time.January, 26, 19, 1, 12, 0, time.UTC) }

// merge returns a map with the properties of all maps; later maps win.
func merge(properties ...map[string]any) map[string]any {
	all := make(map[string]any)
	for _, m := range properties {
		maps.Copy(all, m)
	}
	return all
}

func encode(v any) json.RawMessage { return jsonResponse(0, v).body }

// timestamp formats t in one of the three formats that GitHub mixes in one account.
// The ID of the dated object selects the format.
func timestamp(t time.Time, id int64) string {
	switch id % 3 {
	case 0:
		return t.In(time.FixedZone("", -7*60*60)).Format(time.RFC3339)
	case 1:
		return t.In(time.FixedZone("", 2*60*60)).Truncate(time.Second).Format("2006-01-02T15:04:05.000-07:00")
	default:
		return t.UTC().Format(time.RFC3339)
	}
}
