package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Migration is one export: the repositories that go into one archive.
type Migration struct {
	ID     int64          `json:"id"`
	NodeID string         `json:"node_id"`
	GUID   string         `json:"guid"`
	State  MigrationState `json:"state"`
	Owner  *User          `json:"owner"` // of the repositories; nil if the account was deleted

	// The options of the StartMigrationRequest. LockRepositories stays true after
	// the repositories are unlocked.
	LockRepositories     bool     `json:"lock_repositories"`
	ExcludeMetadata      bool     `json:"exclude_metadata"`
	ExcludeGitData       bool     `json:"exclude_git_data"`
	ExcludeAttachments   bool     `json:"exclude_attachments"`
	ExcludeReleases      bool     `json:"exclude_releases"`
	ExcludeOwnerProjects bool     `json:"exclude_owner_projects"`
	OrgMetadataOnly      bool     `json:"org_metadata_only"`
	Exclude              []string `json:"exclude,omitzero"` // properties that the response omits

	// Repositories is empty if the response omits them.
	Repositories []Repository `json:"repositories,omitzero"`

	URL        string    `json:"url"`                   // of the migration, in the API
	ArchiveURL string    `json:"archive_url,omitempty"` // in the API; empty unless there is an archive
	CreatedAt  time.Time `json:"created_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"` // when State last changed
}

// MigrationState is the state of a migration. GitHub may send undocumented values.
// They do not end a wait.
type MigrationState string

// The documented states.
const (
	StatePending   MigrationState = "pending"   // the export has not begun
	StateExporting MigrationState = "exporting" // the export is running
	StateExported  MigrationState = "exported"  // the archive is ready
	StateFailed    MigrationState = "failed"    // the export has failed
)

// Done reports whether the migration has ended, with or without success.
func (s MigrationState) Done() bool { return s == StateExported || s == StateFailed }

// A StartMigrationRequest names the repositories to export and the options of the
// export. Organizations and users have the same options.
type StartMigrationRequest struct {
	// Repositories are named "owner/name". GitHub accepts 100 to 120 repositories
	// without timing out. The list must be empty if OrgMetadataOnly is set, and
	// must not be empty otherwise.
	Repositories []string

	LockRepositories     bool // lock the repositories until UnlockRepository
	ExcludeMetadata      bool // export only Git data
	ExcludeGitData       bool // export no Git data
	ExcludeAttachments   bool // export no files attached to issues and pull requests
	ExcludeReleases      bool // export no releases
	ExcludeOwnerProjects bool // export no projects of the organization or user
	OrgMetadataOnly      bool // export only the organization itself; other options are ignored

	// OmitRepositories omits the repositories from the response, which is then
	// smaller and faster.
	OmitRepositories bool
}

// GetOptions are the options of Get.
type GetOptions struct {
	OmitRepositories bool // omit the repositories from the response; an older GHES ignores this
}

// migrationStart is the JSON of a StartMigrationRequest.
type migrationStart struct {
	Repositories         []string `json:"repositories"`
	LockRepositories     bool     `json:"lock_repositories,omitzero"`
	ExcludeMetadata      bool     `json:"exclude_metadata,omitzero"`
	ExcludeGitData       bool     `json:"exclude_git_data,omitzero"`
	ExcludeAttachments   bool     `json:"exclude_attachments,omitzero"`
	ExcludeReleases      bool     `json:"exclude_releases,omitzero"`
	ExcludeOwnerProjects bool     `json:"exclude_owner_projects,omitzero"`
	OrgMetadataOnly      bool     `json:"org_metadata_only,omitzero"`
	Exclude              []string `json:"exclude,omitzero"`
}

// An account owns migrations: an organization, or the token's user.
type account struct {
	c    *Client
	at   endpoint // …/migrations
	user bool
}

func (m *Migration) mismatch(r request) string { return idMismatch("migration", m.ID, r) }

// idMismatch returns the mismatch of an object with an ID.
func idMismatch(kind string, id int64, r request) string {
	switch {
	case id <= 0:
		return "no " + kind + " ID"
	case r.at.id != 0 && id != r.at.id:
		return fmt.Sprintf("%s %d instead of %d", kind, id, r.at.id)
	}
	return ""
}

// startMigration starts a migration and notes the time of the start. If GitHub
// rejects repositories by their index, startMigration adds their names to the
// error.
func (a account) startMigration(ctx context.Context, req StartMigrationRequest) (*Migration, error) {
	m, err := call[Migration](ctx, a.c, a.start(req))
	if err == nil {
		a.c.started.note(a.migrationPath(m.ID))
		return m, nil
	}
	if failure, ok := errors.AsType[*APIError](err); ok {
		for i, detail := range failure.Errors {
			if detail.Value == nil && detail.Index != nil && *detail.Index >= 0 && *detail.Index < len(req.Repositories) {
				failure.Errors[i].Value = req.Repositories[*detail.Index]
			}
		}
	}
	return nil, err
}

// migrationPath identifies a migration. GitHub ignores the case of names.
func (a account) migrationPath(id int64) string { return strings.ToLower(a.at.number("id", id).path) }

// startedLately reports whether this client started the migration so recently
// that GitHub may not find it yet.
func (a account) startedLately(id int64) bool { return a.c.started.has(a.migrationPath(id)) }

// maxLag is how long GitHub may respond 404 for a migration or archive that it has
// just created.
const maxLag = 30 * time.Second

// startedMigrations are the migrations that a client has started within maxLag.
type startedMigrations struct {
	mu   sync.Mutex
	when map[string]time.Time // by path
}

func (s *startedMigrations) note(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.when, func(_ string, at time.Time) bool { return time.Since(at) >= maxLag })
	if s.when == nil {
		s.when = map[string]time.Time{}
	}
	s.when[path] = time.Now()
}

func (s *startedMigrations) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.when[path]
	return ok && time.Since(at) < maxLag
}

// The methods below return the requests of both services.

func (a account) start(req StartMigrationRequest) request {
	wire := migrationStart{
		Repositories:         append([]string{}, req.Repositories...), // GitHub rejects null
		LockRepositories:     req.LockRepositories,
		ExcludeMetadata:      req.ExcludeMetadata,
		ExcludeGitData:       req.ExcludeGitData,
		ExcludeAttachments:   req.ExcludeAttachments,
		ExcludeReleases:      req.ExcludeReleases,
		ExcludeOwnerProjects: req.ExcludeOwnerProjects,
		OrgMetadataOnly:      req.OrgMetadataOnly,
	}
	if req.OmitRepositories {
		wire.Exclude = []string{"repositories"}
	}
	return request{method: http.MethodPost, at: a.at, body: wire, invalid: req.check(), creates: "the migration"}
}

func (req StartMigrationRequest) check() error {
	switch n := len(req.Repositories); {
	case n == 0 && !req.OrgMetadataOnly:
		return badArgument("Repositories", "is empty")
	case n > 0 && req.OrgMetadataOnly:
		return badArgument("Repositories", "has %d names with OrgMetadataOnly: want none", n)
	}
	for i, fullName := range req.Repositories {
		argument := fmt.Sprintf("Repositories[%d]", i)
		owner, name, ok := strings.Cut(fullName, "/")
		if !ok || strings.ContainsFunc(fullName, isSpaceOrControl) {
			return badArgument(argument, `is %q: want "owner/name"`, fullName)
		}
		if checkName(argument, owner) != nil || checkName(argument, name) != nil {
			return badArgument(argument, `is %q: want "owner/name"`, fullName)
		}
	}
	return nil
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

// listing returns the request for a page of migrations. A page of 100 migrations
// with their repositories would have tens of megabytes, so the default is GitHub's
// page size of 30 unless the repositories are omitted.
func (a account) listing(opts ListOptions, omitRepositories bool) request {
	r := request{method: http.MethodGet, at: a.at, invalid: opts.check()}
	if omitRepositories && opts.PerPage == 0 {
		opts.PerPage = maxPerPage
	}
	r.query, r.pageSize = queryOf(opts), cmp.Or(opts.PerPage, defaultPerPage)
	if omitRepositories {
		r.query.Set("exclude", "repositories")
	}
	return r
}

func (a account) get(id int64, opts *GetOptions) request {
	r := request{method: http.MethodGet, at: a.at.number("id", id)}
	if opts != nil && opts.OmitRepositories {
		r.query = url.Values{"exclude": {"repositories"}}
	}
	return r
}

func (a account) listRepositories(ctx context.Context, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	page := ListOptions{}
	if opts != nil {
		page = *opts
	}
	r := request{method: http.MethodGet, at: a.at.number("id", id).literal("repositories"), invalid: page.check()}
	if page.PerPage == 0 {
		page.PerPage = maxPerPage
	}
	r.query, r.pageSize = queryOf(page), page.PerPage
	return list[Repository](ctx, a.c, r)
}

func (a account) archive(id int64) request {
	return request{method: http.MethodGet, at: a.at.number("id", id).literal("archive"), redirect: true}
}

func (a account) deleteArchive(id int64) request {
	return request{method: http.MethodDelete, at: a.at.number("id", id).literal("archive")}
}

func (a account) unlock(id int64, repo string) request {
	return request{method: http.MethodDelete, at: a.at.number("id", id).literal("repos").name("repo", repo).literal("lock")}
}
