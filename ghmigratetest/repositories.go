package ghmigratetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A RepositoryOption sets the content or the behavior of a repository.
type RepositoryOption func(*repository)

// A repository is a repository of an account.
type repository struct {
	id          int64
	owner       *account
	name        string
	private     bool
	takenDown   bool
	poison      poison
	issues      int
	attachments []attachment
	payload     int64

	source string // the argument of FromGit
	bare   string // path of the clone of source, or empty
	branch string // default branch

	lockedBy *migration // nil if not locked
}

type attachment struct {
	name string
	data []byte
}

func (r *repository) fullName() string { return r.owner.login + "/" + r.name }

// FromGit puts a bare clone of a Git repository, with its branches and tags, into
// the repository's archives. dir is any directory in the Git repository.
// [Server.AddRepository] makes the clone with the machine's git; see [CheckGit].
// Without FromGit a repository has one made-up commit.
func FromGit(dir string) RepositoryOption { return func(r *repository) { r.source = dir } }

// WithIssues gives the repository n issues, each with one comment.
func WithIssues(n int) RepositoryOption { return func(r *repository) { r.issues = max(n, r.issues) } }

// WithAttachment attaches a file to the repository's first issue. It adds the issue
// if the repository has no issues.
func WithAttachment(name string, data []byte) RepositoryOption {
	return func(r *repository) {
		r.issues = max(1, r.issues)
		r.attachments = append(r.attachments, attachment{name, data})
	}
}

// Payload gives the repository a release with an asset of size bytes that do not
// compress. The bytes depend on the repository's name alone. The server writes them
// to disk, in constant memory, at the first request for an archive.
func Payload(size int64) RepositoryOption { return func(r *repository) { r.payload = size } }

// Private makes the repository private.
func Private() RepositoryOption { return func(r *repository) { r.private = true } }

// TakenDown blocks the repository, as GitHub does after a takedown notice: a start
// or an import that names it gets 451.
func TakenDown() RepositoryOption { return func(r *repository) { r.takenDown = true } }

// PoisonsExport makes every export with the repository fail. With arguments, an
// export succeeds if its start sets all of these options:
//
//	PoisonsExport("exclude_releases", "exclude_attachments")
//
// PoisonsExport panics if a start has no such option. [Server.SetFate] makes exports
// fail for other reasons.
func PoisonsExport(unless ...string) RepositoryOption {
	for _, name := range unless {
		if !slices.ContainsFunc(startRequest{}.flags(), func(f flag) bool { return f.name == name }) {
			panic(fmt.Sprintf("ghmigratetest: PoisonsExport: start has no option %q", name))
		}
	}
	return func(r *repository) { r.poison = poison{isSet: true, unless: unless} }
}

// A poison is the effect of PoisonsExport on a repository.
type poison struct {
	isSet  bool
	unless []string // options that together prevent the failure; if empty, the export always fails
}

// fails reports whether an export with these options fails.
func (p poison) fails(req startRequest) bool {
	set := req.names()
	isMissing := func(name string) bool { return !slices.Contains(set, name) }
	return p.isSet && (len(p.unless) == 0 || slices.ContainsFunc(p.unless, isMissing))
}

// AddRepository adds a repository with the full name "owner/name". An owner other
// than the user of the token is an organization, which AddRepository adds if
// necessary. AddRepository panics if the name is malformed or taken, or if
// [FromGit] fails.
func (s *Server) AddRepository(fullName string, opts ...RepositoryOption) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || !validName(owner) || !validName(name) {
		panic(fmt.Sprintf("ghmigratetest: AddRepository: %q is not owner/name", fullName))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(fullName)
	if s.repositories[key] != nil {
		panic(fmt.Sprintf("ghmigratetest: AddRepository: %s exists", fullName))
	}
	r := &repository{id: s.nextID("repository"), name: name, branch: "main"}
	r.owner = s.ownerNamed(owner)
	for _, opt := range opts {
		opt(r)
	}
	if r.source != "" {
		if err := s.clone(r); err != nil {
			panic(fmt.Sprintf("ghmigratetest: AddRepository: FromGit(%q): %v", r.source, err))
		}
	}
	s.attach(r)
}

// validName reports whether GitHub allows the name for a repository. GitHub's rules
// for accounts are stricter.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." &&
		strings.Trim(name, "-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// repositoryNamed returns a repository, or nil if there is no such repository. The
// caller holds s.mu.
func (s *Server) repositoryNamed(owner, name string) *repository {
	return s.repositories[strings.ToLower(owner+"/"+name)]
}

// clone makes the bare clone of FromGit.
func (s *Server) clone(r *repository) error {
	dir, err := s.tempDir()
	if err != nil {
		return err
	}
	bare := filepath.Join(dir, "repositories", fmt.Sprintf("%d.git", r.id))
	if err := os.MkdirAll(filepath.Dir(bare), 0o700); err != nil {
		return err
	}
	if r.branch, err = cloneBare(r.source, bare); err != nil {
		return err
	}
	r.bare = bare
	return nil
}
