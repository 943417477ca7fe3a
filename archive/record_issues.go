package archive

import (
	"cmp"
	"encoding/json"
)

// A Milestone is a milestone of a repository.
type Milestone struct {
	Type        string `json:"type"`
	URL         URL    `json:"url"`
	Repository  URL    `json:"repository" ref:"repository"`
	User        URL    `json:"user" ref:"user"` // the author
	Title       string `json:"title"`
	Description string `json:"description"` // empty if there is none
	State       string `json:"state"`       // "open" or "closed"
	DueOn       Time   `json:"due_on"`      // zero if it is not due
	CreatedAt   Time   `json:"created_at"`
	UpdatedAt   Time   `json:"updated_at"` // zero from exporters for GitLab
	ClosedAt    Time   `json:"closed_at"`  // zero while it is open, and from exporters for GitLab

	raw `json:"-"`
}

// An Issue is an issue of a repository. Its URL has its number ([URL.Number]). It is
// closed if ClosedAt is set. Only its events show whether it is locked or pinned.
// Exports have no issue types, parents or dependencies; each added sub-issue has an
// event.
type Issue struct {
	Type       string     `json:"type"`
	URL        URL        `json:"url"`
	Repository URL        `json:"repository" ref:"repository"`
	User       URL        `json:"user" ref:"user"` // the author; empty if the account was deleted
	Title      string     `json:"title"`
	Body       string     `json:"body"`                 // Markdown, with "\r\n" as often as "\n"; empty if there is none
	Assignee   URL        `json:"assignee" ref:"user"`  // the first of Assignees
	Assignees  []URL      `json:"assignees" ref:"user"` // users; empty from exporters for GitLab
	Milestone  URL        `json:"milestone" ref:"milestone"`
	Labels     []URL      `json:"labels" ref:"label"` // as in the labels of the Repository
	Reactions  []Reaction `json:"reactions"`
	ClosedAt   Time       `json:"closed_at"` // zero while it is open
	CreatedAt  Time       `json:"created_at"`
	UpdatedAt  Time       `json:"updated_at"` // zero from exporters for GitLab

	raw `json:"-"`
}

// A Reaction is an emoji of a user on an issue, a comment or a release.
type Reaction struct {
	User        URL             `json:"user" ref:"user"` // empty if the account was deleted
	Content     ReactionContent `json:"content"`
	SubjectType string          `json:"subject_type"` // such as "Issue", "IssueComment" or "Release"
	CreatedAt   Time            `json:"created_at"`
}

// ReactionContent is the emoji of a [Reaction]. Archives do not use all names of the
// REST API. The set is open: other values pass through.
type ReactionContent string

// The known emojis. The comments have the names in the REST API that differ.
const (
	ReactionPlusOne      ReactionContent = "+1"
	ReactionMinusOne     ReactionContent = "-1"
	ReactionHeart        ReactionContent = "heart"
	ReactionTada         ReactionContent = "tada"          // "hooray"
	ReactionThinkingFace ReactionContent = "thinking_face" // "confused"
	ReactionRocket       ReactionContent = "rocket"
	ReactionEyes         ReactionContent = "eyes"
)

// An IssueComment is a comment on an issue or in the conversation of a pull
// request. Exactly one of Issue and PullRequest is set.
type IssueComment struct {
	Type        string     `json:"type"`
	URL         URL        `json:"url"`
	Issue       URL        `json:"issue,omitzero" ref:"issue"`
	PullRequest URL        `json:"pull_request,omitzero" ref:"pull_request"`
	User        URL        `json:"user" ref:"user"` // the author; empty if the account was deleted
	Body        string     `json:"body"`
	Formatter   string     `json:"formatter"` // "markdown", or "email" for a reply by mail
	Reactions   []Reaction `json:"reactions"`
	CreatedAt   Time       `json:"created_at"`

	raw `json:"-"`
}

// Parent returns the URL of the issue or pull request that has the comment.
func (c *IssueComment) Parent() URL { return cmp.Or(c.Issue, c.PullRequest) }

// An IssueEvent is an event of an issue or a pull request. Exactly one of Issue and
// PullRequest is set. Event decides which of the fields after it are set.
type IssueEvent struct {
	Type        string `json:"type"`
	URL         URL    `json:"url"`
	Issue       URL    `json:"issue,omitzero" ref:"issue"`
	PullRequest URL    `json:"pull_request,omitzero" ref:"pull_request"`
	Actor       URL    `json:"actor" ref:"user"` // the account that caused the event; empty if the account was deleted
	// Event is what happened, such as "closed", "labeled", "merged" or
	// "copilot_work_started". The set is open.
	Event string `json:"event"`

	// Of labeled and unlabeled. The label may have been deleted since.
	Label          URL    `json:"label,omitzero" ref:"label"`
	LabelName      string `json:"label_name,omitzero"`
	LabelColor     string `json:"label_color,omitzero"`      // hexadecimal, without "#"
	LabelTextColor string `json:"label_text_color,omitzero"` // "ffffff", "000000", or "fff" in old events
	// Of renamed (the title), base_ref_changed and automatic_base_change_succeeded
	// (the branch).
	TitleWas string `json:"title_was,omitzero"`
	TitleIs  string `json:"title_is,omitzero"`
	// Of head_ref_force_pushed and base_ref_force_pushed, with CommitRepository.
	Ref             string `json:"ref,omitzero"`
	BeforeCommitOID string `json:"before_commit_oid,omitzero"`
	AfterCommitOID  string `json:"after_commit_oid,omitzero"`
	// Of referenced and merged, and of closed if a commit closed the issue.
	CommitID         string `json:"commit_id,omitzero"`
	CommitRepository URL    `json:"commit_repository,omitzero" ref:"repository"` // of referenced; rarely in the archive
	// Of closed if a pull request closed the issue; in archives since 2024.
	ReferencingPullRequest URL `json:"referencing_pull_request,omitzero" ref:"pull_request"`
	// Of assigned and unassigned (the user; missing in the oldest events),
	// review_requested and review_request_removed (the user or team), sub_issue_added
	// and parent_issue_added (the issue), comment_deleted and transferred.
	Subject URL `json:"subject,omitzero" ref:"*"`
	// Of milestoned and demilestoned. Milestone is a title, from exporters for Trac.
	MilestoneTitle string `json:"milestone_title,omitzero"`
	Milestone      string `json:"milestone,omitzero"`

	CreatedAt Time `json:"created_at"`

	raw `json:"-"`
}

// Parent returns the URL of the issue or pull request of the event.
func (e *IssueEvent) Parent() URL { return cmp.Or(e.Issue, e.PullRequest) }

// A Project is a classic project of a repository, an organization or a user. No
// public archive has a project: these are the fields that other readers of archives
// read. Raw has all others.
type Project struct {
	Type    string            `json:"type"`
	URL     URL               `json:"url"` // …/octo-org/app/projects/1, or …/orgs/octo-org/projects/1
	Name    string            `json:"name"`
	Body    string            `json:"body"`               // empty if there is none
	Creator URL               `json:"creator" ref:"user"` // a User
	Columns []json.RawMessage `json:"columns"`            // elements are not documented

	raw `json:"-"`
}
