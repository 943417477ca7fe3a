package ghmigratetest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A startRequest is the body of a request that starts a migration, with all
// documented fields.
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
	if slices.ContainsFunc(repositories, func(r *repository) bool { return r.takenDown }) {
		return blocked()
	}
	req.Repositories = nil // the migration has the resolved repositories
	m := s.addMigration(&migration{
		owner:        c.account,
		options:      req,
		repositories: repositories,
		state:        statePending,
		createdAt:    c.now,
		hiddenUntil:  c.now.Add(c.hidden),
	})
	s.scheduleEvents(m, c.fate)
	resource := s.migrationResource(c, m, slices.Contains(req.Exclude, "repositories"))
	res := jsonResponse(http.StatusCreated, resource)
	res.header = http.Header{"Location": {resource.URL}}
	return res
}

// resolve finds the repositories that a start names. It returns an error with an
// index for each repository that does not exist, and one more error if no repository
// remains. GitHub was recorded to send these errors.
func (s *Server) resolve(c *call, req startRequest) ([]*repository, []fieldError) {
	field := fieldError{Resource: "Migration", Field: "repositories"}
	refuse := func(code, message string, index *int) fieldError {
		refused := field
		refused.Code, refused.Message, refused.Index = code, message, index
		return refused
	}
	switch {
	case req.Repositories == nil:
		return nil, []fieldError{refuse("missing_field", "", nil)}
	case !s.cfg.lenient && len(req.Repositories) == 0 && !req.OrgMetadataOnly:
		return nil, []fieldError{refuse("invalid", strict("repositories must not be empty without org_metadata_only"), nil)}
	case !s.cfg.lenient && len(req.Repositories) > 0 && req.OrgMetadataOnly:
		return nil, []fieldError{refuse("invalid", strict("repositories must be empty with org_metadata_only"), nil)}
	}
	var found []*repository
	var errs []fieldError
	for i, fullName := range req.Repositories {
		owner, name, ok := strings.Cut(fullName, "/")
		if !ok {
			owner, name = c.account.login, fullName
		}
		r := s.repositoryNamed(owner, name)
		switch {
		case r == nil || r.owner != c.account:
			errs = append(errs, refuse("invalid_value", "", &i))
		case !ok && !s.cfg.lenient:
			errs = append(errs, refuse("invalid_value", strict(strconv.Quote(fullName)+" is not owner/name"), &i))
		case !slices.Contains(found, r):
			found = append(found, r)
		}
	}
	if len(errs) > 0 && len(found) == 0 {
		errs = append(errs, refuse("missing_field", "", nil))
	}
	return found, errs
}

// addMigration adds a migration and sets its ID.
func (s *Server) addMigration(m *migration) *migration {
	m.id = s.nextID("migration")
	m.guid = fmt.Sprintf("%08x-242f-11e5-81e1-c7b6966d2516", 0x0b989ba4+m.id)
	m.updatedAt = m.createdAt
	s.migrations = append(s.migrations, m)
	return m
}

// A flag is an option of a start that is true or false.
type flag struct {
	name string
	set  bool
}

// flags returns all flags of the request.
func (req startRequest) flags() []flag {
	return []flag{
		{"lock_repositories", req.LockRepositories},
		{"exclude_metadata", req.ExcludeMetadata},
		{"exclude_git_data", req.ExcludeGitData},
		{"exclude_attachments", req.ExcludeAttachments},
		{"exclude_releases", req.ExcludeReleases},
		{"exclude_owner_projects", req.ExcludeOwnerProjects},
		{"org_metadata_only", req.OrgMetadataOnly},
	}
}

// names returns the names of the flags that are true.
func (req startRequest) names() []string {
	var names []string
	for _, f := range req.flags() {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}
