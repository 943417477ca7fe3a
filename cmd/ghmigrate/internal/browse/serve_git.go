package browse

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/cgi" //nolint:gosec // git http-backend is a CGI program; net/http/cgi drops the header Proxy (CVE-2016-5386)
	"path/filepath"
	"strings"
)

// isGit reports whether a path is one that git requests to clone or fetch.
func isGit(path string) bool {
	return strings.HasSuffix(path, ".git/info/refs") || strings.HasSuffix(path, ".git/git-upload-pack")
}

// maxGitRequest bounds the body of a request of git, in bytes. The body names the commits
// that git wants and has.
const maxGitRequest = 64 << 20

// serveGit serves git clone and git fetch of a repository, with git's own http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, path string) {
	slug, rest, _ := strings.Cut(path, ".git/")
	switch {
	case rest == "info/refs" && r.Method == http.MethodGet && r.URL.Query().Get("service") == "git-upload-pack":
	case rest == "git-upload-pack" && r.Method == http.MethodPost:
	default:
		http.Error(w, "403 forbidden: the server supports only git clone and git fetch with the smart protocol", http.StatusForbidden)
		return
	}
	name, err := s.site.store.gitName(r.Context(), slug)
	if err == nil && s.site.git.program == "" {
		err = errNoGit
	}
	var dir string
	if err == nil {
		dir, err = s.site.git.dir(r.Context(), name)
	}
	if err != nil {
		reason := gitReason(err)
		if reason == "" {
			reason = err.Error()
		}
		http.Error(w, "404 not found: "+reason, http.StatusNotFound)
		return
	}
	// The program gets the path without the token and the owner.
	inside := r.Clone(r.Context())
	inside.URL.Path = "/" + filepath.Base(dir) + "/" + rest
	env := append(gitEnvironment(),
		"GIT_PROJECT_ROOT="+filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_COUNT=4", "GIT_CONFIG_KEY_2=http.receivepack", "GIT_CONFIG_VALUE_2=false", "GIT_CONFIG_KEY_3=http.getanyfile", "GIT_CONFIG_VALUE_3=false")
	if protocol := r.Header.Get("Git-Protocol"); protocol == "version=2" || protocol == "version=1" {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	if len(inside.TransferEncoding) > 0 { // CGI needs the length
		body, err := io.ReadAll(http.MaxBytesReader(w, inside.Body, maxGitRequest))
		if err != nil {
			http.Error(w, "413 request entity too large", http.StatusRequestEntityTooLarge)
			return
		}
		inside.Body, inside.ContentLength, inside.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	}
	backend := &cgi.Handler{
		Path: s.site.git.program, Args: []string{"http-backend"}, Dir: dir, Env: env,
		Logger: log.New(io.Discard, "", 0), Stderr: io.Discard,
	}
	backend.ServeHTTP(w, inside)
}

// gitName returns the name of the Git data with a slug: "owner/name" or
// "owner/name.wiki".
func (s *store) gitName(ctx context.Context, slug string) (string, error) {
	names, err := queryAll(ctx, s, scanColumn[string], `SELECT name FROM git`)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if strings.EqualFold(slugOf(name), slug) {
			return name, nil
		}
	}
	return "", errNotFound
}
