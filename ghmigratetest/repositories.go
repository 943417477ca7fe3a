package ghmigratetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A RepositoryOption says what a repository holds, or how it behaves.
type RepositoryOption func(*repository)

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

	source string // what FromGit named
	bare   string // the clone of it, or empty
	branch string // the default one

	lockedBy *migration // nil: not locked
}

type attachment struct {
	name string
	data []byte
}

func (r *repository) fullName() string { return r.owner.login + "/" + r.name }

// FromGit puts a bare clone of the git repository that dir is in, with its
// branches and tags, into the repository's archives. It is made by the git of
// the machine when the repository is added: see [CheckGit]. Without this
// option a repository has one commit, made up without git.
func FromGit(dir string) RepositoryOption { return func(r *repository) { r.source = dir } }

// WithIssues gives the repository n issues, each with one comment.
func WithIssues(n int) RepositoryOption { return func(r *repository) { r.issues = max(n, r.issues) } }

// WithAttachment adds a file that was attached to the repository's first
// issue, which it has then.
func WithAttachment(name string, data []byte) RepositoryOption {
	return func(r *repository) {
		r.issues = max(1, r.issues)
		r.attachments = append(r.attachments, attachment{name, data})
	}
}

// Payload gives the repository a release with an asset of so many bytes that
// do not compress, the same for every repository of the same name. It is
// written to disk in constant memory when an archive is first fetched.
func Payload(size int64) RepositoryOption { return func(r *repository) { r.payload = size } }

// Private makes the repository private.
func Private() RepositoryOption { return func(r *repository) { r.private = true } }

// TakenDown makes the repository one that GitHub has blocked: what names it,
// a start too, is answered 451.
func TakenDown() RepositoryOption { return func(r *repository) { r.takenDown = true } }

// PoisonsExport makes every export fail that holds the repository, unless it
// was started with all of these options of GitHub's, if any are given:
//
//	PoisonsExport("exclude_releases", "exclude_attachments")
//
// It panics if start has no such option. [Server.SetFate] makes exports fail
// for other reasons.
func PoisonsExport(unless ...string) RepositoryOption {
	for _, name := range unless {
		if !slices.ContainsFunc(startRequest{}.flags(), func(f flag) bool { return f.name == name }) {
			panic(fmt.Sprintf("ghmigratetest: PoisonsExport: start has no option %q", name))
		}
	}
	return func(r *repository) { r.poison = poison{strong: true, antidote: unless} }
}

type poison struct {
	strong   bool
	antidote []string // options that together help against it; empty: none do
}

func (p poison) spoils(req startRequest) bool {
	given := req.names()
	missing := func(name string) bool { return !slices.Contains(given, name) }
	return p.strong && (len(p.antidote) == 0 || slices.ContainsFunc(p.antidote, missing))
}

// AddRepository adds a repository, named "owner/name". An owner other than the
// user of the token is an organization, which is made too. It panics if the
// name is malformed or taken, or FromGit fails.
func (s *Server) AddRepository(fullName string, opts ...RepositoryOption) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || !validName(owner) || !validName(name) {
		panic(fmt.Sprintf("ghmigratetest: AddRepository: %q is not owner/name", fullName))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(fullName)
	if s.repositories[key] != nil {
		panic(fmt.Sprintf("ghmigratetest: AddRepository: %s is there already", fullName))
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

// validName reports whether GitHub would take the name, of a repository: those
// of accounts are stricter.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." &&
		strings.Trim(name, "-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// repositoryNamed returns a repository; nil if there is none. The caller holds
// s.mu.
func (s *Server) repositoryNamed(owner, name string) *repository {
	return s.repositories[strings.ToLower(owner+"/"+name)]
}

// clone makes the bare clone that FromGit asks for.
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

// Locked reports whether a migration holds the repository locked.
func (s *Server) Locked(fullName string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	r := s.repositories[strings.ToLower(fullName)]
	return r != nil && r.lockedBy != nil
}
