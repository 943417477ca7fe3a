package ghmigratetest

// A RepositoryOption says what a repository holds, or how it behaves.
type RepositoryOption func(*repository)

type repository struct{}

// FromGit puts a bare clone of the git repository at dir, with its branches
// and tags, into the repository's archives. It is made by the git of the
// machine when the repository is added: see [CheckGit].
func FromGit(dir string) RepositoryOption { panic("to do") }

// CheckGit tells why [FromGit] cannot be used for dir: no git on this machine,
// or no repository there.
func CheckGit(dir string) error { panic("to do") }

// WithIssues gives the repository n issues, each with one comment.
func WithIssues(n int) RepositoryOption { panic("to do") }

// WithAttachment adds a file that was attached to the repository's first
// issue, which it has then.
func WithAttachment(name string, data []byte) RepositoryOption { panic("to do") }

// Payload gives the repository a release with an asset of so many bytes that
// do not compress, the same for every repository of the same name. It is
// written to disk in constant memory when an archive is first fetched.
func Payload(size int64) RepositoryOption { panic("to do") }

// Private makes the repository private.
func Private() RepositoryOption { panic("to do") }

// PoisonsExport makes every export fail that holds the repository.
func PoisonsExport() RepositoryOption { panic("to do") }

// AddRepository adds a repository, named "owner/name". An owner other than the
// user of the token is an organization, which is made too. It panics if the
// name is malformed or taken, or FromGit fails.
func (s *Server) AddRepository(fullName string, opts ...RepositoryOption) { panic("to do") }

// Locked reports whether a migration holds the repository locked.
func (s *Server) Locked(fullName string) bool { panic("to do") }
