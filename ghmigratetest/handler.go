package ghmigratetest

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Handler returns both origins as one handler, for a caller's own TLS server,
// proxy or middleware. The API is below /api/v3, and GraphQL is also at
// /api/graphql. Requests for the host of [WithStorageHost], or else for paths below
// /storage/, go to storage.
//
// Links, Location headers and signed URLs have the scheme, host and path prefix
// by which the client reached the handler. A proxy passes them in
// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix. A prefix that
// http.StripPrefix removes needs no header. The listener at [Server.URL] serves
// the same handler, for proxies in front of it.
//
// A Reset of a [Fault] aborts the response, because only the server's own
// listeners can reset a connection.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveOrigins) }

// storagePrefix is the path of storage below the handler.
const storagePrefix = "/storage"

// externalURLs are the URLs of the two origins for a client that does not use
// [Server.URL], each with its scheme, host and path prefix.
type externalURLs struct{ api, storage string }

type externalURLsKey struct{}

// serveOrigins passes a request to the API or to storage.
func (s *Server) serveOrigins(w http.ResponseWriter, r *http.Request) {
	scheme := cmp.Or(forwarded(r, "Proto"), "http")
	if r.TLS != nil {
		scheme = "https"
	}
	host := cmp.Or(forwarded(r, "Host"), r.Host)
	isStorage := strings.HasPrefix(r.URL.Path, storagePrefix+"/")
	if origin := scheme + "://" + host; origin != s.apiOrigin {
		e := externalURLs{api: origin + prefixOf(r)}
		e.storage = e.api + storagePrefix
		if s.cfg.storageHost != "" {
			e.storage = scheme + "://" + s.cfg.storageHost
			isStorage = strings.EqualFold(host, s.cfg.storageHost)
		} else if s.cfg.ghes {
			e.storage = e.api // the paths of GHES begin with /storage anyway
		}
		r = r.WithContext(context.WithValue(r.Context(), externalURLsKey{}, e))
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

// forwarded returns the value of an X-Forwarded header that the first proxy set.
// Later proxies append to the list.
func forwarded(r *http.Request, name string) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-"+name), ",")
	return strings.TrimSpace(first)
}

// prefixOf returns the path prefix that a proxy or http.StripPrefix removed from
// the path of a request.
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

// rewriteURLs replaces the server's own URLs in a response of the API with the
// external URLs of the request.
func (s *Server) rewriteURLs(res response, r *http.Request) response {
	e, ok := r.Context().Value(externalURLsKey{}).(externalURLs)
	if !ok {
		return res
	}
	// The URL of the API comes first, because with WithGHES it begins with the URL of storage.
	external := strings.NewReplacer(s.URL(), e.api+basePath, s.storageURL, e.storage)
	res.body = []byte(external.Replace(string(res.body)))
	for _, name := range []string{"Link", "Location"} {
		if value := res.header.Get(name); value != "" {
			res.header.Set(name, external.Replace(value))
		}
	}
	return res
}

// signedHost returns the host that the signature of a storage request covers.
func (s *Server) signedHost(r *http.Request) string {
	if _, ok := r.Context().Value(externalURLsKey{}).(externalURLs); ok {
		return s.storageHost()
	}
	return r.Host
}
