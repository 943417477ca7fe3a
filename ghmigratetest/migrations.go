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
	"time"
)

// A Migration is what the server knows of one, for assertions.
type Migration struct {
	ID             int64
	GUID           string
	Owner          string // login of the organization or user
	State          string // pending, exporting, exported or failed
	Repositories   []string
	Locked         []string // those of the repositories that it holds locked now
	ArchiveDeleted bool     // by a request, or for its age
}

// Migration returns the migration with this id, of an organization or the
// user; the zero Migration if there is none.
func (s *Server) Migration(id int64) Migration {
	for _, m := range s.Migrations() {
		if m.ID == id {
			return m
		}
	}
	return Migration{}
}

// Migrations returns all migrations, oldest first.
func (s *Server) Migrations() []Migration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.clock.Now())
	all := make([]Migration, 0, len(s.migrations))
	for _, m := range s.migrations {
		view := Migration{ID: m.id, GUID: m.guid, Owner: m.owner.login, State: m.state, ArchiveDeleted: m.gone}
		for _, r := range m.repositories {
			view.Repositories = append(view.Repositories, r.fullName())
			if m.locked[r] {
				view.Locked = append(view.Locked, r.fullName())
			}
		}
		all = append(all, view)
	}
	return all
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
	state        string
	createdAt    time.Time
	updatedAt    time.Time
	duration     time.Duration
	locked       map[*repository]bool
	gone         bool // the archive, deleted or dead of its age
	deleted      bool // the archive, by a request

	archiveMu sync.Mutex // guards archive; taken after s.mu, or without it
	archive   *object    // nil until it is made
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

// settle brings all migrations to where they are now. Nothing else moves
// them: the server has no timers.
func (s *Server) settle(now time.Time) {
	for _, m := range s.migrations {
		if begins := m.createdAt.Add(m.duration / 10); m.state == statePending && !now.Before(begins) {
			m.state, m.updatedAt = stateExporting, begins
			s.lock(m)
		}
		if ends := m.createdAt.Add(m.duration); m.state == stateExporting && !now.Before(ends) {
			m.state, m.updatedAt = stateExported, ends
			if slices.ContainsFunc(m.repositories, func(r *repository) bool { return r.poisoned }) {
				m.state = stateFailed
			}
		}
		if m.state == stateExported && !m.gone && now.Sub(m.updatedAt) >= archiveLifetime {
			m.dropArchive()
		}
	}
}

// lock locks what a migration exports, if it is to and nobody else did. GitHub
// does not document when this happens.
func (s *Server) lock(m *migration) {
	if !m.options.LockRepositories {
		return
	}
	m.locked = make(map[*repository]bool)
	for _, r := range m.repositories {
		m.locked[r] = !slices.ContainsFunc(s.migrations, func(other *migration) bool { return other.locked[r] })
	}
}

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
			form := r.full
			if c.version == version2026 {
				form = r.simple
			}
			res.Repositories = append(res.Repositories, form)
		}
	}
	// An archive that died of its age keeps its URL: only a 404 there tells.
	if m.state == stateExported && !m.deleted {
		res.ArchiveURL = url + "/archive"
	}
	return res
}

func (s *Server) listMigrations(c *call) response {
	var mine []*migration
	for _, m := range slices.Backward(s.migrations) {
		if m.owner == c.account {
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

// A startRequest is the body of start; its tags name all that is documented.
type startRequest struct {
	Repositories         []string `json:"repositories"`
	LockRepositories     bool     `json:"lock_repositories"`
	ExcludeMetadata      bool     `json:"exclude_metadata"`
	ExcludeGitData       bool     `json:"exclude_git_data"`
	ExcludeAttachments   bool     `json:"exclude_attachments"`
	ExcludeReleases      bool     `json:"exclude_releases"`
	ExcludeOwnerProjects bool     `json:"exclude_owner_projects"`
	OrgMetadataOnly      bool     `json:"org_metadata_only"`
	Exclude              []string `json:"exclude"`
}

func (s *Server) startMigration(c *call) response {
	var req startRequest
	if refusal, ok := s.decode(c, "Migration", &req); !ok {
		return refusal
	}
	repositories, errs := s.resolve(c, req)
	for _, e := range req.Exclude {
		if e != "repositories" {
			errs = append(errs, fieldError{Resource: "Migration", Field: "exclude", Code: "invalid", Message: "must be repositories"})
		}
	}
	if len(errs) > 0 {
		return invalid(errs...)
	}
	id := s.nextID("migration")
	m := &migration{
		id:           id,
		guid:         fmt.Sprintf("%08x-242f-11e5-81e1-c7b6966d2516", 0x0b989ba4+id),
		owner:        c.account,
		options:      req,
		repositories: repositories,
		state:        statePending,
		createdAt:    c.now,
		updatedAt:    c.now,
		duration:     s.cfg.exportDuration,
	}
	s.migrations = append(s.migrations, m)
	resource := s.migrationResource(c, m, slices.Contains(req.Exclude, "repositories"))
	res := jsonResponse(http.StatusCreated, resource)
	res.header = http.Header{"Location": {resource.URL}}
	return res
}

// resolve finds the repositories that a migration is to hold.
func (s *Server) resolve(c *call, req startRequest) ([]*repository, []fieldError) {
	field := func(code, message string) fieldError {
		return fieldError{Resource: "Migration", Field: "repositories", Code: code, Message: message}
	}
	switch {
	case req.Repositories == nil:
		return nil, []fieldError{field("missing_field", "repositories must be a list")}
	case !s.cfg.lenient && len(req.Repositories) == 0 && !req.OrgMetadataOnly:
		return nil, []fieldError{field("invalid", "repositories must not be empty without org_metadata_only")}
	case !s.cfg.lenient && len(req.Repositories) > 0 && req.OrgMetadataOnly:
		return nil, []fieldError{field("invalid", "repositories must be empty with org_metadata_only")}
	}
	var found []*repository
	var errs []fieldError
	for _, fullName := range req.Repositories {
		owner, name, ok := strings.Cut(fullName, "/")
		if !ok && s.cfg.lenient {
			owner, name, ok = c.account.login, fullName, true
		}
		r := s.repositories[strings.ToLower(owner+"/"+name)]
		switch {
		case !ok || !validName(owner) || !validName(name):
			errs = append(errs, field("invalid", strconv.Quote(fullName)+" is not owner/name"))
		case r == nil:
			errs = append(errs, field("missing", fullName+" does not exist"))
		case r.owner != c.account:
			errs = append(errs, field("invalid", fullName+" does not belong to "+c.account.login))
		case !slices.Contains(found, r):
			found = append(found, r)
		}
	}
	return found, errs
}

// named returns the migration that the path names, if it is the account's.
func (s *Server) named(c *call) *migration {
	id, err := strconv.ParseInt(c.vars["id"], 10, 64)
	if m := s.find(id); err == nil && m != nil && m.owner == c.account {
		return m
	}
	return nil
}

func notFound() response { return failure(http.StatusNotFound, "Not Found") }

func (s *Server) getMigration(c *call) response {
	m := s.named(c)
	if m == nil {
		return notFound()
	}
	return jsonResponse(http.StatusOK, s.migrationResource(c, m, c.query.Get("exclude") == "repositories"))
}

func (s *Server) listRepositories(c *call) response {
	m := s.named(c)
	if m == nil {
		return notFound()
	}
	page, header := paginate(c, m.repositories, fmt.Sprintf("%s/%d/repositories", s.listURL(m.owner), m.id))
	resources := make([]json.RawMessage, len(page))
	for i, r := range page {
		resources[i] = r.minimal
		if c.version == version2026 {
			resources[i] = r.simple
		}
	}
	res := jsonResponse(http.StatusOK, resources)
	res.header = header
	return res
}

func (s *Server) redirectToArchive(c *call) response {
	m := s.named(c)
	if m == nil || m.state != stateExported || m.gone {
		return notFound()
	}
	url := s.signedURL(m, c.now)
	return response{
		status: http.StatusFound,
		header: http.Header{"Location": {url}, "Content-Type": {"text/html;charset=utf-8"}},
		body:   []byte(url),
	}
}

func (s *Server) deleteArchive(c *call) response {
	m := s.named(c)
	if m == nil || m.state != stateExported || m.gone {
		return notFound()
	}
	m.deleted = true
	m.dropArchive()
	return response{status: http.StatusNoContent}
}

func (s *Server) unlock(c *call) response {
	m := s.named(c)
	if m == nil || m.state != stateExported && m.state != stateFailed {
		return notFound()
	}
	for _, r := range m.repositories {
		if m.locked[r] && strings.EqualFold(r.name, c.vars["repo"]) {
			delete(m.locked, r)
			return response{status: http.StatusNoContent}
		}
	}
	return notFound()
}
