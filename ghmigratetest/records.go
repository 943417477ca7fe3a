package ghmigratetest

type userRecord struct {
	Type           string        `json:"type"`
	URL            string        `json:"url"`
	AvatarURL      string        `json:"avatar_url"`
	Login          string        `json:"login"`
	Name           *string       `json:"name"`
	Bio            *string       `json:"bio"`
	Company        *string       `json:"company"`
	Website        *string       `json:"website"`
	Location       *string       `json:"location"`
	Emails         []emailRecord `json:"emails"`
	SocialAccounts []any         `json:"social_accounts"`
	BillingPlan    *string       `json:"billing_plan"`
	CreatedAt      string        `json:"created_at"`
}

type emailRecord struct {
	Address  string `json:"address"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

type organizationRecord struct {
	Type             string         `json:"type"`
	URL              string         `json:"url"`
	Login            string         `json:"login"`
	Name             *string        `json:"name"`
	Description      *string        `json:"description"`
	Website          *string        `json:"website"`
	Location         *string        `json:"location"`
	Email            *string        `json:"email"`
	Members          []memberRecord `json:"members"`
	OwnersTeam       *string        `json:"owners_team"`
	Webhooks         []any          `json:"webhooks"`
	CreatedAt        string         `json:"created_at"`
	MemberPrivileges struct {
		DefaultRepositoryPermission string `json:"default_repository_permission"`
		MembersCanCreateTeams       bool   `json:"members_can_create_teams"`
	} `json:"member_privileges"`
}

type memberRecord struct {
	User  string `json:"user"`
	Role  string `json:"role"`
	State string `json:"state"`
}

type repositoryRecord struct {
	Type             string               `json:"type"`
	URL              string               `json:"url"`
	Owner            string               `json:"owner"`
	Name             string               `json:"name"`
	Description      *string              `json:"description"`
	Website          *string              `json:"website"`
	Private          bool                 `json:"private"`
	HasIssues        bool                 `json:"has_issues"`
	HasWiki          bool                 `json:"has_wiki"`
	HasDownloads     bool                 `json:"has_downloads"`
	IsArchived       bool                 `json:"is_archived"`
	Labels           []labelRecord        `json:"labels"`
	Collaborators    []collaboratorRecord `json:"collaborators"`
	CreatedAt        string               `json:"created_at"`
	GitURL           string               `json:"git_url"`
	DefaultBranch    string               `json:"default_branch"`
	Webhooks         []any                `json:"webhooks"`
	Page             *string              `json:"page"`
	PublicKeys       []any                `json:"public_keys"`
	RepositoryTopics []any                `json:"repository_topics"`
	Autolinks        []any                `json:"autolinks"`
}

type labelRecord struct {
	URL         string `json:"url"`
	Name        string `json:"name"`
	Color       string `json:"color"`
	Description string `json:"description"`
	CreatedAt   string `json:"created_at"`
}

type collaboratorRecord struct {
	User       string `json:"user"`
	Permission string `json:"permission"`
}

type issueRecord struct {
	Type       string   `json:"type"`
	URL        string   `json:"url"`
	Repository string   `json:"repository"`
	User       string   `json:"user"`
	Title      string   `json:"title"`
	Body       string   `json:"body"`
	Assignee   *string  `json:"assignee"`
	Assignees  []string `json:"assignees"`
	Milestone  *string  `json:"milestone"`
	Labels     []string `json:"labels"`
	Reactions  []any    `json:"reactions"`
	ClosedAt   *string  `json:"closed_at"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
}

type issueCommentRecord struct {
	Type      string `json:"type"`
	URL       string `json:"url"`
	Issue     string `json:"issue"`
	User      string `json:"user"`
	Body      string `json:"body"`
	Formatter string `json:"formatter"`
	Reactions []any  `json:"reactions"`
	CreatedAt string `json:"created_at"`
}

type attachmentRecord struct {
	Type             string `json:"type"`
	URL              string `json:"url"`
	Issue            string `json:"issue"`
	User             string `json:"user"`
	AssetName        string `json:"asset_name"`
	AssetContentType string `json:"asset_content_type"`
	AssetURL         string `json:"asset_url"`
	CreatedAt        string `json:"created_at"`
}

type releaseRecord struct {
	Type            string               `json:"type"`
	URL             string               `json:"url"`
	Repository      string               `json:"repository"`
	User            string               `json:"user"`
	Name            string               `json:"name"`
	TagName         string               `json:"tag_name"`
	Body            string               `json:"body"`
	State           string               `json:"state"`
	PendingTag      string               `json:"pending_tag"`
	Prerelease      bool                 `json:"prerelease"`
	TargetCommitish string               `json:"target_commitish"`
	ReleaseAssets   []releaseAssetRecord `json:"release_assets"`
	Reactions       []any                `json:"reactions"`
	PublishedAt     string               `json:"published_at"`
	CreatedAt       string               `json:"created_at"`
}

type releaseAssetRecord struct {
	User             string `json:"user"`
	AssetName        string `json:"asset_name"`
	AssetContentType string `json:"asset_content_type"`
	AssetURL         string `json:"asset_url"`
	CreatedAt        string `json:"created_at"`
}
