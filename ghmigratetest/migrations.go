package ghmigratetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Migration is what the server knows of one, for assertions.
type Migration struct {
	ID             int64
	GUID           string
	Owner          string   // login of the organization or user
	State          string   // pending, exporting, exported or failed; imports have others
	Options        []string // those that start was given as true, by GitHub's names
	Repositories   []string
	Locked         []string // those of the repositories that it holds locked now
	ArchiveDeleted bool     // by a request, or for its age
}

// Migration returns the migration with this id, of an organization or the
// user; the zero Migration if there is none.
func (s *Server) Migration(id int64) Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	if m := s.find(id); m != nil {
		return m.view()
	}
	return Migration{}
}

// Migrations returns all migrations, oldest first, also those that a Fault has
// hidden.
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

// AddImport adds an import to the migrations of an organization, which is made
// if need be, and returns its id. GitHub lists imports among the exports,
// although its REST API cannot start them: they have no repositories and no
// archive, and states of their own that are not documented.
func (s *Server) AddImport(org, state string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.addMigration(&migration{owner: s.ownerNamed(org), state: state, createdAt: s.clock.Now()})
	m.isImport = true
	return m.id
}

// SetArchive makes data the archive of a migration, now if it is exported,
// else once it is. Data other than before has another ETag. It panics if
// there is no such migration.
func (s *Server) SetArchive(id int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(id)
	if m == nil {
		panic(fmt.Sprintf("ghmigratetest: SetArchive: no migration %d", id))
	}
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	m.archive = newObject(slices.Clone(data), s.clock.Now())
	m.stored.Store(true)
}

// Forget removes a migration, its locks and its archive, as if it had never
// been.
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
	hiddenUntil  time.Time // before, only the test knows of it
	gone         bool      // the archive, deleted or dead of its age
	deleted      bool      // the archive, by a request

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

// find returns a migration. The caller holds s.mu, as for all that follows.
func (s *Server) find(id int64) *migration {
	i, ok := slices.BinarySearchFunc(s.migrations, id, func(m *migration, id int64) int { return cmp.Compare(m.id, id) })
	if !ok {
		return nil
	}
	return s.migrations[i]
}

// archiveLifetime is for how long GitHub keeps archives.
const archiveLifetime = 7 * 24 * time.Hour

// hasArchive reports whether there is an archive, or was.
func (m *migration) hasArchive() bool { return m.state == stateExported && !m.isImport }

func (m *migration) dropArchive() {
	m.gone = true
	m.archiveMu.Lock()
	defer m.archiveMu.Unlock()
	if m.archive != nil && m.archive.path != "" {
		_ = os.Remove(m.archive.path)
	}
	m.archive = nil
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
	// An archive that died of its age keeps its URL: only a 404 there tells.
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

// listURL returns where links between pages go: not to the path that was
// asked, but by the id of the organization.
func (s *Server) listURL(a *account) string {
	if a.kind == "Organization" {
		return fmt.Sprintf("%s/organizations/%d/migrations", s.URL(), a.id)
	}
	return s.URL() + "/user/migrations"
}

// ofMigration makes an operation of the migration that its path names, if it is
// the account's.
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

// repositoryPage answers a page of a list of repositories.
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

// shape returns how repositories are shown in the version of the call, that of
// before as told.
func (c *call) shape(before shape) shape {
	if c.version == version2026 {
		return simpleShape
	}
	return before
}

func (s *Server) redirectToArchive(c *call, m *migration) response {
	if !m.hasArchive() || m.gone || c.now.Before(m.updatedAt.Add(m.fate.ArchiveAfter)) {
		return notFound()
	}
	url := s.signedURL(m, c.now)
	return response{
		status: http.StatusFound,
		header: http.Header{"Location": {url}, "Content-Type": {"text/html;charset=utf-8"}},
		body:   []byte(url),
	}
}

func (s *Server) deleteArchive(_ *call, m *migration) response {
	if !m.hasArchive() || m.gone {
		return notFound()
	}
	m.deleted = true
	m.dropArchive()
	return response{status: http.StatusNoContent}
}

func (s *Server) unlock(c *call, m *migration) response {
	if m.state != stateExported && m.state != stateFailed {
		return notFound()
	}
	for _, r := range m.repositories {
		if r.lockedBy == m && strings.EqualFold(r.name, c.vars["repo"]) {
			r.lockedBy = nil
			return response{status: http.StatusNoContent}
		}
	}
	return notFound()
}
