package ghmigratetest

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Handler returns both origins as one handler, for a caller's own TLS server,
// proxy or middleware. The API is below /api/v3 (and /api/graphql with
// [WithGHES]). Requests for the host of [WithStorageHost], or else for paths
// below /storage/, go to storage.
//
// Links, Location headers and signed URLs have the scheme, host and path prefix
// by which the client reached the handler. A proxy tells them with
// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix;
// http.StripPrefix needs nothing. The listener at [Server.URL] serves the same
// handler, for proxies in front of it.
//
// A Reset of a [Fault] aborts the response: only the server's own listeners can
// reset a connection.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveOrigins) }

const storagePrefix = "/storage"

// An entrance is how a client reaches the server other than by [Server.URL].
type entrance struct {
	api     string // scheme, host and prefix
	storage string
}

type entranceKey struct{}

// serveOrigins tells the two origins apart.
func (s *Server) serveOrigins(w http.ResponseWriter, r *http.Request) {
	scheme := cmp.Or(forwarded(r, "Proto"), "http")
	if r.TLS != nil {
		scheme = "https"
	}
	host := cmp.Or(forwarded(r, "Host"), r.Host)
	isStorage := strings.HasPrefix(r.URL.Path, storagePrefix+"/")
	if origin := scheme + "://" + host; origin != s.apiHost {
		e := entrance{api: origin + prefixOf(r)}
		e.storage = e.api + storagePrefix
		if s.cfg.storageHost != "" {
			e.storage = scheme + "://" + s.cfg.storageHost
			isStorage = strings.EqualFold(host, s.cfg.storageHost)
		} else if s.cfg.ghes {
			e.storage = e.api // where its paths begin with /storage anyway
		}
		r = r.WithContext(context.WithValue(r.Context(), entranceKey{}, e))
	}
	if !isStorage {
		s.receive(API, s.serveAPI).ServeHTTP(w, r)
		return
	}
	storage := s.receive(Storage, s.serveStorage)
	if !s.cfg.ghes && s.cfg.storageHost == "" {
		storage = http.StripPrefix(storagePrefix, storage)
	}
	storage.ServeHTTP(w, r)
}

// forwarded returns what the first proxy tells of the client's request: each
// proxy may append to a list.
func forwarded(r *http.Request, what string) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-"+what), ",")
	return strings.TrimSpace(first)
}

// prefixOf returns what was cut off the path of a request before the handler
// got it.
func prefixOf(r *http.Request) string {
	if prefix := forwarded(r, "Prefix"); prefix != "" {
		return strings.TrimSuffix(prefix, "/")
	}
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	prefix, ok := strings.CutSuffix(u.EscapedPath(), r.URL.EscapedPath())
	if !ok {
		return ""
	}
	return prefix
}

// translate turns the URLs in a response of the API into URLs of the entrance.
func (s *Server) translate(res response, r *http.Request) response {
	e, ok := r.Context().Value(entranceKey{}).(entrance)
	if !ok {
		return res
	}
	res.body = bytes.ReplaceAll(res.body, []byte(s.storageURL), []byte(e.storage))
	res.body = bytes.ReplaceAll(res.body, []byte(s.apiHost), []byte(e.api))
	for _, name := range []string{"Link", "Location"} {
		if value := res.header.Get(name); value != "" {
			value = strings.ReplaceAll(value, s.storageURL, e.storage)
			res.header.Set(name, strings.ReplaceAll(value, s.apiHost, e.api))
		}
	}
	return res
}

// signedHost returns the host that the signature of a request must be for.
func (s *Server) signedHost(r *http.Request) string {
	if _, ok := r.Context().Value(entranceKey{}).(entrance); ok {
		return s.storageHost()
	}
	return r.Host
}
