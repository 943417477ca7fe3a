package archive

// A Summary describes what [Verify] and [Extract] found in an archive.
type Summary struct {
	SHA256   string           `json:"sha256"`   // of the archive, in hex
	Size     int64            `json:"size"`     // of the archive, in bytes
	Unpacked int64            `json:"unpacked"` // the total size of its files, in bytes
	Entries  int64            `json:"entries"`  // the number of files and directories
	Schema   Schema           `json:"schema"`
	Records  map[string]int64 `json:"records"` // the number of records, by type
	Unknown  map[string]int64 `json:"unknown"` // the number of records that are an *Unknown, by type
	// Misfits has, by type, the reason why the first record that does not fit its type
	// is an *Unknown.
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

// A RepositorySummary describes the data of a repository and its wiki in an archive.
type RepositorySummary struct {
	Name     string `json:"name"`      // "owner/name"
	Record   bool   `json:"record"`    // it has a record
	Git      bool   `json:"git"`       // it has a bare repository
	Wiki     bool   `json:"wiki"`      // it has a wiki
	GitBytes int64  `json:"git_bytes"` // of both
	Objects  int64  `json:"objects"`   // Git objects of both
	Refs     int64  `json:"refs"`      // of both

	// An incomplete history, of the repository or its wiki. Only Partial is
	// also a fault: Git accepts shallow and emptied repositories.
	Shallow bool `json:"shallow,omitzero"` // a shallow file truncates the history
	Partial bool `json:"partial,omitzero"` // a promisor pack: objects are in another repository
	Emptied bool `json:"emptied,omitzero"` // the records have merged pull requests, but the repository has no objects
}

// A Schema is the content of schema.json.
type Schema struct {
	Version   string `json:"version"`
	GitHubSHA string `json:"github_sha,omitzero"`
}
