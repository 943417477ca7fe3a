package ghmigratetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Migration is the state of a migration, for assertions in tests.
type Migration struct {
	ID             int64
	GUID           string
	Owner          string   // login of the organization or user
	State          string   // pending, exporting, exported or failed; for an import, the state of AddImport
	Options        []string // GitHub's names of the options that the start set to true
	Repositories   []string // full names
	Locked         []string // full names of the repositories that the migration locks now
	ArchiveDeleted bool     // a request or the archive's age deleted the archive
}

// Migration returns the migration with this ID. It returns the zero Migration if
// there is no such migration.
func (s *Server) Migration(id int64) Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDueEvents(s.clock.Now())
	if m := s.find(id); m != nil {
		return m.view()
	}
	return Migration{}
}

// Migrations returns the migrations of all accounts, oldest first. The list includes
// migrations that a [Fault] with Hidden keeps from requests.
func (s *Server) Migrations() []Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDueEvents(s.clock.Now())
	all := make([]Migration, len(s.migrations))
	for i, m := range s.migrations {
		all[i] = m.view()
	}
	return all
}

// AddImport adds an import to the migrations of an organization and returns its
// ID. It adds the organization if there is no such organization. GitHub lists
// imports among the exports, although the REST API cannot start imports. Imports
// have no repositories, no archive, and states that GitHub does not document.
func (s *Server) AddImport(org, state string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.addMigration(&migration{owner: s.ownerNamed(org), state: state, createdAt: s.clock.Now()})
	m.isImport = true
	return m.id
}

// Forget removes a migration, its locks and its archive.
func (s *Server) Forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDueEvents(s.clock.Now())
	s.migrations = slices.DeleteFunc(s.migrations, func(m *migration) bool {
		if m.id != id {
			return false
		}
		s.events = slices.DeleteFunc(s.events, func(e event) bool { return e.migration == m })
		m.unlockAll()
		m.dropArchive()
		return true
	})
}

// The states of an export.
const (
	statePending   = "pending"
	stateExporting = "exporting"
	stateExported  = "exported"
	stateFailed    = "failed"
)

// A migration is an export of an account, or an import that AddImport added.
type migration struct {
	id           int64
	guid         string
	owner        *account
	options      startRequest
	repositories []*repository
	isImport     bool
	state        string
	fate         Fate
	createdAt    time.Time
	updatedAt    time.Time
	hiddenUntil  time.Time // before that time, the API responds as if there were no migration
	gone         bool      // the archive was deleted, by a request or because of its age
	deleted      bool      // the archive was deleted by a request

	archiveMu sync.Mutex  // guards archive; taken after s.mu, or without it
	archive   *object     // nil before the first request for the archive
	stored    atomic.Bool // whether archive is set
}

// view returns the state of the migration. The caller holds s.mu.
func (m *migration) view() Migration {
	view := Migration{
		ID:             m.id,
		GUID:           m.guid,
		Owner:          m.owner.login,
		State:          m.state,
		Options:        m.options.names(),
		ArchiveDeleted: m.gone,
	}
	for _, r := range m.repositories {
		view.Repositories = append(view.Repositories, r.fullName())
		if r.lockedBy == m {
			view.Locked = append(view.Locked, r.fullName())
		}
	}
	return view
}

// find returns the migration with an ID, or nil. The caller holds s.mu, as for all
// functions below.
func (s *Server) find(id int64) *migration {
	i, ok := slices.BinarySearchFunc(s.migrations, id, func(m *migration, id int64) int { return cmp.Compare(m.id, id) })
	if !ok {
		return nil
	}
	return s.migrations[i]
}

// A migrationResource has the schema migration of GitHub's OpenAPI description.
type migrationResource struct {
	ID                   int64             `json:"id"`
	NodeID               string            `json:"node_id"`
	Owner                simpleUser        `json:"owner"`
	GUID                 string            `json:"guid"`
	State                string            `json:"state"`
	LockRepositories     bool              `json:"lock_repositories"`
	ExcludeMetadata      bool              `json:"exclude_metadata"`
	ExcludeGitData       bool              `json:"exclude_git_data"`
	ExcludeAttachments   bool              `json:"exclude_attachments"`
	ExcludeReleases      bool              `json:"exclude_releases"`
	ExcludeOwnerProjects bool              `json:"exclude_owner_projects"`
	OrgMetadataOnly      bool              `json:"org_metadata_only"`
	Exclude              []string          `json:"exclude,omitempty"`
	Repositories         []json.RawMessage `json:"repositories"`
	URL                  string            `json:"url"`
	CreatedAt            string            `json:"created_at"`
	UpdatedAt            string            `json:"updated_at"`
	ArchiveURL           string            `json:"archive_url,omitempty"`
}

func (s *Server) migrationResource(c *call, m *migration, omitRepositories bool) migrationResource {
	o := m.options
	url := s.URL() + "/user/migrations/"
	if m.owner.kind == "Organization" {
		url = s.URL() + "/orgs/" + m.owner.login + "/migrations/"
	}
	url += strconv.FormatInt(m.id, 10)
	res := migrationResource{
		ID:                   m.id,
		NodeID:               nodeID("Migration", m.id),
		Owner:                s.simpleUser(m.owner),
		GUID:                 m.guid,
		State:                m.state,
		LockRepositories:     o.LockRepositories,
		ExcludeMetadata:      o.ExcludeMetadata,
		ExcludeGitData:       o.ExcludeGitData,
		ExcludeAttachments:   o.ExcludeAttachments,
		ExcludeReleases:      o.ExcludeReleases,
		ExcludeOwnerProjects: o.ExcludeOwnerProjects,
		OrgMetadataOnly:      o.OrgMetadataOnly,
		Exclude:              o.Exclude,
		Repositories:         []json.RawMessage{},
		URL:                  url,
		CreatedAt:            timestamp(m.createdAt, m.id),
		UpdatedAt:            timestamp(m.updatedAt, m.id),
	}
	if !omitRepositories {
		for _, r := range m.repositories {
			res.Repositories = append(res.Repositories, s.appendRepository(nil, r, c.repositoryFormat(fullRepository)))
		}
	}
	// GitHub keeps the URL of an archive that its age has deleted. The URL gets 404.
	if m.hasArchive() && !m.deleted {
		res.ArchiveURL = url + "/archive"
	}
	return res
}

func (s *Server) listMigrations(c *call) response {
	var listed []*migration
	for _, m := range slices.Backward(s.migrations) {
		if m.owner == c.account && m.visible(c.now) {
			listed = append(listed, m)
		}
	}
	page, header := paginate(c, listed, s.listURL(c.account))
	resources := make([]migrationResource, len(page))
	for i, m := range page {
		resources[i] = s.migrationResource(c, m, c.query.Get("exclude") == "repositories")
	}
	res := jsonResponse(http.StatusOK, resources)
	res.header = header
	return res
}

// listURL returns the URL of an account's migrations in Link headers. It has the ID
// of an organization, not the login.
func (s *Server) listURL(a *account) string {
	if a.kind == "Organization" {
		return fmt.Sprintf("%s/organizations/%d/migrations", s.URL(), a.id)
	}
	return s.URL() + "/user/migrations"
}

// ofMigration returns an operation that calls serve with the migration that the
// path names. It responds with 404 if the account has no such migration.
func ofMigration(serve func(*Server, *call, *migration) response) func(*Server, *call) response {
	return func(s *Server, c *call) response {
		id, err := strconv.ParseInt(c.vars["id"], 10, 64)
		if m := s.find(id); err == nil && m != nil && m.owner == c.account && m.visible(c.now) {
			return serve(s, c, m)
		}
		return notFound()
	}
}

// visible reports whether the API shows the migration.
func (m *migration) visible(now time.Time) bool { return !now.Before(m.hiddenUntil) }

func (s *Server) getMigration(c *call, m *migration) response {
	return jsonResponse(http.StatusOK, s.migrationResource(c, m, c.query.Get("exclude") == "repositories"))
}

func (s *Server) listRepositories(c *call, m *migration) response {
	page, header := paginate(c, m.repositories, fmt.Sprintf("%s/%d/repositories", s.listURL(m.owner), m.id))
	return s.repositoryPage(c, page, header)
}

// repositoryPage returns a response with a page of a list of repositories.
func (s *Server) repositoryPage(c *call, page []*repository, header http.Header) response {
	body := append(make([]byte, 0, 8<<10*len(page)), '[')
	for i, r := range page {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendRepository(body, r, c.repositoryFormat(minimalRepository))
	}
	return response{status: http.StatusOK, header: header, body: append(body, ']')}
}

// repositoryFormat returns the format of repositories in the API version of the
// call. old is the format in version 2022-11-28.
func (c *call) repositoryFormat(old repositoryFormat) repositoryFormat {
	if c.version == version2026 {
		return simpleRepository
	}
	return old
}
