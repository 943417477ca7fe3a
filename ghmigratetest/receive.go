package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBody limits the body of a request. A larger one gets 413. GitHub's own limit is
// not known.
const maxBody = 10 << 20

// receive returns a handler that records each request, and serves it with the
// faults that select it.
func (s *Server) receive(origin Origin, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil { // a middleware may pass on a client's request
			r.Body = http.NoBody
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		respond := serve
		if errors.As(err, new(*http.MaxBytesError)) {
			respond = func(w http.ResponseWriter, _ *http.Request) {
				(&Fault{Status: http.StatusRequestEntityTooLarge}).respond(w, origin)
			}
		} else if err != nil {
			panic(http.ErrAbortHandler)
		}
		r, redirected := stripRedirectMark(r)
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
		cand := s.newCandidate(entry, r)
		cand.redirected = redirected
		s.log.add(entry)
		if s.cfg.observe != nil {
			defer func() { s.cfg.observe(s.log.view(entry)) }() // also if the connection breaks
		}
		out := &transferWriter{&statusWriter{ResponseWriter: w, size: func(n int64) { s.log.addSize(entry, n) }, sending: func(status int) {
			s.log.setStatus(entry, status)
			if _, ok := w.Header()["Date"]; !ok { // a fault may have removed the header
				w.Header().Set("Date", s.clock.Now().Format(http.TimeFormat))
			}
		}}}
		if origin == Storage && s.cfg.storageRate > 0 {
			out.ResponseWriter = newPacedWriter(s, out.ResponseWriter, r, s.cfg.storageRate)
		}
		cand.out = out
		s.withFaults(cand, 0, respond)(out, r)
	})
}

// relative returns a path of the API relative to the base URL. It is /graphql for both
// paths of GraphQL.
func relative(origin Origin, path string) string {
	if origin != API {
		return path
	}
	if path == graphQLPath {
		return "/graphql"
	}
	if below, ok := strings.CutPrefix(path, basePath+"/"); ok {
		return "/" + below
	}
	return path
}

// stripRedirectMark removes redirectMark from the URL of a request, and reports
// whether the URL had it.
func stripRedirectMark(r *http.Request) (*http.Request, bool) {
	query, ok := strings.CutSuffix(r.URL.RawQuery, redirectMark)
	if !ok {
		return r, false
	}
	other := r.Clone(r.Context())
	other.URL.RawQuery = strings.TrimSuffix(query, "&")
	return other, true
}

// newCandidate returns a request with the properties by which faults select it.
func (s *Server) newCandidate(entry *Request, r *http.Request) candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	cand := candidate{Request: entry, path: relative(entry.Origin, r.URL.Path), connection: connectionOf(r)}
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
	cand.migration = entry.Migration
	starts := strings.HasPrefix(entry.Operation, "migrations/start-for-")
	if starts {
		cand.migration = s.lastID["migration"] + 1
	}
	cand.mentions = func(fullName string) bool {
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
	return cand
}

// startedNames returns the full names of the repositories in the body of a start.
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

// A statusWriter reports the status of a response before it is sent, and the size
// of each part of its body.
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

// ReadFrom lets net/http use sendfile.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.size(n)
	return n, err
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
