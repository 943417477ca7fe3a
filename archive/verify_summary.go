package archive

// A Summary tells what is in an archive.
type Summary struct {
	SHA256   string           `json:"sha256"`   // hex, of the archive itself
	Size     int64            `json:"size"`     // of the archive itself
	Unpacked int64            `json:"unpacked"` // the sizes of all files in it, as its headers tell
	Entries  int64            `json:"entries"`  // files and directories
	Schema   Schema           `json:"schema"`
	Records  map[string]int64 `json:"records"` // by type
	Unknown  map[string]int64 `json:"unknown"` // of Records, those that came as *Unknown
	// Misfits tells, by type, why the first record of a known type came as
	// *Unknown.
	Misfits map[string]string `json:"misfits,omitempty"`
	// Repositories tells each repository that the archive has, by name.
	Repositories []RepositorySummary `json:"repositories"`
	// Dangling counts the references to records that the archive does not have,
	// by the type that they refer to; nil if that was not looked for.
	Dangling map[string]int64 `json:"dangling"`
	// Duplicates counts the records whose URL an earlier record has, too; 0 if
	// that was not looked for.
	Duplicates int64 `json:"duplicates"`
}

// A RepositorySummary tells what an archive has of a repository.
type RepositorySummary struct {
	Name     string `json:"name"`      // "owner/name"
	Record   bool   `json:"record"`    // it has a record
	Git      bool   `json:"git"`       // it has a bare repository
	Wiki     bool   `json:"wiki"`      // it has a wiki
	GitBytes int64  `json:"git_bytes"` // of both
	Objects  int64  `json:"objects"`   // Git objects of both
	Refs     int64  `json:"refs"`      // of both
}

// Schema is what schema.json says.
type Schema struct {
	Version   string `json:"version"`
	GitHubSHA string `json:"github_sha,omitzero"`
}
