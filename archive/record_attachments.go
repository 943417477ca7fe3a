package archive

import "cmp"

// An Attachment is an image or video in an issue, a pull request, a review or a
// comment. AssetURL links to the file; see [EntryName].
type Attachment struct {
	Type      string `json:"type"`
	URL       URL    `json:"url"`                 // as in the text that shows it
	LegacyURL string `json:"legacy_url,omitzero"` // in archives since 2024
	// Exactly one of the next five fields is set, unless GitHub adds another type of
	// parent, which is in Raw.
	Issue                    URL    `json:"issue,omitzero" ref:"issue"`
	IssueComment             URL    `json:"issue_comment,omitzero" ref:"issue_comment"`
	PullRequest              URL    `json:"pull_request,omitzero" ref:"pull_request"`
	PullRequestReview        URL    `json:"pull_request_review,omitzero" ref:"pull_request_review"`                 // seen since 2024
	PullRequestReviewComment URL    `json:"pull_request_review_comment,omitzero" ref:"pull_request_review_comment"` // seen since 2024
	Repository               URL    `json:"repository,omitzero" ref:"repository"`                                   // only from exporters for Trac
	User                     URL    `json:"user" ref:"user"`                                                        // empty if the account was deleted
	AssetName                string `json:"asset_name"`
	AssetContentType         string `json:"asset_content_type"` // such as "image/png"
	AssetURL                 string `json:"asset_url"`          // tarball://root/attachments/<guid>/shot.png
	// CreatedAt is also read from created_date, which exporters for GitLab and
	// Bitbucket write.
	CreatedAt Time `json:"created_at"`

	raw `json:"-"`
}

// Parent returns the URL of the issue, pull request, review or comment that has the
// attachment. It is empty for a parent that this package does not know.
func (a *Attachment) Parent() URL {
	return cmp.Or(a.Issue, a.IssueComment, a.PullRequest, a.PullRequestReview, a.PullRequestReviewComment)
}

// UnmarshalJSON reads created_date if there is no created_at.
func (a *Attachment) UnmarshalJSON(data []byte) error {
	type fields Attachment
	read := struct {
		fields
		CreatedDate Time `json:"created_date"`
	}{fields: fields(*a)}
	if err := unmarshal(data, &read); err != nil {
		return err
	}
	*a = Attachment(read.fields)
	if a.CreatedAt.IsZero() {
		a.CreatedAt = read.CreatedDate
	}
	return nil
}

// A RepositoryFile is a file other than an image in an issue, a pull request or a
// comment. FileURL links to the file; see [EntryName].
type RepositoryFile struct {
	Type            string `json:"type"`
	URL             URL    `json:"url"` // …/octo-org/app/files/<id>/log.txt
	Repository      URL    `json:"repository" ref:"repository"`
	User            URL    `json:"user" ref:"user"` // empty if the account was deleted
	FileName        string `json:"file_name"`
	FileContentType string `json:"file_content_type"` // such as "text/plain"
	FileURL         string `json:"file_url"`          // tarball://root/repository_files/<id>/log.txt
	CreatedAt       Time   `json:"created_at"`

	raw `json:"-"`
}
