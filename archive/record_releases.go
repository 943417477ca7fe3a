package archive

// A Release is a release of a repository.
type Release struct {
	Type            string         `json:"type"`
	URL             URL            `json:"url"` // …/releases/tag/v1.0
	Repository      URL            `json:"repository" ref:"repository"`
	User            URL            `json:"user" ref:"user"` // empty if the account was deleted
	Name            string         `json:"name"`            // often empty
	TagName         string         `json:"tag_name"`        // such as "v1.0"; "untagged-…" for drafts
	Body            string         `json:"body"`            // Markdown; empty if there is none
	State           string         `json:"state"`           // "published" or "draft"
	PendingTag      string         `json:"pending_tag"`
	Prerelease      bool           `json:"prerelease"`
	TargetCommitish string         `json:"target_commitish"` // a branch or commit that the tag is to be made on
	ReleaseAssets   []ReleaseAsset `json:"release_assets"`
	Reactions       []Reaction     `json:"reactions"`    // in archives since about 2023
	PublishedAt     Time           `json:"published_at"` // zero if it is a draft
	CreatedAt       Time           `json:"created_at"`

	raw `json:"-"`
}

// A ReleaseAsset is a file of a [Release]. AssetURL links to the file; see
// [EntryName]. No public archive has a release asset: these are the fields that Gitea
// reads. The Raw of the release has all others.
type ReleaseAsset struct {
	User             URL    `json:"user" ref:"user"` // empty if the account was deleted
	AssetName        string `json:"asset_name"`
	AssetContentType string `json:"asset_content_type"` // such as "application/zip"
	AssetURL         string `json:"asset_url"`          // tarball://root/releases/<guid>/app.zip
	CreatedAt        Time   `json:"created_at"`
}
