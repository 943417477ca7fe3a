package archive

// A Discussion is a discussion of a repository. No public archive has comments on
// discussions.
type Discussion struct {
	Type               string     `json:"type"`
	URL                URL        `json:"url"`
	Repository         URL        `json:"repository" ref:"repository"`
	User               URL        `json:"user" ref:"user"` // the author; empty if the account was deleted
	Title              string     `json:"title"`
	Body               string     `json:"body"`               // Markdown
	Labels             []URL      `json:"labels" ref:"label"` // as in the labels of the Repository
	Reactions          []Reaction `json:"reactions"`
	CreatedAt          Time       `json:"created_at"`
	UpdatedAt          Time       `json:"updated_at"`
	DiscussionCategory URL        `json:"discussion_category" ref:"discussion_category"`

	raw `json:"-"`
}

// A DiscussionCategory is a category of discussions. Every repository has six, even
// without discussions.
type DiscussionCategory struct {
	Type        string `json:"type"`
	URL         URL    `json:"url"`
	Repository  URL    `json:"repository" ref:"repository"`
	Name        string `json:"name"`
	Emoji       string `json:"emoji"`       // such as ":mega:"
	Description string `json:"description"` // empty if there is none

	raw `json:"-"`
}
