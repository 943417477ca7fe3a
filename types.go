package ghmigrate

import "time"

// A User is an account: a person, an organization or a bot. Fields that GitHub
// does not send for this kind of account are zero.
type User struct {
	Login      string `json:"login"`
	ID         int64  `json:"id"`
	NodeID     string `json:"node_id"`
	Type       string `json:"type"`        // "User", "Organization" or "Bot"
	Name       string `json:"name"`        // empty if it is not public
	Email      string `json:"email"`       // empty if it is not public
	AvatarURL  string `json:"avatar_url"`  // a picture
	GravatarID string `json:"gravatar_id"` // usually empty
	URL        string `json:"url"`         // in the API
	HTMLURL    string `json:"html_url"`    // the profile page

	Description  string `json:"description"`    // organizations only
	SiteAdmin    bool   `json:"site_admin"`     // an administrator of GitHub or the GHES
	UserViewType string `json:"user_view_type"` // "public" or "private"; empty on older servers
	StarredAt    string `json:"starred_at"`     // as sent; only in lists of stargazers
	Deleted      bool   `json:"deleted"`        // only in webhooks

	UserURLs
}

// UserURLs are the addresses of an account's collections. Some are RFC 6570
// templates, such as "https://api.github.com/users/octocat/gists{/gist_id}".
type UserURLs struct {
	FollowersURL      string `json:"followers_url"`
	FollowingURL      string `json:"following_url"`
	GistsURL          string `json:"gists_url"`
	StarredURL        string `json:"starred_url"`
	SubscriptionsURL  string `json:"subscriptions_url"`
	OrganizationsURL  string `json:"organizations_url"`
	ReposURL          string `json:"repos_url"`
	EventsURL         string `json:"events_url"`
	ReceivedEventsURL string `json:"received_events_url"`
	HooksURL          string `json:"hooks_url"`
	IssuesURL         string `json:"issues_url"`
	MembersURL        string `json:"members_url"`
	PublicMembersURL  string `json:"public_members_url"`
}

// A Repository is a repository as the Migrations API describes it. Which
// properties GitHub sends depends on the endpoint and on the API version: version
// 2026-03-10 sends only names, IDs and addresses. Fields that are not sent are
// zero.
type Repository struct {
	ID          int64  `json:"id"`
	NodeID      string `json:"node_id"`
	Name        string `json:"name"`      // "Hello-World"
	FullName    string `json:"full_name"` // "octocat/Hello-World"
	Owner       *User  `json:"owner"`
	Description string `json:"description"` // empty if not set
	Homepage    string `json:"homepage"`    // empty if not set
	URL         string `json:"url"`         // in the API
	HTMLURL     string `json:"html_url"`
	CloneURL    string `json:"clone_url"`
	MirrorURL   string `json:"mirror_url"` // empty if the repository is not a mirror

	Private    bool   `json:"private"`
	Visibility string `json:"visibility"` // "public", "private" or "internal"; empty if not sent
	Fork       bool   `json:"fork"`
	Archived   bool   `json:"archived"` // read-only
	Disabled   bool   `json:"disabled"`
	IsTemplate bool   `json:"is_template"`

	// TemplateRepository is the template that the repository was made from; nil if
	// there is no template or it is not sent.
	TemplateRepository *Repository `json:"template_repository,omitzero"`
	// Organization is the organization that owns the repository; only in
	// webhooks, nil for a user's repository.
	Organization *User `json:"organization,omitzero"`

	DefaultBranch string   `json:"default_branch"`
	MasterBranch  string   `json:"master_branch"` // an older name of DefaultBranch
	Language      string   `json:"language"`      // the main language; empty if not recognized
	Topics        []string `json:"topics,omitzero"`
	Size          int64    `json:"size"` // kibibytes

	// The times are zero if not sent.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	PushedAt  time.Time `json:"pushed_at,omitzero"` // zero also if nothing was ever pushed
	StarredAt string    `json:"starred_at"`         // as sent; only in lists of stars

	ForksCount       int `json:"forks_count"`
	StargazersCount  int `json:"stargazers_count"`
	WatchersCount    int `json:"watchers_count"` // equals StargazersCount
	SubscribersCount int `json:"subscribers_count"`
	NetworkCount     int `json:"network_count"`
	OpenIssuesCount  int `json:"open_issues_count"`
	Forks            int `json:"forks"`       // equals ForksCount
	OpenIssues       int `json:"open_issues"` // equals OpenIssuesCount
	Watchers         int `json:"watchers"`    // equals WatchersCount

	HasIssues       bool `json:"has_issues"`
	HasProjects     bool `json:"has_projects"`
	HasWiki         bool `json:"has_wiki"`
	HasPages        bool `json:"has_pages"`
	HasDownloads    bool `json:"has_downloads"` // not sent by API version 2026-03-10
	HasDiscussions  bool `json:"has_discussions"`
	HasPullRequests bool `json:"has_pull_requests"`
	// PullRequestCreationPolicy says who may open pull requests: "all" or
	// "collaborators_only"; empty if not sent.
	PullRequestCreationPolicy string `json:"pull_request_creation_policy"`

	AllowMergeCommit          bool   `json:"allow_merge_commit"`
	AllowSquashMerge          bool   `json:"allow_squash_merge"`
	AllowRebaseMerge          bool   `json:"allow_rebase_merge"`
	AllowAutoMerge            bool   `json:"allow_auto_merge"`
	AllowUpdateBranch         bool   `json:"allow_update_branch"`
	AllowForking              bool   `json:"allow_forking"`
	DeleteBranchOnMerge       bool   `json:"delete_branch_on_merge"`
	UseSquashPRTitleAsDefault bool   `json:"use_squash_pr_title_as_default"` // older form of SquashMergeCommitTitle
	SquashMergeCommitTitle    string `json:"squash_merge_commit_title"`      // "PR_TITLE" or "COMMIT_OR_PR_TITLE"
	SquashMergeCommitMessage  string `json:"squash_merge_commit_message"`    // "PR_BODY", "COMMIT_MESSAGES" or "BLANK"
	MergeCommitTitle          string `json:"merge_commit_title"`             // "PR_TITLE" or "MERGE_MESSAGE"
	MergeCommitMessage        string `json:"merge_commit_message"`           // "PR_BODY", "PR_TITLE" or "BLANK"
	WebCommitSignoffRequired  bool   `json:"web_commit_signoff_required"`
	AnonymousAccessEnabled    bool   `json:"anonymous_access_enabled"` // anonymous Git reads; GHES only

	// Permissions of the token's owner; nil if not sent.
	Permissions *RepositoryPermissions `json:"permissions,omitzero"`
	RoleName    string                 `json:"role_name"` // of the token's owner
	// License is nil if GitHub recognized no license.
	License *License `json:"license,omitzero"`
	// CodeOfConduct is nil if GitHub recognized no code of conduct.
	CodeOfConduct *CodeOfConduct `json:"code_of_conduct,omitzero"`
	// SecurityAndAnalysis is nil if the token may not see it.
	SecurityAndAnalysis *SecurityAndAnalysis `json:"security_and_analysis,omitzero"`
	// CodeSearchIndexStatus is nil if not sent.
	CodeSearchIndexStatus *CodeSearchIndexStatus `json:"code_search_index_status,omitzero"`
	// CustomProperties are properties that the organization defines: a value is
	// a string, a []any of strings, or nil. The map is nil if not sent.
	CustomProperties map[string]any `json:"custom_properties,omitzero"`
	// TempCloneToken lets git clone a private repository for a short time.
	TempCloneToken Secret `json:"temp_clone_token"`

	RepositoryURLs
}

// RepositoryURLs are the addresses of a repository's collections. Most are RFC
// 6570 templates, such as
// "https://api.github.com/repos/octocat/Hello-World/issues{/number}".
type RepositoryURLs struct {
	ArchiveURL       string `json:"archive_url"`
	AssigneesURL     string `json:"assignees_url"`
	BlobsURL         string `json:"blobs_url"`
	BranchesURL      string `json:"branches_url"`
	CollaboratorsURL string `json:"collaborators_url"`
	CommentsURL      string `json:"comments_url"`
	CommitsURL       string `json:"commits_url"`
	CompareURL       string `json:"compare_url"`
	ContentsURL      string `json:"contents_url"`
	ContributorsURL  string `json:"contributors_url"`
	DeploymentsURL   string `json:"deployments_url"`
	DownloadsURL     string `json:"downloads_url"`
	EventsURL        string `json:"events_url"`
	ForksURL         string `json:"forks_url"`
	GitCommitsURL    string `json:"git_commits_url"`
	GitRefsURL       string `json:"git_refs_url"`
	GitTagsURL       string `json:"git_tags_url"`
	GitURL           string `json:"git_url"`
	HooksURL         string `json:"hooks_url"`
	IssueCommentURL  string `json:"issue_comment_url"`
	IssueEventsURL   string `json:"issue_events_url"`
	IssuesURL        string `json:"issues_url"`
	KeysURL          string `json:"keys_url"`
	LabelsURL        string `json:"labels_url"`
	LanguagesURL     string `json:"languages_url"`
	MergesURL        string `json:"merges_url"`
	MilestonesURL    string `json:"milestones_url"`
	NotificationsURL string `json:"notifications_url"`
	PullsURL         string `json:"pulls_url"`
	ReleasesURL      string `json:"releases_url"`
	SSHURL           string `json:"ssh_url"`
	StargazersURL    string `json:"stargazers_url"`
	StatusesURL      string `json:"statuses_url"`
	SubscribersURL   string `json:"subscribers_url"`
	SubscriptionURL  string `json:"subscription_url"`
	SVNURL           string `json:"svn_url"`
	TagsURL          string `json:"tags_url"`
	TeamsURL         string `json:"teams_url"`
	TreesURL         string `json:"trees_url"`
}

// RepositoryPermissions are the permissions of one account in a repository.
type RepositoryPermissions struct {
	Admin    bool `json:"admin"`
	Maintain bool `json:"maintain"`
	Push     bool `json:"push"`
	Triage   bool `json:"triage"`
	Pull     bool `json:"pull"`
}

// A License is the license that GitHub recognized in a repository.
type License struct {
	Key     string `json:"key"` // "mit"
	Name    string `json:"name"`
	SPDXID  string `json:"spdx_id"` // "MIT"; empty or "NOASSERTION" if the license has no SPDX ID
	NodeID  string `json:"node_id"`
	URL     string `json:"url"` // in the API; empty if GitHub does not have the license's text
	HTMLURL string `json:"html_url"`
}

// A CodeOfConduct is the code of conduct that GitHub recognized in a
// repository.
type CodeOfConduct struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	HTMLURL string `json:"html_url"` // empty if there is no page
	Body    string `json:"body"`     // empty if not sent
}

// SecurityAndAnalysis is the state of a repository's security features. A feature
// is nil if not sent.
type SecurityAndAnalysis struct {
	AdvancedSecurity                      *SecurityFeature        `json:"advanced_security,omitzero"`
	CodeSecurity                          *SecurityFeature        `json:"code_security,omitzero"`
	DependabotSecurityUpdates             *SecurityFeature        `json:"dependabot_security_updates,omitzero"`
	SecretScanning                        *SecurityFeature        `json:"secret_scanning,omitzero"`
	SecretScanningPushProtection          *SecurityFeature        `json:"secret_scanning_push_protection,omitzero"`
	SecretScanningNonProviderPatterns     *SecurityFeature        `json:"secret_scanning_non_provider_patterns,omitzero"`
	SecretScanningValidityChecks          *SecurityFeature        `json:"secret_scanning_validity_checks,omitzero"`
	SecretScanningAIDetection             *SecurityFeature        `json:"secret_scanning_ai_detection,omitzero"`
	SecretScanningDelegatedAlertDismissal *SecurityFeature        `json:"secret_scanning_delegated_alert_dismissal,omitzero"`
	SecretScanningDelegatedBypass         *SecurityFeature        `json:"secret_scanning_delegated_bypass,omitzero"`
	SecretScanningDelegatedBypassOptions  *DelegatedBypassOptions `json:"secret_scanning_delegated_bypass_options,omitzero"`
}

// A SecurityFeature is one of a repository's security features.
type SecurityFeature struct {
	Status string `json:"status"` // "enabled" or "disabled"
}

// DelegatedBypassOptions list the reviewers who may allow the push of a secret.
type DelegatedBypassOptions struct {
	Reviewers []BypassReviewer `json:"reviewers,omitzero"`
}

// A BypassReviewer is a team or a role that may allow the push of a secret.
type BypassReviewer struct {
	ReviewerID   int64  `json:"reviewer_id"`
	ReviewerType string `json:"reviewer_type"` // "TEAM" or "ROLE"
	Mode         string `json:"mode"`          // "ALWAYS" or "EXEMPT"; empty means "ALWAYS"
}

// CodeSearchIndexStatus says whether a repository is in the index of GitHub's code
// search.
type CodeSearchIndexStatus struct {
	LexicalSearchOK  bool   `json:"lexical_search_ok"`
	LexicalCommitSHA string `json:"lexical_commit_sha"`
}
