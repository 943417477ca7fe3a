package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBody limits the body of a request; GitHub's own limit is not known.
const maxBody = 10 << 20

// receive reads and records a request. The request then suffers its faults and
// is served.
func (s *Server) receive(origin Origin, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil { // as only a client's request may have it
			r.Body = http.NoBody
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r, redirected := withoutRedirect(r)
		r.Body = io.NopCloser(bytes.NewReader(body))
		entry := &Request{
			Time:   s.clock.Now(),
			Origin: origin,
			Method: r.Method,
			Path:   relative(origin, r.URL.EscapedPath()),
			Query:  r.URL.Query(),
			Header: r.Header.Clone(),
			Body:   body,
		}
		about := s.identify(entry, r)
		about.redirected = redirected
		s.log.add(entry)
		if s.cfg.observe != nil {
			defer func() { s.cfg.observe(s.log.view(entry)) }() // also if the client is gone
		}
		w = &statusWriter{ResponseWriter: w, size: func(n int64) { s.log.addSize(entry, n) }, sending: func(status int) {
			s.log.setStatus(entry, status)
			if w.Header().Get("Date") == "" {
				w.Header().Set("Date", s.clock.Now().Format(http.TimeFormat))
			}
		}}
		s.withFaults(about, 0, serve)(w, r)
	})
}

func relative(origin Origin, path string) string {
	if below, ok := strings.CutPrefix(path, basePath+"/"); ok && origin == API {
		return "/" + below
	}
	return path
}

// withoutRedirect removes the mark of a URL that {elsewhere} stands for.
func withoutRedirect(r *http.Request) (*http.Request, bool) {
	query, ok := strings.CutSuffix(r.URL.RawQuery, redirectedQuery)
	if !ok {
		return r, false
	}
	other := r.Clone(r.Context())
	other.URL.RawQuery = strings.TrimSuffix(query, "&")
	return other, true
}

// identify tells what a request is about.
func (s *Server) identify(entry *Request, r *http.Request) subject {
	s.mu.Lock()
	defer s.mu.Unlock()
	about := subject{Request: entry, path: relative(entry.Origin, r.URL.Path), connection: connectionOf(r)}
	var owner string
	var vars map[string]string
	if entry.Origin == API {
		var op *operation
		if op, vars = s.route(r.Method, r.URL.EscapedPath()); op != nil {
			entry.Operation = op.id
		}
		entry.Migration = int64(atoi(vars["id"]))
		owner = vars["org"] + vars["owner"]
		if owner == "" {
			owner = s.user.login
		}
	} else if m := s.migrationAt(r.URL.Path); m != nil {
		entry.Migration = m.id
	}
	about.migration = entry.Migration
	starts := strings.HasPrefix(entry.Operation, "migrations/start-for-")
	if starts {
		about.migration = s.lastID["migration"] + 1
	}
	about.mentions = func(fullName string) bool {
		same := func(other string) bool { return strings.EqualFold(fullName, other) }
		if starts {
			return slices.ContainsFunc(startedNames(owner, entry.Body), same)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		m := s.find(entry.Migration)
		return vars["repo"] != "" && same(owner+"/"+vars["repo"]) ||
			m != nil && slices.ContainsFunc(m.repositories, func(r *repository) bool { return same(r.fullName()) })
	}
	return about
}

// startedNames returns the full names in the body of a start.
func startedNames(owner string, body []byte) []string {
	var req struct {
		Repositories []string `json:"repositories"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil
	}
	for i, name := range req.Repositories {
		if !strings.Contains(name, "/") {
			req.Repositories[i] = owner + "/" + name
		}
	}
	return req.Repositories
}

// A statusWriter tells which status and how much of a body is being sent.
type statusWriter struct {
	http.ResponseWriter
	sending func(status int)
	size    func(n int64)
	sent    bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.sent {
		w.sent = true
		w.sending(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.size(int64(n))
	return n, err
}

// ReadFrom keeps the way open for sendfile.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.size(n)
	return n, err
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
