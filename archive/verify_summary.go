package archive

// A Summary is what [Verify] and [Extract] found in an archive.
type Summary struct {
	SHA256   string           `json:"sha256"`   // hex, of the archive itself
	Size     int64            `json:"size"`     // of the archive itself
	Unpacked int64            `json:"unpacked"` // the sizes of all files in it, as its headers tell
	Entries  int64            `json:"entries"`  // files and directories
	Schema   Schema           `json:"schema"`
	Records  map[string]int64 `json:"records"` // by type
	Unknown  map[string]int64 `json:"unknown"` // how many of Records came as *Unknown
	// Misfits tells, by type, why the first record that does not fit its type came
	// as *Unknown.
	Misfits map[string]string `json:"misfits,omitempty"`
	// Repositories are sorted by name.
	Repositories []RepositorySummary `json:"repositories"`
	// Dangling counts the references to records that are not in the archive, by the
	// type of the record; nil with SkipReferences.
	Dangling map[string]int64 `json:"dangling"`
	// Duplicates counts the records that have the URL of an earlier record; 0 with
	// SkipReferences.
	Duplicates int64 `json:"duplicates"`
}

// A RepositorySummary is what an archive has of a repository and its wiki.
type RepositorySummary struct {
	Name     string `json:"name"`      // "owner/name"
	Record   bool   `json:"record"`    // it has a record
	Git      bool   `json:"git"`       // it has a bare repository
	Wiki     bool   `json:"wiki"`      // it has a wiki
	GitBytes int64  `json:"git_bytes"` // of both
	Objects  int64  `json:"objects"`   // Git objects of both
	Refs     int64  `json:"refs"`      // of both

	// A history that is not whole, in the repository or its wiki. Git accepts the
	// first and the third; the second is a fault, too.
	Shallow bool `json:"shallow,omitzero"` // a shallow file cuts the history
	Partial bool `json:"partial,omitzero"` // a promisor pack: objects are in another repository
	Emptied bool `json:"emptied,omitzero"` // the records have merged pull requests, the repository no objects
}

// A Schema is the content of schema.json.
type Schema struct {
	Version   string `json:"version"`
	GitHubSHA string `json:"github_sha,omitzero"`
}
