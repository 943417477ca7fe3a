package archive

import (
	"encoding/json"
	"strconv"
)

// A Repository is an exported repository. The record does not say whether it is a
// fork. Internal repositories are private ones. Exports have no rulesets, custom
// properties or packages.
type Repository struct {
	Type                   string                  `json:"type"`
	URL                    URL                     `json:"url"`
	Owner                  URL                     `json:"owner" ref:"user"` // a User or an Organization
	Name                   string                  `json:"name"`
	Slug                   string                  `json:"slug,omitzero"` // the name in URLs, only from exporters for Bitbucket
	Description            string                  `json:"description"`   // empty if there is none
	Website                string                  `json:"website"`       // empty if there is none
	Private                bool                    `json:"private"`
	HasIssues              bool                    `json:"has_issues"`
	HasWiki                bool                    `json:"has_wiki"` // wikis are enabled; WikiURL says whether a wiki exists
	HasDownloads           bool                    `json:"has_downloads"`
	IsArchived             bool                    `json:"is_archived"` // read-only; false in archives older than about 2023
	Labels                 []Label                 `json:"labels"`
	Collaborators          []Collaborator          `json:"collaborators"` // outside collaborators, and members with direct access
	CreatedAt              Time                    `json:"created_at"`
	GitURL                 string                  `json:"git_url"`           // tarball://root/repositories/octo-org/app.git, even if Git data was left out
	DefaultBranch          string                  `json:"default_branch"`    // such as "main"
	Webhooks               []Webhook               `json:"webhooks"`          // only active ones
	Page                   *Page                   `json:"page"`              // GitHub Pages; nil if there is none, and before late 2021
	PublicKeys             []PublicKey             `json:"public_keys"`       // deploy keys
	RepositoryTopics       []RepositoryTopic       `json:"repository_topics"` // in archives since 2022, like the fields below
	SecurityAndAnalysis    *SecurityAndAnalysis    `json:"security_and_analysis,omitzero"`
	Autolinks              []json.RawMessage       `json:"autolinks"` // elements are not documented
	GeneralSettings        *GeneralSettings        `json:"general_settings,omitzero"`
	ActionsGeneralSettings *ActionsGeneralSettings `json:"actions_general_settings,omitzero"`
	WikiURL                string                  `json:"wiki_url,omitzero"` // tarball://root/repositories/octo-org/app.wiki.git; empty if there is no wiki

	raw `json:"-"`
}

// A Label is a label of a [Repository]. Issues and pull requests refer to it by its
// URL. GitHub writes labels inside the record of their repository; exporters for
// Trac write a record for each.
type Label struct {
	Type        string `json:"type,omitzero"` // empty inside a repository, but for exporters for GitLab
	URL         URL    `json:"url"`
	Repository  URL    `json:"repository,omitzero" ref:"repository"` // in a record of its own
	Name        string `json:"name"`
	Color       string `json:"color"`                // six hexadecimal digits, without "#"
	Description string `json:"description,omitzero"` // empty if there is none, and before about 2020
	CreatedAt   Time   `json:"created_at"`           // zero from exporters for Trac

	raw `json:"-"`
}

// A Webhook sends the events of a [Repository] or an [Organization] to a URL.
type Webhook struct {
	PayloadURL            string   `json:"payload_url"`  // may carry a secret in its query
	ContentType           string   `json:"content_type"` // "json" or "form"
	EventTypes            []string `json:"event_types"`  // such as "push"
	EnableSSLVerification bool     `json:"enable_ssl_verification"`
	Active                bool     `json:"active"`
}

// A Collaborator is a person with access to a [Repository].
type Collaborator struct {
	User       URL    `json:"user" ref:"user"`
	Permission string `json:"permission"` // "read", "triage", "write", "maintain" or "admin"
}

// A PublicKey is a deploy key of a [Repository].
type PublicKey struct {
	Title       string `json:"title"`
	Key         string `json:"key"` // such as "ssh-ed25519 AAAA…"
	ReadOnly    bool   `json:"read_only"`
	Fingerprint string `json:"fingerprint"`
	CreatedAt   Time   `json:"created_at"`
}

// A Page is the GitHub Pages site of a [Repository].
type Page struct {
	CNAME         string `json:"cname,omitzero"` // the custom domain; empty if there is none
	HTTPSRedirect bool   `json:"https_redirect"`
	Source        string `json:"source,omitzero"` // empty if unknown
	SourceRefName string `json:"source_ref_name"` // a branch, such as "gh-pages"
	SourceSubdir  string `json:"source_subdir"`   // such as "/" or "/docs"
	IsPublic      bool   `json:"is_public"`
	Subdomain     string `json:"subdomain,omitzero"` // empty if there is none, as are the next two
	ParentDomain  string `json:"parent_domain,omitzero"`
	Theme         string `json:"theme,omitzero"`
	BuildType     string `json:"build_type,omitzero"` // such as "legacy" or "workflow"
}

// A RepositoryTopic is a topic of a [Repository].
type RepositoryTopic struct {
	TopicURL   string `json:"topic_url,omitzero"` // empty if the topic has no page
	TopicName  string `json:"topic_name"`
	Repository URL    `json:"repository" ref:"repository"`
	Creator    URL    `json:"creator" ref:"user"`
	State      string `json:"state"` // "created"
	CreatedAt  Time   `json:"created_at"`
	UpdatedAt  Time   `json:"updated_at"`
}

// SecurityAndAnalysis are settings of a [Repository].
type SecurityAndAnalysis struct {
	DependencyGraph             bool `json:"dependency_graph"`
	VulnerabilityAlerts         bool `json:"vulnerability_alerts"`
	VulnerabilityUpdates        bool `json:"vulnerability_updates"`
	AdvancedSecurity            bool `json:"advanced_security"`
	TokenScanning               bool `json:"token_scanning"`
	TokenScanningPushProtection bool `json:"token_scanning_push_protection"`
}

// GeneralSettings are settings of a [Repository].
type GeneralSettings struct {
	Template          bool `json:"template"`
	AllowForking      bool `json:"allow_forking"`
	Sponsorships      bool `json:"sponsorships"`
	Projects          bool `json:"projects"` // false if missing, as in archives of 2022
	Discussions       bool `json:"discussions"`
	MergeCommit       bool `json:"merge_commit"`
	SquashMerge       bool `json:"squash_merge"`
	RebaseMerge       bool `json:"rebase_merge"`
	AutoMerge         bool `json:"auto_merge"`
	DeleteBranchHeads bool `json:"delete_branch_heads"`
	UpdateBranch      bool `json:"update_branch"`
	GitLFSInArchives  bool `json:"git_lfs_in_archives"`
}

// ActionsGeneralSettings are settings of a [Repository].
type ActionsGeneralSettings struct {
	ActionsDisabled               bool     `json:"actions_disabled"`
	AllowsAllActions              bool     `json:"allows_all_actions"`
	AllowsLocalActionsOnly        bool     `json:"allows_local_actions_only"`
	AllowsGitHubOwnedActions      bool     `json:"allows_github_owned_actions"`
	AllowsVerifiedActions         bool     `json:"allows_verified_actions"`
	AllowsSpecificActionsPatterns bool     `json:"allows_specific_actions_patterns"`
	Patterns                      []string `json:"patterns"` // of actions that are allowed
}

// A ProtectedBranch is a rule for a branch, with the fields that exporters for
// GitLab and Bitbucket write. GitHub's own fields are not public; Raw has them.
// References are named *_url, unlike in all other records.
type ProtectedBranch struct {
	Type                                 string           `json:"type"`
	Name                                 string           `json:"name"` // a branch, or a pattern of branches
	URL                                  URL              `json:"url"`
	CreatorURL                           URL              `json:"creator_url" ref:"user"`          // a User or an Organization
	RepositoryURL                        URL              `json:"repository_url" ref:"repository"` // a Repository
	AdminEnforced                        bool             `json:"admin_enforced"`
	BlockDeletionsEnforcementLevel       EnforcementLevel `json:"block_deletions_enforcement_level"`
	BlockForcePushesEnforcementLevel     EnforcementLevel `json:"block_force_pushes_enforcement_level"`
	DismissStaleReviewsOnPush            bool             `json:"dismiss_stale_reviews_on_push"`
	PullRequestReviewsEnforcementLevel   EnforcementLevel `json:"pull_request_reviews_enforcement_level"`
	RequireCodeOwnerReview               bool             `json:"require_code_owner_review"`
	RequiredStatusChecksEnforcementLevel EnforcementLevel `json:"required_status_checks_enforcement_level"`
	StrictRequiredStatusChecksPolicy     bool             `json:"strict_required_status_checks_policy"`
	AuthorizedActorsOnly                 bool             `json:"authorized_actors_only"`
	AuthorizedUserURLs                   []URL            `json:"authorized_user_urls" ref:"user"`
	AuthorizedTeamURLs                   []URL            `json:"authorized_team_urls" ref:"team"`
	DismissalRestrictedUserURLs          []URL            `json:"dismissal_restricted_user_urls" ref:"user"`
	DismissalRestrictedTeamURLs          []URL            `json:"dismissal_restricted_team_urls" ref:"team"`
	// RequiredStatusChecks has no documented elements.
	RequiredStatusChecks []json.RawMessage `json:"required_status_checks"`

	raw `json:"-"`
}

// EnforcementLevel says for which users a rule of a [ProtectedBranch] holds. It is a
// number such as "2" or a word such as "off" or "everyone", depending on the rule.
// Empty stands for null. Numbers are written as numbers.
type EnforcementLevel string

// MarshalJSON returns the level as a number if it is one, or else as a string.
func (l EnforcementLevel) MarshalJSON() ([]byte, error) {
	switch _, err := strconv.ParseUint(string(l), 10, 32); {
	case l == "":
		return []byte("null"), nil
	case err == nil && (l == "0" || l[0] != '0'):
		return []byte(l), nil
	default:
		return marshal(string(l))
	}
}

// UnmarshalJSON reads a number, a string or null.
func (l *EnforcementLevel) UnmarshalJSON(data []byte) error {
	if n, err := strconv.ParseUint(string(data), 10, 32); err == nil {
		*l = EnforcementLevel(strconv.FormatUint(n, 10))
		return nil
	}
	return unmarshal(data, (*string)(l))
}
