package ghmigratetest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An importRequest is the body of a request that starts an import.
type importRequest struct {
	VCSURL      string `json:"vcs_url"`
	VCS         string `json:"vcs"`
	VCSUsername string `json:"vcs_username"`
	VCSPassword string `json:"vcs_password"`
	TFVCProject string `json:"tfvc_project"`
}

// An importUpdate is the body of a request that updates an import: credentials, or
// one of the project_choices. An empty body restarts the import.
type importUpdate struct {
	VCS         string `json:"vcs"`
	VCSUsername string `json:"vcs_username"`
	VCSPassword string `json:"vcs_password"`
	TFVCProject string `json:"tfvc_project"`
	HumanName   string `json:"human_name"`
}

// An importAuthor is an author of an import, as the API lists it.
type importAuthor struct {
	ID         int64  `json:"id"`
	RemoteID   string `json:"remote_id"`
	RemoteName string `json:"remote_name"`
	Email      string `json:"email"`
	Name       string `json:"name"`
	URL        string `json:"url"`
	ImportURL  string `json:"import_url"`
}

// An importResource has the schema import of GitHub's OpenAPI description.
type importResource struct {
	VCS             *string         `json:"vcs"`
	UseLFS          any             `json:"use_lfs"`
	VCSURL          string          `json:"vcs_url"`
	SVCRoot         string          `json:"svc_root,omitempty"`
	TFVCProject     string          `json:"tfvc_project,omitempty"`
	Status          string          `json:"status"`
	StatusText      *string         `json:"status_text"`
	FailedStep      *string         `json:"failed_step"`
	ErrorMessage    *string         `json:"error_message"`
	ImportPercent   *int64          `json:"import_percent"`
	CommitCount     *int64          `json:"commit_count"`
	PushPercent     *int64          `json:"push_percent"`
	HasLargeFiles   bool            `json:"has_large_files"`
	LargeFilesSize  int64           `json:"large_files_size"`
	LargeFilesCount int             `json:"large_files_count"`
	ProjectChoices  []projectChoice `json:"project_choices,omitempty"`
	Message         string          `json:"message,omitempty"`
	AuthorsCount    *int            `json:"authors_count"`
	URL             string          `json:"url"`
	HTMLURL         string          `json:"html_url"`
	AuthorsURL      string          `json:"authors_url"`
	RepositoryURL   string          `json:"repository_url"`
	SVNRoot         string          `json:"svn_root,omitempty"`
}

func (s *Server) importURL(i *sourceImport) string {
	return s.URL() + "/repos/" + i.repository.fullName() + "/import"
}

func (s *Server) importResource(i *sourceImport, now time.Time) importResource {
	status, percent := i.status(now, s.cfg.exportDuration)
	text := statusText(status)
	res := importResource{
		UseLFS:         i.useLFS == "opt_in",
		VCSURL:         i.request.VCSURL,
		TFVCProject:    i.request.TFVCProject,
		Status:         status,
		StatusText:     &text,
		ProjectChoices: i.projectChoices(status),
		URL:            s.importURL(i),
		HTMLURL:        "https://import.github.com/" + i.repository.fullName() + "/import",
		AuthorsURL:     s.importURL(i) + "/authors",
		RepositoryURL:  s.URL() + "/repos/" + i.repository.fullName(),
	}
	if s.cfg.lfsStrings {
		res.UseLFS = i.useLFS
	}
	if vcs := i.vcs(status != "detecting" && !strings.HasPrefix(status, "detection_")); vcs != "" {
		res.VCS = &vcs
		if vcs == "subversion" {
			res.SVCRoot, res.SVNRoot = "/trunk", "/trunk"
		}
	}
	commits := 1042 * percent / 100
	switch status {
	case "importing":
		res.ImportPercent, res.CommitCount = &percent, &commits
	case "error":
		step, message := "import", "The repository could not be read."
		res.FailedStep, res.ErrorMessage, res.Message = &step, &message, message
	case "mapping", "pushing", "complete":
		hundred, all, authors := int64(100), int64(1042), len(i.authors)
		res.ImportPercent, res.CommitCount, res.AuthorsCount = &hundred, &all, &authors
		if status != "mapping" {
			res.PushPercent = &percent
		}
		for _, f := range i.largeFiles() {
			res.HasLargeFiles = true
			res.LargeFilesSize += f.Size
			res.LargeFilesCount++
		}
	}
	return res
}

// ofImport returns an operation that calls serve with the import that the path
// names. It responds with 404 if there is no such import.
func ofImport(serve func(*Server, *call, *sourceImport) response) func(*Server, *call) response {
	return func(s *Server, c *call) response {
		if i := s.imports[s.repositoryNamed(c.vars["owner"], c.vars["repo"])]; i != nil {
			return serve(s, c, i)
		}
		return notFound()
	}
}

func (s *Server) getImport(c *call, i *sourceImport) response {
	return jsonResponse(http.StatusOK, s.importResource(i, c.now))
}

func (s *Server) startImport(c *call) response {
	r := s.repositoryNamed(c.vars["owner"], c.vars["repo"])
	if r == nil {
		return notFound()
	}
	var req importRequest
	if refusal, ok := s.decode(c, "Import", &req); !ok {
		return refusal
	}
	var errs []fieldError
	if req.VCSURL == "" {
		errs = append(errs, fieldError{Resource: "Import", Field: "vcs_url", Code: "missing_field"})
	}
	if req.VCS != "" && !slices.Contains(systems(), req.VCS) {
		errs = append(errs, fieldError{Resource: "Import", Field: "vcs", Code: "invalid"})
	}
	if i := s.imports[r]; i != nil {
		switch status, _ := i.status(c.now, s.cfg.exportDuration); status {
		case "error", "detection_found_nothing":
		default:
			errs = append(errs, fieldError{Resource: "Import", Code: "already_exists"})
		}
	}
	if len(errs) > 0 {
		return invalid(errs...)
	}
	i := &sourceImport{repository: r, request: req, begun: c.now, useLFS: "undecided"}
	for _, name := range []string{"nobody", "svner", "svner@example.com", "hubot"} {
		id := s.nextID("author")
		remote := name + "@fc7da526-431c-80fe-3c8c-c148ff18d7ef"
		i.authors = append(i.authors, &importAuthor{
			ID:         id,
			RemoteID:   remote,
			RemoteName: name,
			Email:      remote,
			Name:       name,
			URL:        fmt.Sprintf("%s/authors/%d", s.importURL(i), id),
			ImportURL:  s.importURL(i),
		})
	}
	s.imports[r] = i
	resource := s.importResource(i, c.now)
	res := jsonResponse(http.StatusCreated, resource)
	res.header = http.Header{"Location": {resource.URL}}
	return res
}

func (s *Server) updateImport(c *call, i *sourceImport) response {
	var req importUpdate
	if refusal, ok := s.decode(c, "Import", &req); !ok {
		return refusal
	}
	if req.VCS != "" && !slices.Contains(systems(), req.VCS) {
		return invalid(fieldError{Resource: "Import", Field: "vcs", Code: "invalid"})
	}
	for _, f := range []struct {
		given string
		field *string
	}{
		{req.VCS, &i.request.VCS},
		{req.VCSUsername, &i.request.VCSUsername},
		{req.VCSPassword, &i.request.VCSPassword},
		{req.TFVCProject, &i.request.TFVCProject},
	} {
		if f.given != "" {
			*f.field = f.given
		}
	}
	i.begun = c.now
	return jsonResponse(http.StatusOK, s.importResource(i, c.now))
}

func (s *Server) cancelImport(_ *call, i *sourceImport) response {
	delete(s.imports, i.repository)
	return response{status: http.StatusNoContent}
}

func (s *Server) listAuthors(c *call, i *sourceImport) response {
	since, _ := strconv.ParseInt(c.query.Get("since"), 10, 64)
	authors := []*importAuthor{}
	if status, _ := i.status(c.now, s.cfg.exportDuration); imported(status) {
		for _, a := range i.authors {
			if a.ID > since {
				authors = append(authors, a)
			}
		}
	}
	return jsonResponse(http.StatusOK, authors)
}

func (s *Server) mapAuthor(c *call, i *sourceImport) response {
	n := slices.IndexFunc(i.authors, func(a *importAuthor) bool {
		return strconv.FormatInt(a.ID, 10) == c.vars["author"]
	})
	if n < 0 {
		return notFound()
	}
	var req struct {
		Email string `json:"email"`
		Name  string `json:"name"`
	}
	if refusal, ok := s.decode(c, "Author", &req); !ok {
		return refusal
	}
	if req.Email != "" {
		i.authors[n].Email = req.Email
	}
	if req.Name != "" {
		i.authors[n].Name = req.Name
	}
	return jsonResponse(http.StatusOK, i.authors[n])
}

func (s *Server) listLargeFiles(c *call, i *sourceImport) response {
	files := []largeFile{}
	if status, _ := i.status(c.now, s.cfg.exportDuration); imported(status) {
		files = append(files, i.largeFiles()...)
	}
	return jsonResponse(http.StatusOK, files)
}

func (s *Server) setLFSPreference(c *call, i *sourceImport) response {
	var req struct {
		UseLFS string `json:"use_lfs"`
	}
	if refusal, ok := s.decode(c, "Import", &req); !ok {
		return refusal
	}
	if req.UseLFS != "opt_in" && req.UseLFS != "opt_out" {
		return invalid(fieldError{Resource: "Import", Field: "use_lfs", Code: "invalid", Message: "must be opt_in or opt_out"})
	}
	i.useLFS = req.UseLFS
	return jsonResponse(http.StatusOK, s.importResource(i, c.now))
}
