package browse

import (
	"bytes"
	"context"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed style.css
var styleSheet []byte

//go:embed icon.svg
var iconFile []byte

// contentPolicy lets a page load its style sheet and images from the server, and
// nothing else. It forbids all scripts: the pages have none.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A Server serves the pages of a Library to the user of this computer.
type Server struct {
	site     *site
	listener net.Listener
	hosts    []string // the values that the Host of a request may have
	log      *slog.Logger
}

// Listen returns a Server that listens on the loopback interface. Port 0 picks a free
// port. A nil logger discards the log. The caller calls Serve, and then Close.
func (l *Library) Listen(ctx context.Context, port int, log *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	s, err := newSite(l)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	_, bound, _ := net.SplitHostPort(listener.Addr().String())
	server := &Server{site: s, listener: listener, log: log, hosts: []string{"127.0.0.1:" + bound, "localhost:" + bound}}
	s.git.address = strings.TrimSuffix(server.URL(), "/")
	return server, nil
}

// URL returns the address of the first page. Other users and programs of this computer
// do not know the token in the address, and cannot read the pages.
func (s *Server) URL() string { return "http://" + s.hosts[0] + "/" + s.site.lib.token + "/" }

// Serve serves requests until the context is canceled, and then returns nil.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return err
}

// Close stops listening.
func (s *Server) Close() error { return s.listener.Close() }

// ServeHTTP checks the origin and the token of a request, and serves it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "private, no-cache")
	if reason := s.refuse(r); reason != "" {
		s.log.Warn("request refused", "reason", reason, "host", r.Host)
		http.Error(w, "403 forbidden: "+reason, http.StatusForbidden)
		return
	}
	token, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.site.lib.token)) != 1 {
		http.Error(w, "404 not found: the address lacks the token that ghmigrate browse printed", http.StatusNotFound)
		return
	}
	s.log.Debug("request", "method", r.Method, "path", path)
	if isGit(path) {
		s.serveGit(w, r, path)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case path == "-/style.css":
		h.Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(styleSheet)
	case path == "-/icon.svg":
		h.Set("Content-Type", "image/svg+xml")
		_, _ = w.Write(iconFile)
	case strings.HasPrefix(path, "-/file/"):
		s.serveFile(w, r, path)
	default:
		s.servePage(w, r, strings.Trim(path, "/"))
	}
}

// refuse returns why the server refuses a request, or "" if it serves the request. The
// Host of another site means DNS rebinding: its name resolves to this computer. Origin
// and Sec-Fetch-Site show that a page of another site caused the request.
func (s *Server) refuse(r *http.Request) string {
	if !slices.Contains(s.hosts, strings.ToLower(r.Host)) {
		return "the request is for another host"
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || !strings.EqualFold(u.Host, r.Host) {
			return "the request comes from another site"
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return ""
	default:
		return "the request comes from another site"
	}
}

// An errorPage says why there is no page.
type errorPage struct{ Text string }

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, path string) {
	l := &links{root: "/" + s.site.lib.token + "/"}
	status := http.StatusOK
	p, err := s.site.pageAt(r.Context(), l, path, r.URL.Query())
	if err != nil {
		status = http.StatusNotFound
		text := "The archive does not have this page. GitHub may have it, or it was deleted before the export."
		if !errors.Is(err, errNotFound) {
			if r.Context().Err() != nil {
				return
			}
			s.log.Error("page failed", "path", path, "error", err)
			status, text = http.StatusInternalServerError, "The page cannot be shown: "+err.Error()
		}
		p = &page{Template: "error", Title: http.StatusText(status), Data: errorPage{text}}
		(&request{site: s.site, ctx: r.Context(), links: l}).fillLayout(p)
	}
	var b bytes.Buffer
	if err := s.site.writePage(&b, p); err != nil {
		s.log.Error("page failed", "path", path, "error", err)
		http.Error(w, "500 internal server error: the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
