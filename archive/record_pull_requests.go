package archive

import "strconv"

// A PullRequest is a pull request of a repository. Its URL has its number
// ([URL.Number]). Its comments have the type [IssueComment], and its events the type
// [IssueEvent]. The Actor of the event "merged" merged it.
type PullRequest struct {
	Type                 string                `json:"type"`
	URL                  URL                   `json:"url"`
	User                 URL                   `json:"user" ref:"user"` // the author; empty if the account was deleted
	Repository           URL                   `json:"repository" ref:"repository"`
	Title                string                `json:"title"`
	Body                 string                `json:"body"` // Markdown; empty if there is none
	Base                 PullRequestBranch     `json:"base"` // the branch that gets the changes
	Head                 PullRequestBranch     `json:"head"` // the branch that has the changes
	Assignee             URL                   `json:"assignee" ref:"user"`
	Assignees            []URL                 `json:"assignees" ref:"user"` // users
	Milestone            URL                   `json:"milestone" ref:"milestone"`
	Labels               []URL                 `json:"labels" ref:"label"` // as in the labels of the Repository
	Reactions            []Reaction            `json:"reactions"`
	ReviewRequests       []ReviewRequest       `json:"review_requests"`
	CloseIssueReferences []CloseIssueReference `json:"close_issue_references"`
	WorkInProgress       bool                  `json:"work_in_progress"` // a draft
	MergedAt             Time                  `json:"merged_at"`        // zero if it is not merged
	ClosedAt             Time                  `json:"closed_at"`        // zero while it is open
	CreatedAt            Time                  `json:"created_at"`
	// MergeCommitSHA may be set in an open pull request; MergedAt is set only after
	// the merge. It is empty in archives older than 2022.
	MergeCommitSHA string `json:"merge_commit_sha,omitzero"`

	raw `json:"-"`
}

// A PullRequestBranch is one end of a [PullRequest].
type PullRequestBranch struct {
	Ref  string `json:"ref"` // a branch, such as "main"
	SHA  string `json:"sha"` // its commit
	User URL    `json:"user" ref:"user"`
	Repo URL    `json:"repo" ref:"repository"` // empty if the fork was deleted; may be missing from the archive
}

// A ReviewRequest is a request to a user or a team to review a [PullRequest].
type ReviewRequest struct {
	Reviewer     URL    `json:"reviewer" ref:"*"` // empty if the account was deleted
	ReviewerType string `json:"reviewer_type"`    // "User"; others are not known
	CreatedAt    Time   `json:"created_at"`
	UpdatedAt    Time   `json:"updated_at"`
	DismissedAt  Time   `json:"dismissed_at"` // zero while the request is open
}

// A CloseIssueReference is an issue that the merge of a [PullRequest] closes.
type CloseIssueReference struct {
	Issue           URL    `json:"issue" ref:"issue"`
	IssueRepository URL    `json:"issue_repository" ref:"repository"`
	Actor           URL    `json:"actor" ref:"user"`
	Source          string `json:"source"` // "xref"
	CreatedAt       Time   `json:"created_at"`
}

// A PullRequestReview is a review of a pull request.
type PullRequestReview struct {
	Type        string      `json:"type"`
	URL         URL         `json:"url"`
	PullRequest URL         `json:"pull_request" ref:"pull_request"`
	User        URL         `json:"user" ref:"user"` // empty if the account was deleted
	Body        string      `json:"body"`            // empty if the review has only comments
	HeadSHA     string      `json:"head_sha"`        // the commit that was reviewed
	Formatter   string      `json:"formatter"`       // "markdown"
	State       ReviewState `json:"state"`
	Reactions   []Reaction  `json:"reactions"`
	CreatedAt   Time        `json:"created_at"`
	SubmittedAt Time        `json:"submitted_at"` // zero if it is not submitted

	raw `json:"-"`
}

// ReviewState is the result of a [PullRequestReview], a number in archives. The set
// is open: the numbers of pending and dismissed reviews are not known.
type ReviewState int

// The known states.
const (
	ReviewCommented        ReviewState = 1
	ReviewChangesRequested ReviewState = 30
	ReviewApproved         ReviewState = 40
)

// String returns "commented", "changes requested", "approved", or the number.
func (s ReviewState) String() string {
	switch s {
	case ReviewCommented:
		return "commented"
	case ReviewChangesRequested:
		return "changes requested"
	case ReviewApproved:
		return "approved"
	default:
		return "review state " + strconv.Itoa(int(s))
	}
}

// A PullRequestReviewThread is a place in a diff with review comments. Exporters for
// GitLab and Bitbucket write comments without threads.
type PullRequestReviewThread struct {
	Type              string `json:"type"`
	URL               URL    `json:"url"`
	PullRequest       URL    `json:"pull_request" ref:"pull_request"`
	PullRequestReview URL    `json:"pull_request_review" ref:"pull_request_review"`
	DiffHunk          string `json:"diff_hunk"`
	Path              string `json:"path"`
	// A position counts the lines of the diff of the file, from its first "@@". It
	// is nil if the line is not in the newest diff.
	Position         *int64 `json:"position"`
	OriginalPosition *int64 `json:"original_position"`
	CommitID         string `json:"commit_id"`
	OriginalCommitID string `json:"original_commit_id"`
	// The lines of the file, from 1. Start is nil for a single line. Line is nil if
	// it is not in the newest diff.
	StartLine         *int64 `json:"start_line"`
	Line              *int64 `json:"line"`
	StartSide         string `json:"start_side,omitzero"` // empty for a single line
	Side              string `json:"side,omitzero"`       // "right" for the new file, "left" for the old; empty if unknown
	OriginalStartLine *int64 `json:"original_start_line"`
	OriginalLine      *int64 `json:"original_line"`
	CreatedAt         Time   `json:"created_at"`
	ResolvedAt        Time   `json:"resolved_at"`         // zero while it is not resolved
	Resolver          URL    `json:"resolver" ref:"user"` // the user who resolved the thread

	// Only in new archives.
	StartPositionOffset *int64 `json:"start_position_offset,omitzero"`
	BlobPosition        *int64 `json:"blob_position,omitzero"`
	SubjectType         string `json:"subject_type,omitzero"` // such as "line"
	Outdated            bool   `json:"outdated,omitzero"`

	raw `json:"-"`
}

// A PullRequestReviewComment is a comment on a line of a pull request's diff.
type PullRequestReviewComment struct {
	Type                    string `json:"type"`
	URL                     URL    `json:"url"`
	PullRequest             URL    `json:"pull_request" ref:"pull_request"`
	PullRequestReview       URL    `json:"pull_request_review" ref:"pull_request_review"`                        // empty if the comment belongs to no review
	PullRequestReviewThread URL    `json:"pull_request_review_thread,omitzero" ref:"pull_request_review_thread"` // empty if unknown
	User                    URL    `json:"user" ref:"user"`                                                      // empty if the account was deleted
	Body                    string `json:"body"`
	Formatter               string `json:"formatter"` // "markdown"
	DiffHunk                string `json:"diff_hunk"`
	Path                    string `json:"path"`
	// As in PullRequestReviewThread.
	Position         *int64     `json:"position"`
	OriginalPosition *int64     `json:"original_position"`
	CommitID         string     `json:"commit_id"`
	OriginalCommitID string     `json:"original_commit_id"`
	State            int64      `json:"state"`                                         // 1 is submitted; others are not known
	InReplyTo        URL        `json:"in_reply_to" ref:"pull_request_review_comment"` // the review comment before it; empty for the first
	Reactions        []Reaction `json:"reactions"`
	CreatedAt        Time       `json:"created_at"`

	// Only in new archives.
	SubjectType string `json:"subject_type,omitzero"` // such as "line"
	UpdatedAt   Time   `json:"updated_at,omitzero"`

	raw `json:"-"`
}

// A CommitComment is a comment on a commit, or on a line of it.
type CommitComment struct {
	Type       string     `json:"type"`
	URL        URL        `json:"url"`
	Repository URL        `json:"repository" ref:"repository"`
	User       URL        `json:"user" ref:"user"` // empty if the account was deleted
	Body       string     `json:"body"`
	Formatter  string     `json:"formatter"`     // "markdown"
	Path       string     `json:"path,omitzero"` // empty if it is on the whole commit
	Position   *int64     `json:"position"`      // in the diff of the file; nil if it is on the whole commit or file
	CommitID   string     `json:"commit_id"`
	Reactions  []Reaction `json:"reactions"`
	CreatedAt  Time       `json:"created_at"`

	raw `json:"-"`
}
