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

// An Option sets up a [Client]. [NewClient] refuses options that are malformed
// or contradict each other.
type Option func(*config) error

// config collects what the options say.
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

// WithHTTPClient sends requests through a copy of hc: its Transport, Jar and
// Timeout serve the API, its Transport's proxy and CA settings serve archive
// storage too. Redirects are ghmigrate's own affair. Archive storage sees the
// Transport's connections but none of its headers if it is an *http.Transport.
//
// Any other RoundTripper is used as it is, for both. It must not add
// credentials; an *oauth2.Transport does, and is refused. It sees the token and
// the signed URLs of archives, and whatever of them it records is its own
// affair: tracers put whole URLs into spans, and caches keep the headers that
// an answer varies by. The example transports shows how to keep them from it.
// Downloads are fastest if it speaks HTTP/1 to storage, and its
// CloseIdleConnections, if it has one, is called after each.
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

// WithHost talks to another GitHub than "github.com": "octocorp.ghe.com" for a
// GHE.com subdomain, "ghes.example.com" (with a port if need be) for a GitHub
// Enterprise Server, whose API is expected at https://HOST/api/v3.
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
	notBare := errors.New("the host is not a bare name such as ghes.example.com; a whole URL goes to WithBaseURL") // and may hold a password
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

// WithBaseURL talks to the API at rawURL, which is used as it is, for example
// "https://ghes.example.com/api/v3". Plain http is accepted for loopback
// addresses only.
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

// isLoopback tells whether a host name stays on this machine.
func isLoopback(hostname string) bool {
	addr, err := netip.ParseAddr(hostname)
	return hostname == "localhost" || err == nil && addr.IsLoopback()
}

// apiRoot is what the options name.
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

// WithAPIVersion asks for another version of the API than "2022-11-28".
// "2026-03-10" is supported too: it tells less about repositories. Any other date
// is sent as it is; GitHub answers 410 to one that it does not know.
func WithAPIVersion(version string) Option {
	return func(cfg *config) error {
		if _, err := time.Parse(time.DateOnly, version); err != nil {
			return fmt.Errorf("WithAPIVersion: %q is not a date such as 2022-11-28", version)
		}
		cfg.version = version
		return nil
	}
}

// WithUserAgent sets the User-Agent header, which is "ghmigrate" otherwise.
func WithUserAgent(ua string) Option {
	return func(cfg *config) error {
		if strings.TrimSpace(ua) == "" || !isHeaderValue(strings.ReplaceAll(ua, " ", "")) {
			return fmt.Errorf("WithUserAgent: %q is not the value of a header", ua)
		}
		cfg.userAgent = ua
		return nil
	}
}

// WithLogger logs every request at debug level, and at warn level every retry,
// failed poll and wait for a rate limit. No query and no credential is logged.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		cfg.log = l
		return nil
	}
}

// WithMaxRetries sets how often a call is sent again after a failure that may
// pass: 3 times by default; 0 means never. See the package documentation for
// what is retried.
func WithMaxRetries(n int) Option {
	return func(cfg *config) error {
		if n < 0 {
			return fmt.Errorf("WithMaxRetries: %d is negative", n)
		}
		cfg.budget.retries = n
		return nil
	}
}

// WithMaxRateLimitWait sets how long one call may wait for rate limits in all:
// 90 seconds by default; 0 means not at all. A limit that lasts longer is
// returned at once, as an [APIError] with RetryAfter.
func WithMaxRateLimitWait(d time.Duration) Option {
	return func(cfg *config) error {
		if d < 0 {
			return fmt.Errorf("WithMaxRateLimitWait: %v is negative", d)
		}
		cfg.budget.limitWait = d
		return nil
	}
}

// WithPollInterval sets the time between the polls of a wait: first min, then
// growing by half up to max; by default 5 seconds and a minute.
func WithPollInterval(min, max time.Duration) Option {
	return func(cfg *config) error {
		if min <= 0 || max < min {
			return fmt.Errorf("WithPollInterval: %v to %v is not an interval: want 0 < min <= max", min, max)
		}
		cfg.pollMin, cfg.pollMax = min, max
		return nil
	}
}

// WithMaxOutage sets how long the polls of a wait may fail on end before the
// wait ends: 1 hour by default, since the maintenance of a GHES takes that long;
// 0 means that the first failure ends it. Rate limits do not count.
func WithMaxOutage(d time.Duration) Option {
	return func(cfg *config) error {
		if d < 0 {
			return fmt.Errorf("WithMaxOutage: %v is negative", d)
		}
		cfg.maxOutage = d
		return nil
	}
}
