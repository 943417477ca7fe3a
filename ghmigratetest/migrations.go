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

// A Migration is the state of a migration, for assertions.
type Migration struct {
	ID             int64
	GUID           string
	Owner          string   // login of the organization or user
	State          string   // pending, exporting, exported or failed; imports have others
	Options        []string // the options that the start set to true, by GitHub's names
	Repositories   []string
	Locked         []string // the repositories that the migration locks now
	ArchiveDeleted bool     // by a request, or because of its age
}

// Migration returns the migration with this ID, of an organization or the user,
// or the zero Migration if there is none.
func (s *Server) Migration(id int64) Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	if m := s.find(id); m != nil {
		return m.view()
	}
	return Migration{}
}

// Migrations returns all migrations, oldest first, including migrations that a
// Fault has hidden.
func (s *Server) Migrations() []Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	all := make([]Migration, len(s.migrations))
	for i, m := range s.migrations {
		all[i] = m.view()
	}
	return all
}

// AddImport adds an import to the migrations of an organization and returns its
// ID. A new organization is made if there is none. GitHub lists imports among
// the exports, although the REST API cannot start imports. They have no
// repositories, no archive, and states that are not documented.
func (s *Server) AddImport(org, state string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.addMigration(&migration{owner: s.ownerNamed(org), state: state, createdAt: s.clock.Now()})
	m.isImport = true
	return m.id
}

// Forget removes a migration, its locks and its archive without a trace.
func (s *Server) Forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

const (
	statePending   = "pending"
	stateExporting = "exporting"
	stateExported  = "exported"
	stateFailed    = "failed"
)

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
	hiddenUntil  time.Time // until then, requests do not see the migration
	gone         bool      // the archive was deleted, by a request or because of its age
	deleted      bool      // the archive was deleted by a request

	archiveMu sync.Mutex  // guards archive; taken after s.mu, or without it
	archive   *object     // nil until it is made
	stored    atomic.Bool // whether archive is made
}

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

// find returns a migration, or nil. The caller holds s.mu, as for all functions
// below.
func (s *Server) find(id int64) *migration {
	i, ok := slices.BinarySearchFunc(s.migrations, id, func(m *migration, id int64) int { return cmp.Compare(m.id, id) })
	if !ok {
		return nil
	}
	return s.migrations[i]
}

// A migrationResource is GitHub's migration.
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
			res.Repositories = append(res.Repositories, s.describe(nil, r, c.shape(fullShape)))
		}
	}
	// An archive that died of its age keeps its URL, which is a 404.
	if m.hasArchive() && !m.deleted {
		res.ArchiveURL = url + "/archive"
	}
	return res
}

func (s *Server) listMigrations(c *call) response {
	var mine []*migration
	for _, m := range slices.Backward(s.migrations) {
		if m.owner == c.account && m.visible(c.now) {
			mine = append(mine, m)
		}
	}
	page, header := paginate(c, mine, s.listURL(c.account))
	resources := make([]migrationResource, len(page))
	for i, m := range page {
		resources[i] = s.migrationResource(c, m, c.query.Get("exclude") == "repositories")
	}
	res := jsonResponse(http.StatusOK, resources)
	res.header = header
	return res
}

// listURL returns the URL of an account's migrations in Link headers, which has
// the ID of an organization.
func (s *Server) listURL(a *account) string {
	if a.kind == "Organization" {
		return fmt.Sprintf("%s/organizations/%d/migrations", s.URL(), a.id)
	}
	return s.URL() + "/user/migrations"
}

// ofMigration wraps an operation on one migration: the migration that the path
// names, if it belongs to the account.
func ofMigration(serve func(*Server, *call, *migration) response) func(*Server, *call) response {
	return func(s *Server, c *call) response {
		id, err := strconv.ParseInt(c.vars["id"], 10, 64)
		if m := s.find(id); err == nil && m != nil && m.owner == c.account && m.visible(c.now) {
			return serve(s, c, m)
		}
		return notFound()
	}
}

func (m *migration) visible(now time.Time) bool { return !now.Before(m.hiddenUntil) }

func (s *Server) getMigration(c *call, m *migration) response {
	return jsonResponse(http.StatusOK, s.migrationResource(c, m, c.query.Get("exclude") == "repositories"))
}

func (s *Server) listRepositories(c *call, m *migration) response {
	page, header := paginate(c, m.repositories, fmt.Sprintf("%s/%d/repositories", s.listURL(m.owner), m.id))
	return s.repositoryPage(c, page, header)
}

// repositoryPage returns a page of a list of repositories.
func (s *Server) repositoryPage(c *call, page []*repository, header http.Header) response {
	body := append(make([]byte, 0, 8<<10*len(page)), '[')
	for i, r := range page {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.describe(body, r, c.shape(minimalShape))
	}
	return response{status: http.StatusOK, header: header, body: append(body, ']')}
}

// shape returns the shape of repositories in the API version of the call. before
// is the shape in version 2022-11-28.
func (c *call) shape(before shape) shape {
	if c.version == version2026 {
		return simpleShape
	}
	return before
}
