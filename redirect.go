package ghmigrate

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// follow returns the target of a redirect. It refuses a redirect to another
// origin, and a redirect that would change the method: a DELETE must not become
// a GET.
func (c *Client) follow(res response, from string, redirects int) (string, error) {
	refuse := func(reason string) (string, error) {
		e := c.newAPIError(res)
		e.Message = "redirect refused: " + reason
		return "", e
	}
	to, err := resolve(from, res.header.Get("Location"))
	safe := res.request.method == http.MethodGet || res.request.method == http.MethodHead
	keeps := res.status == http.StatusTemporaryRedirect || res.status == http.StatusPermanentRedirect
	switch {
	case err != nil:
		return refuse("it has no valid Location")
	case !sameOrigin(to, c.base):
		return refuse("it leads to another origin, " + to.Scheme + "://" + to.Host)
	case !safe && !keeps:
		return refuse("it would turn the " + res.request.method + " into a GET")
	case redirects >= 10:
		return refuse("it is the 11th in a row")
	}
	return to.String(), nil
}

// resolve parses a Location, which may be relative to the request's URL.
func resolve(from, location string) (*url.URL, error) {
	base, err := url.Parse(from)
	if err != nil || location == "" {
		return nil, cmp.Or(err, netx.ErrLocation)
	}
	return base.Parse(location)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// isRefusedRedirect reports whether follow has refused a redirect. A gateway may
// redirect to its login for a while.
func isRefusedRedirect(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && isRedirect(e.StatusCode)
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	case u.Scheme == "http":
		return "80"
	}
	return ""
}

// checkStorageRedirect removes the Referer header, which would contain a signed
// URL, and refuses a redirect from https to http.
func checkStorageRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	switch from := via[len(via)-1].URL; {
	case len(via) >= 10:
		return errors.New("stopped after 10 redirects")
	case from.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("refused a redirect from https to " + req.URL.Scheme)
	}
	return nil
}
