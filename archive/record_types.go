package archive

// recordTypes has a constructor for each type of record that this package knows.
var recordTypes = map[string]func() ownRecord{
	"attachment":                  func() ownRecord { return new(Attachment) },
	"commit_comment":              func() ownRecord { return new(CommitComment) },
	"discussion":                  func() ownRecord { return new(Discussion) },
	"discussion_category":         func() ownRecord { return new(DiscussionCategory) },
	"issue":                       func() ownRecord { return new(Issue) },
	"issue_comment":               func() ownRecord { return new(IssueComment) },
	"issue_event":                 func() ownRecord { return new(IssueEvent) },
	"label":                       func() ownRecord { return new(Label) },
	"milestone":                   func() ownRecord { return new(Milestone) },
	"organization":                func() ownRecord { return new(Organization) },
	"project":                     func() ownRecord { return new(Project) },
	"protected_branch":            func() ownRecord { return new(ProtectedBranch) },
	"pull_request":                func() ownRecord { return new(PullRequest) },
	"pull_request_review":         func() ownRecord { return new(PullRequestReview) },
	"pull_request_review_comment": func() ownRecord { return new(PullRequestReviewComment) },
	"pull_request_review_thread":  func() ownRecord { return new(PullRequestReviewThread) },
	"release":                     func() ownRecord { return new(Release) },
	"repository":                  func() ownRecord { return new(Repository) },
	"repository_file":             func() ownRecord { return new(RepositoryFile) },
	"team":                        func() ownRecord { return new(Team) },
	"user":                        func() ownRecord { return new(User) },
}

// newRecord returns an empty record of a type, or nil if the type is not known.
func newRecord(kind string) ownRecord {
	if construct, ok := recordTypes[kind]; ok {
		return construct()
	}
	return nil
}

func (a *Attachment) Kind() string               { return "attachment" }
func (c *CommitComment) Kind() string            { return "commit_comment" }
func (d *Discussion) Kind() string               { return "discussion" }
func (c *DiscussionCategory) Kind() string       { return "discussion_category" }
func (i *Issue) Kind() string                    { return "issue" }
func (c *IssueComment) Kind() string             { return "issue_comment" }
func (e *IssueEvent) Kind() string               { return "issue_event" }
func (l *Label) Kind() string                    { return "label" }
func (m *Milestone) Kind() string                { return "milestone" }
func (o *Organization) Kind() string             { return "organization" }
func (p *Project) Kind() string                  { return "project" }
func (b *ProtectedBranch) Kind() string          { return "protected_branch" }
func (p *PullRequest) Kind() string              { return "pull_request" }
func (r *PullRequestReview) Kind() string        { return "pull_request_review" }
func (c *PullRequestReviewComment) Kind() string { return "pull_request_review_comment" }
func (t *PullRequestReviewThread) Kind() string  { return "pull_request_review_thread" }
func (r *Release) Kind() string                  { return "release" }
func (r *Repository) Kind() string               { return "repository" }
func (f *RepositoryFile) Kind() string           { return "repository_file" }
func (t *Team) Kind() string                     { return "team" }
func (u *User) Kind() string                     { return "user" }

func (a *Attachment) Key() URL               { return a.URL }
func (c *CommitComment) Key() URL            { return c.URL }
func (d *Discussion) Key() URL               { return d.URL }
func (c *DiscussionCategory) Key() URL       { return c.URL }
func (i *Issue) Key() URL                    { return i.URL }
func (c *IssueComment) Key() URL             { return c.URL }
func (e *IssueEvent) Key() URL               { return e.URL }
func (l *Label) Key() URL                    { return l.URL }
func (m *Milestone) Key() URL                { return m.URL }
func (o *Organization) Key() URL             { return o.URL }
func (p *Project) Key() URL                  { return p.URL }
func (b *ProtectedBranch) Key() URL          { return b.URL }
func (p *PullRequest) Key() URL              { return p.URL }
func (r *PullRequestReview) Key() URL        { return r.URL }
func (c *PullRequestReviewComment) Key() URL { return c.URL }
func (t *PullRequestReviewThread) Key() URL  { return t.URL }
func (r *Release) Key() URL                  { return r.URL }
func (r *Repository) Key() URL               { return r.URL }
func (f *RepositoryFile) Key() URL           { return f.URL }
func (t *Team) Key() URL                     { return t.URL }
func (u *User) Key() URL                     { return u.URL }
