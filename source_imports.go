package ghmigrate

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// SourceImports imports repositories from Git, Subversion, Mercurial and Team
// Foundation servers.
//
// GitHub retired this API on 12 April 2024. On GitHub.com and GHE.com every call
// fails with an [*APIError] that matches [ErrSourceImportsRetired]. On a GHES,
// a 503 of this API means maintenance and is not retried.
type SourceImports struct{ c *Client }

// An Import is the state of a source import.
type Import struct {
	VCS          string        `json:"vcs"`          // "subversion", "git", "mercurial" or "tfvc"; empty until detected
	VCSURL       string        `json:"vcs_url"`      // of the source repository
	UseLFS       LFSPreference `json:"use_lfs"`      // for large files; empty if not sent
	TFVCProject  string        `json:"tfvc_project"` // only for tfvc
	SVCRoot      string        `json:"svc_root"`     // empty if not sent
	SVNRoot      string        `json:"svn_root"`     // empty if not sent
	Status       ImportStatus  `json:"status"`
	StatusText   string        `json:"status_text"`   // Status in words; empty if not sent
	FailedStep   string        `json:"failed_step"`   // the Status in which the import failed; empty if it did not fail
	ErrorMessage string        `json:"error_message"` // why the import failed; empty if it did not fail
	Message      string        `json:"message"`       // empty if not sent

	ImportPercent *int `json:"import_percent"` // 0 to 100; nil unless the import is under way
	PushPercent   *int `json:"push_percent"`   // 0 to 100; nil unless the push is under way
	CommitCount   *int `json:"commit_count"`   // nil until commits are counted
	AuthorsCount  *int `json:"authors_count"`  // nil until authors are counted

	HasLargeFiles   bool  `json:"has_large_files"`   // has files of more than 100 MB
	LargeFilesSize  int64 `json:"large_files_size"`  // bytes of all large files
	LargeFilesCount int   `json:"large_files_count"` // number of large files

	// ProjectChoices are the projects to choose from while Status is
	// [ImportDetectionFoundMultiple] or [ImportChoose]; nil otherwise.
	ProjectChoices []ProjectChoice `json:"project_choices,omitzero"`

	URL           string `json:"url"`            // of the import, in the API
	HTMLURL       string `json:"html_url"`       // of the import's page
	AuthorsURL    string `json:"authors_url"`    // of the import's authors, in the API
	RepositoryURL string `json:"repository_url"` // of the repository, in the API
}

// mismatch looks for properties that every import has, since an import has no ID.
func (i *Import) mismatch(request) string {
	if i.Status == "" && i.VCSURL == "" && i.URL == "" && i.HTMLURL == "" {
		return "no import"
	}
	return ""
}

// A ProjectChoice is one of several projects that GitHub found at a VCSURL.
// [SourceImports.Update] chooses one of them.
type ProjectChoice struct {
	VCS         string `json:"vcs"`          // as in Import
	TFVCProject string `json:"tfvc_project"` // only for tfvc
	HumanName   string `json:"human_name"`   // such as "project1 (tfs)"
}

// ImportStatus is the status of a source import. GitHub may send undocumented
// values.
type ImportStatus string

// The documented statuses.
const (
	ImportAuth                   ImportStatus = "auth"                     // needs VCSUsername and VCSPassword
	ImportAuthFailed             ImportStatus = "auth_failed"              // VCSUsername or VCSPassword is wrong
	ImportChoose                 ImportStatus = "choose"                   // needs a ProjectChoice
	ImportComplete               ImportStatus = "complete"                 // has succeeded
	ImportDetecting              ImportStatus = "detecting"                // detecting the kind of VCS
	ImportDetectionFoundMultiple ImportStatus = "detection_found_multiple" // needs a ProjectChoice
	ImportDetectionFoundNothing  ImportStatus = "detection_found_nothing"  // has failed: no repository at VCSURL
	ImportDetectionNeedsAuth     ImportStatus = "detection_needs_auth"     // needs VCSUsername and VCSPassword
	ImportError                  ImportStatus = "error"                    // has failed: see FailedStep and ErrorMessage
	ImportImporting              ImportStatus = "importing"                // fetching the source
	ImportMapping                ImportStatus = "mapping"                  // rewriting authors
	ImportNone                   ImportStatus = "none"                     // there is no import
	ImportPushing                ImportStatus = "pushing"                  // updating the repository on GitHub
	ImportSetup                  ImportStatus = "setup"                    // starting
	ImportUnknown                ImportStatus = "unknown"
	ImportWaitingToPush          ImportStatus = "waiting_to_push"
)

// Done reports whether the import has ended, with or without success.
func (s ImportStatus) Done() bool {
	return s == ImportComplete || s == ImportError || s == ImportDetectionFoundNothing
}

// NeedsAction reports whether the import waits for [SourceImports.Update].
func (s ImportStatus) NeedsAction() bool {
	switch s { //nolint:exhaustive // the others need no action
	case ImportAuth, ImportAuthFailed, ImportChoose, ImportDetectionNeedsAuth, ImportDetectionFoundMultiple:
		return true
	}
	return false
}

// LFSPreference says what an import does with large files.
type LFSPreference string

// The documented preferences.
const (
	LFSOptIn     LFSPreference = "opt_in"    // store large files with Git LFS
	LFSOptOut    LFSPreference = "opt_out"   // remove large files
	LFSUndecided LFSPreference = "undecided" // only in responses
)

// UnmarshalJSON decodes a string or a boolean, since GitHub sends both. It decodes
// true to [LFSOptIn] and false to [LFSOptOut].
func (p *LFSPreference) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*p = LFSOptIn
		return nil
	case "false":
		*p = LFSOptOut
		return nil
	}
	text := ""
	if err := unmarshal(data, &text); err != nil {
		return err
	}
	*p = LFSPreference(text)
	return nil
}

// An ImportAuthor is an author of the imported commits, and the author's identity
// on GitHub.
type ImportAuthor struct {
	ID         int64  `json:"id"`
	RemoteID   string `json:"remote_id"`   // in the source repository
	RemoteName string `json:"remote_name"` // in the source repository
	Email      string `json:"email"`       // on GitHub; as in the source repository until mapped
	Name       string `json:"name"`        // on GitHub; as in the source repository until mapped
	URL        string `json:"url"`         // of the author, in the API
	ImportURL  string `json:"import_url"`  // of the import, in the API
}

func (a *ImportAuthor) mismatch(r request) string { return idMismatch("author", a.ID, r) }

// A LargeFile is a file of more than 100 MB that an import found.
type LargeFile struct {
	RefName string `json:"ref_name"` // such as "refs/heads/master"
	Path    string `json:"path"`
	OID     string `json:"oid"`  // the Git object
	Size    int64  `json:"size"` // bytes
}

// A StartImportRequest names the repository to import. Zero fields are not sent.
type StartImportRequest struct {
	VCSURL      string // of the source repository; required
	VCS         string // "subversion", "git", "mercurial" or "tfvc"; if empty, GitHub detects it, which takes longer
	VCSUsername string // if the server at VCSURL requires a login
	VCSPassword Secret // if the server at VCSURL requires a login
	TFVCProject string // only for tfvc
}

// secrets lists the values that no error may quote.
func (req StartImportRequest) secrets() []string {
	source, err := url.Parse(req.VCSURL)
	if err != nil {
		return []string{req.VCSURL, req.VCSPassword.Reveal()}
	}
	return append(netx.URLSecrets(source), req.VCSPassword.Reveal())
}

// An UpdateImportRequest has the credentials or the ProjectChoice that an import
// needs. The zero value restarts the import. Zero fields are not sent.
type UpdateImportRequest struct {
	VCSUsername string
	VCSPassword Secret
	VCS         string // of the ProjectChoice
	TFVCProject string // of the ProjectChoice
	HumanName   string // of the ProjectChoice
}

// A MapAuthorRequest is an author's identity on GitHub. Zero fields are not sent.
type MapAuthorRequest struct {
	Email string `json:"email,omitzero"` // for the author's commits
	Name  string `json:"name,omitzero"`  // for the author's commits
}

// ListAuthorsOptions are the options of [SourceImports.ListAuthors].
type ListAuthorsOptions struct {
	Since int64 `url:"since,omitempty"` // only authors with a higher ID; 0 means all
}

// importSource is the JSON of a StartImportRequest or UpdateImportRequest, whose
// Secret would be encoded as REDACTED.
type importSource struct {
	VCS         string `json:"vcs,omitzero"`
	VCSURL      string `json:"vcs_url,omitzero"`
	VCSUsername string `json:"vcs_username,omitzero"`
	VCSPassword string `json:"vcs_password,omitzero"`
	TFVCProject string `json:"tfvc_project,omitzero"`
	HumanName   string `json:"human_name,omitzero"`
}

// Start starts an import into the repository, which should be empty, and returns
// the new import. It is retried only after a rate limit and, once, after a 401.
//
// https://docs.github.com/rest/migrations/source-imports#start-an-import
func (s *SourceImports) Start(ctx context.Context, owner, repo string, req StartImportRequest) (*Import, error) {
	r := request{method: http.MethodPut, at: sourceImport(owner, repo), creates: "the import", secrets: req.secrets(), body: importSource{
		VCS: req.VCS, VCSURL: req.VCSURL, VCSUsername: req.VCSUsername, VCSPassword: req.VCSPassword.Reveal(), TFVCProject: req.TFVCProject,
	}}
	if req.VCSURL == "" {
		r.invalid = badArgument("VCSURL", "is empty")
	}
	return call[Import](ctx, s.c, r)
}

// Get returns an import. It fails with [ErrNotFound] if there is no import.
//
// https://docs.github.com/rest/migrations/source-imports#get-an-import-status
func (s *SourceImports) Get(ctx context.Context, owner, repo string) (*Import, error) {
	return call[Import](ctx, s.c, getImport(owner, repo))
}

// Update sends the credentials or the ProjectChoice that an import needs, or
// restarts the import. It returns the import. Update is retried only after a rate
// limit and, once, after a 401.
//
// https://docs.github.com/rest/migrations/source-imports#update-an-import
func (s *SourceImports) Update(ctx context.Context, owner, repo string, req UpdateImportRequest) (*Import, error) {
	r := request{method: http.MethodPatch, at: sourceImport(owner, repo), secrets: []string{req.VCSPassword.Reveal()}}
	if req != (UpdateImportRequest{}) {
		r.body = importSource{
			VCS: req.VCS, VCSUsername: req.VCSUsername, VCSPassword: req.VCSPassword.Reveal(), TFVCProject: req.TFVCProject, HumanName: req.HumanName,
		}
	}
	return call[Import](ctx, s.c, r)
}

// Cancel stops an import. It fails with [ErrNotFound] if there is no import. It
// succeeds if the response to an earlier attempt was lost and the retry gets 404.
//
// https://docs.github.com/rest/migrations/source-imports#cancel-an-import
func (s *SourceImports) Cancel(ctx context.Context, owner, repo string) error {
	return run(ctx, s.c, request{method: http.MethodDelete, at: sourceImport(owner, repo)})
}

// ListAuthors lists the authors that an import has found, in the order of their
// IDs. Nil options list all authors.
//
// https://docs.github.com/rest/migrations/source-imports#get-commit-authors
func (s *SourceImports) ListAuthors(ctx context.Context, owner, repo string, opts *ListAuthorsOptions) iter.Seq2[*ImportAuthor, error] {
	if opts == nil {
		opts = &ListAuthorsOptions{}
	}
	r := request{method: http.MethodGet, at: sourceImport(owner, repo).literal("authors"), query: queryOf(opts)}
	if opts.Since < 0 {
		r.invalid = badArgument("Since", "is %d: want 0 or an author's ID", opts.Since)
	}
	return list[ImportAuthor](ctx, s.c, r)
}

// MapAuthor sets an author's identity on GitHub and returns the author. It is
// retried only after a rate limit and, once, after a 401.
//
// https://docs.github.com/rest/migrations/source-imports#map-a-commit-author
func (s *SourceImports) MapAuthor(ctx context.Context, owner, repo string, authorID int64, req MapAuthorRequest) (*ImportAuthor, error) {
	at := sourceImport(owner, repo).literal("authors").number("authorID", authorID)
	return call[ImportAuthor](ctx, s.c, request{method: http.MethodPatch, at: at, body: req})
}

// ListLargeFiles lists the files of more than 100 MB that an import has found.
// GitHub sends the whole list in one response.
//
// https://docs.github.com/rest/migrations/source-imports#get-large-files
func (s *SourceImports) ListLargeFiles(ctx context.Context, owner, repo string) iter.Seq2[*LargeFile, error] {
	return list[LargeFile](ctx, s.c, request{method: http.MethodGet, at: sourceImport(owner, repo).literal("large_files"), query: url.Values{}})
}

// SetLFSPreference sets what the import does with large files, [LFSOptIn] or
// [LFSOptOut], and returns the import. It is retried only after a rate limit and,
// once, after a 401.
//
// https://docs.github.com/rest/migrations/source-imports#update-git-lfs-preference
func (s *SourceImports) SetLFSPreference(ctx context.Context, owner, repo string, pref LFSPreference) (*Import, error) {
	r := request{method: http.MethodPatch, at: sourceImport(owner, repo).literal("lfs"), body: struct {
		UseLFS LFSPreference `json:"use_lfs"`
	}{pref}}
	if pref != LFSOptIn && pref != LFSOptOut {
		r.invalid = badArgument("pref", "is %q: want %q or %q", pref, LFSOptIn, LFSOptOut)
	}
	return call[Import](ctx, s.c, r)
}

// Wait polls an import until it is complete, and returns the import. With every
// error Wait returns the import of the last successful poll, nil if no poll
// succeeded. Wait tolerates the failures that [OrgMigrations.Wait] tolerates, and
// maintenance.
//
// Wait fails with [ErrImportFailed] if the import failed or its status is
// [ImportNone], with [ErrImportNeedsAction] if the import waits for
// [SourceImports.Update], and with [ErrNotFound] if the import was canceled.
//
// https://docs.github.com/rest/migrations/source-imports#get-an-import-status
func (s *SourceImports) Wait(ctx context.Context, owner, repo string) (*Import, error) {
	r, seen := getImport(owner, repo), &pollResult[Import]{}
	r.budget = new(retryBudget)
	known := func() bool { return seen.value != nil }
	return wait(ctx, s.c, known, func() (*Import, error) {
		err := seen.poll(ctx, s.c, r, decodeObject[Import])
		return seen.value, err
	}, func(i *Import) (bool, error) {
		switch at := owner + "/" + repo; {
		case i.Status.NeedsAction():
			return true, fmt.Errorf("import into %s: %w: %s", at, ErrImportNeedsAction, i.Status)
		case i.Status == ImportComplete:
			return true, nil
		case i.Status.Done(), i.Status == ImportNone:
			return true, fmt.Errorf("import into %s: %w: %s", at, ErrImportFailed,
				netx.Redact(strings.Join(nonEmpty(string(i.Status), i.FailedStep, i.ErrorMessage), ": ")))
		}
		return false, nil
	})
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func getImport(owner, repo string) request {
	return request{method: http.MethodGet, at: sourceImport(owner, repo)}
}

func sourceImport(owner, repo string) endpoint {
	return endpoint{path: "/repos"}.name("owner", owner).name("repo", repo).literal("import")
}

// isSourceImport reports whether the endpoint, which a caller may have given to Do,
// belongs to the Source Imports API.
func (e endpoint) isSourceImport() bool {
	segments := strings.Split(e.path, "/")
	return len(segments) >= 5 && segments[1] == "repos" && segments[4] == "import"
}

// retiresSourceImports reports whether a status means that the API is retired.
// GitHub does not document this status. On a GHES, 404 may mean that there is no
// import, and 503 is documented as maintenance.
func (c *Client) retiresSourceImports(status int) bool {
	switch status {
	case http.StatusGone, http.StatusNotImplemented:
		return true
	case http.StatusNotFound, http.StatusServiceUnavailable:
		return c.isCloud()
	}
	return false
}
