package archive

import (
	"strconv"
	"strings"
)

// A User is an account that a record of the archive refers to; it need not be a member
// of the organization. Bots have this type, too, with a URL such as
// https://github.com/dependabot[bot] or https://github.com/Copilot.
type User struct {
	Type           string          `json:"type"`
	URL            URL             `json:"url"`
	AvatarURL      string          `json:"avatar_url,omitzero"` // a picture; empty from exporters for GitLab and Bitbucket
	Login          string          `json:"login"`
	Name           string          `json:"name"`            // empty if unknown, as are the next four
	Bio            string          `json:"bio"`             //
	Company        string          `json:"company"`         //
	Website        string          `json:"website"`         // free text, not always a URL
	Location       string          `json:"location"`        //
	Emails         []Email         `json:"emails"`          // often only the noreply address
	SocialAccounts []SocialAccount `json:"social_accounts"` // in archives since late 2022
	BillingPlan    *BillingPlan    `json:"billing_plan"`    // of the account that was exported; nil for all others
	CreatedAt      Time            `json:"created_at"`      // zero from exporters for GitLab

	raw `json:"-"`
}

// An Email is an address of a [User].
type Email struct {
	Address  string `json:"address"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"` // false if missing: other exporters than GitHub's leave it out
}

// A SocialAccount is an account of a [User] on another site.
type SocialAccount struct {
	Provider string `json:"provider"` // such as "twitter" or "generic"
	URL      string `json:"url"`
}

// A BillingPlan is the plan of an account at GitHub.
type BillingPlan struct {
	Name         string `json:"name"`
	Space        int64  `json:"space"`         // as GitHub counts it; its unit is not documented
	PrivateRepos int64  `json:"private_repos"` // how many the plan allows
}

// ID returns the ID of the account at GitHub, taken from the URL of the avatar. It
// is 0 for bots and for users without an avatar.
func (u *User) ID() int64 {
	address, _, _ := strings.Cut(u.AvatarURL, "?")
	if !strings.Contains(address, "/u/") {
		return 0
	}
	id, err := strconv.ParseUint(address[strings.LastIndexByte(address, '/')+1:], 10, 63) // ParseInt accepts a sign
	if err != nil {
		return 0
	}
	return int64(id)
}

// An Organization is the account that owns the exported repositories.
type Organization struct {
	Type               string               `json:"type"`
	URL                URL                  `json:"url"`
	Login              string               `json:"login"`
	Name               string               `json:"name"`        // empty if unknown, as are the next four
	Description        string               `json:"description"` //
	Website            string               `json:"website"`     //
	Location           string               `json:"location"`    //
	Email              string               `json:"email"`       //
	Members            []OrganizationMember `json:"members"`
	OwnersTeam         URL                  `json:"owners_team" ref:"team"` // a Team, which only old organizations have
	Webhooks           []Webhook            `json:"webhooks"`
	CreatedAt          Time                 `json:"created_at"`                   // zero from exporters for GitLab
	MemberPrivileges   *MemberPrivileges    `json:"member_privileges,omitzero"`   // nil if missing
	RepositoryDefaults *RepositoryDefaults  `json:"repository_defaults,omitzero"` // nil in archives older than about 2023

	raw `json:"-"`
}

// An OrganizationMember is a person in an [Organization].
type OrganizationMember struct {
	User  URL    `json:"user" ref:"user"`
	Role  string `json:"role"`  // "admin" or "direct_member"
	State string `json:"state"` // "active"
}

// MemberPrivileges are the permissions of members of an [Organization].
type MemberPrivileges struct {
	DefaultRepositoryPermission            string `json:"default_repository_permission"` // such as "read" or "none"
	MembersCanCreatePublicRepositories     bool   `json:"members_can_create_public_repositories"`
	MembersCanCreatePrivateRepositories    bool   `json:"members_can_create_private_repositories"`
	MembersCanCreateInternalRepositories   bool   `json:"members_can_create_internal_repositories"`
	MembersCanInviteOutsideCollaborators   bool   `json:"members_can_invite_outside_collaborators"`
	AllowsPrivateRepositoryForking         bool   `json:"allows_private_repository_forking"`
	MembersCanCreatePages                  bool   `json:"members_can_create_pages"`
	MembersCanChangeRepoVisibility         bool   `json:"members_can_change_repo_visibility"`
	MembersCanDeleteRepositories           bool   `json:"members_can_delete_repositories"`
	MembersCanDeleteIssues                 bool   `json:"members_can_delete_issues"`
	DisplayCommenterFullNameSettingEnabled bool   `json:"display_commenter_full_name_setting_enabled"`
	ReadersCanCreateDiscussions            bool   `json:"readers_can_create_discussions"`
	MembersCanCreateTeams                  bool   `json:"members_can_create_teams"`
	MembersCanViewDependencyInsights       bool   `json:"members_can_view_dependency_insights"`
}

// RepositoryDefaults are the settings of new repositories of an [Organization].
type RepositoryDefaults struct {
	RepositoryDefaultBranch string         `json:"repository_default_branch"`
	CommitSignoff           bool           `json:"commit_signoff"`
	RepositoryLabels        []DefaultLabel `json:"repository_labels"`
}

// A DefaultLabel is a label that new repositories get.
type DefaultLabel struct {
	Name        string `json:"name"`
	Description string `json:"description"` // empty if there is none
	Color       string `json:"color"`       // six hexadecimal digits, without "#"
}

// A Team is a team of an organization. An archive has all teams of the organization,
// even if only one repository was exported.
type Team struct {
	Type         string           `json:"type"`
	URL          URL              `json:"url"`
	Organization URL              `json:"organization" ref:"organization"`
	ParentTeam   URL              `json:"parent_team" ref:"team"` // empty at the top
	Name         string           `json:"name"`
	Description  string           `json:"description"` // empty if there is none
	Privacy      string           `json:"privacy"`     // "secret" or "closed"
	Permissions  []TeamPermission `json:"permissions"` // including those on repositories outside the archive
	Members      []TeamMember     `json:"members"`
	CreatedAt    Time             `json:"created_at"`

	raw `json:"-"`
}

// A TeamPermission is the access of a [Team] to a repository.
type TeamPermission struct {
	Repository URL    `json:"repository" ref:"repository"`
	Access     string `json:"access"`        // "pull", "push" or "admin"; "write" from exporters for GitLab
	Role       string `json:"role,omitzero"` // "read", "write", "maintain" or "admin"; empty from exporters for GitLab
}

// A TeamMember is a person in a [Team].
type TeamMember struct {
	User URL    `json:"user" ref:"user"`
	Role string `json:"role"` // "maintainer" or "member"
}
