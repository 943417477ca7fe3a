package ghmigrate

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// An Option configures a [Client]. [NewClient] fails if an option is malformed or
// contradicts another option.
type Option func(*config) error

// config holds the values of the options.
type config struct {
	host       string
	rawURL     string
	authorize  func(*http.Request) error
	httpClient *http.Client
	version    string
	userAgent  string
	log        *slog.Logger
	budget     retryBudget
	pollMin    time.Duration
	pollMax    time.Duration
	maxOutage  time.Duration
}

// WithHTTPClient sends requests through a copy of hc. Requests to the API use its
// Transport, Jar and Timeout; Timeout limits one attempt. CheckRedirect is
// ignored. If the Transport is an *http.Transport, requests to archive storage use
// its proxy and TLS settings too.
//
// A RoundTripper of another type is used as it is, for the API and for storage. It
// must not add credentials, so an *oauth2.Transport is an error. The RoundTripper
// sees the token and the signed URLs of archives, and ghmigrate cannot stop it
// from recording them. Tracers put whole URLs into spans, and caches store the
// headers that Vary names. The example transports shows how to hide them.
// Downloads are fastest over HTTP/1. If the RoundTripper has a method
// CloseIdleConnections, it is called after each download.
func WithHTTPClient(hc *http.Client) Option {
	return func(cfg *config) error {
		switch {
		case hc == nil:
			return errors.New("WithHTTPClient: the client is nil")
		case cfg.httpClient != nil:
			return errors.New("WithHTTPClient: given twice")
		}
		if _, ok := hc.Transport.(*oauth2.Transport); ok {
			return errors.New("WithHTTPClient: an *oauth2.Transport sends its token to any host; " +
				"give its Source to WithTokenSource and its Base to WithHTTPClient")
		}
		cfg.httpClient = hc
		return nil
	}
}

// WithHost sets the GitHub to call: "github.com" (the default), a GHE.com
// subdomain such as "octocorp.ghe.com", or a GitHub Enterprise Server such as
// "ghes.example.com" or "ghes.example.com:8443", whose API is at
// https://HOST/api/v3.
func WithHost(host string) Option {
	return func(cfg *config) error {
		if cfg.host != "" || cfg.rawURL != "" {
			return errors.New("WithHost: a host was given already; give one WithHost or one WithBaseURL")
		}
		if err := checkHost(host); err != nil {
			return fmt.Errorf("WithHost: %w", err)
		}
		cfg.host = strings.ToLower(host)
		return nil
	}
}

func checkHost(host string) error {
	if host == "" {
		return errors.New("the host is empty")
	}
	// The error does not quote the host, which may be a URL with a password.
	notBare := errors.New("the host is not a bare name such as ghes.example.com; a whole URL goes to WithBaseURL")
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host != host || u.String() != "https://"+host || strings.HasSuffix(host, ":") {
		return notBare
	}
	name := strings.ToLower(u.Hostname())
	if name == "" || strings.Trim(name, ".") != name {
		return notBare
	}
	switch {
	case strings.HasSuffix(name, ".github.com"):
		return fmt.Errorf("%q is a part of GitHub.com: want github.com", host)
	case name == "ghe.com", strings.HasSuffix(name, ".ghe.com") && strings.Count(name, ".") != 2:
		return fmt.Errorf("%q is not an enterprise's subdomain such as octocorp.ghe.com", host)
	case u.Port() != "" && (name == "github.com" || strings.HasSuffix(name, ".ghe.com")):
		return fmt.Errorf("%q has a port", host)
	}
	return nil
}

// WithBaseURL sets the root of the API, for example
// "https://ghes.example.com/api/v3". The URL is used as it is. Plain http is an
// error, except for loopback addresses.
func WithBaseURL(rawURL string) Option {
	return func(cfg *config) error {
		if cfg.host != "" || cfg.rawURL != "" {
			return errors.New("WithBaseURL: a host was given already; give one WithHost or one WithBaseURL")
		}
		u, err := url.Parse(rawURL)
		switch {
		case err != nil:
			return errors.New("WithBaseURL: not a URL")
		case u.User != nil:
			return errors.New("WithBaseURL: the URL has credentials in it; give a token to WithToken")
		case u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Hostname() == "":
			return errors.New("WithBaseURL: not an absolute https URL such as https://ghes.example.com/api/v3")
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			return fmt.Errorf("WithBaseURL: http://%s would get the token in the clear: want https", u.Host)
		case strings.EqualFold(u.Hostname(), "github.com"):
			return errors.New("WithBaseURL: github.com is the web site: want https://api.github.com")
		case u.RawQuery != "" || u.ForceQuery || strings.Contains(rawURL, "#"):
			return errors.New("WithBaseURL: the URL has a query or a fragment")
		}
		cfg.rawURL = rawURL
		return nil
	}
}

// isLoopback reports whether a host name stays on this machine.
func isLoopback(hostname string) bool {
	addr, err := netip.ParseAddr(hostname)
	return hostname == "localhost" || err == nil && addr.IsLoopback()
}

// apiRoot returns the root of the API that the options name.
func (cfg *config) apiRoot() (*url.URL, error) {
	raw := cfg.rawURL
	switch {
	case raw != "":
	case cfg.host == "" || cfg.host == "github.com":
		raw = "https://api.github.com"
	case strings.HasSuffix(cfg.host, ".ghe.com"):
		raw = "https://api." + cfg.host
	default:
		raw = "https://" + cfg.host + "/api/v3"
	}
	return url.Parse(strings.TrimRight(raw, "/"))
}

// WithAPIVersion sets the version of the API: "2022-11-28" (the default) or
// "2026-03-10", which describes repositories with fewer properties. Any other date
// is sent as it is. GitHub responds to an unknown version with 410.
func WithAPIVersion(version string) Option {
	return func(cfg *config) error {
		if _, err := time.Parse(time.DateOnly, version); err != nil {
			return fmt.Errorf("WithAPIVersion: %q is not a date such as 2022-11-28", version)
		}
		cfg.version = version
		return nil
	}
}

// WithUserAgent sets the User-Agent header: "ghmigrate" by default.
func WithUserAgent(ua string) Option {
	return func(cfg *config) error {
		if strings.TrimSpace(ua) == "" || !isHeaderValue(strings.ReplaceAll(ua, " ", "")) {
			return fmt.Errorf("WithUserAgent: %q is not a valid header value", ua)
		}
		cfg.userAgent = ua
		return nil
	}
}

// WithLogger sets the logger. By default nothing is logged. Every request is
// logged at debug level. Every retry, failed poll, wait for a rate limit, and
// response with a value of an unexpected type is logged at warn level. Queries and
// credentials are not logged.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		cfg.log = l
		return nil
	}
}

// WithMaxRetries limits the retries of one call after temporary failures: 3 by
// default, 0 for no retry. The package documentation lists these failures.
func WithMaxRetries(n int) Option {
	return func(cfg *config) error {
		if n < 0 {
			return fmt.Errorf("WithMaxRetries: %d is negative", n)
		}
		cfg.budget.retries = n
		return nil
	}
}

// WithMaxRateLimitWait limits how long one call waits for rate limits in total: 90
// seconds by default, 0 for no wait. A rate limit that lasts longer is returned at
// once, as an [APIError] with RetryAfter.
func WithMaxRateLimitWait(d time.Duration) Option {
	return func(cfg *config) error {
		if d < 0 {
			return fmt.Errorf("WithMaxRateLimitWait: %v is negative", d)
		}
		cfg.budget.limitWait = d
		return nil
	}
}

// WithPollInterval sets the time between the polls of a wait. The interval starts
// at min and grows by half after each poll, up to max: 5 seconds and 1 minute by
// default.
func WithPollInterval(min, max time.Duration) Option {
	return func(cfg *config) error {
		if min <= 0 || max < min {
			return fmt.Errorf("WithPollInterval: %v to %v is not an interval: want 0 < min <= max", min, max)
		}
		cfg.pollMin, cfg.pollMax = min, max
		return nil
	}
}

// WithMaxOutage limits how long the polls of a wait may fail without a success.
// The default of 1 hour is longer than the maintenance of a GHES. 0 means that the
// first failure ends the wait. Rate limits do not count as failures.
func WithMaxOutage(d time.Duration) Option {
	return func(cfg *config) error {
		if d < 0 {
			return fmt.Errorf("WithMaxOutage: %v is negative", d)
		}
		cfg.maxOutage = d
		return nil
	}
}
