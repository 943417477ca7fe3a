package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// accounts has one client for each token. The client counts the requests that its token
// has left.
type accounts struct {
	getenv func(string) string
	log    *slog.Logger

	mu      sync.Mutex
	clients map[string]*ghmigrate.Client // by environment variable
}

// newAccounts returns accounts with a client for each token in the environment. Environ
// has the form of [os.Environ].
func newAccounts(environ []string, getenv func(string) string, log *slog.Logger) (*accounts, error) {
	a := &accounts{getenv: getenv, log: log, clients: map[string]*ghmigrate.Client{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if value == "" || name != defaultToken && !strings.HasPrefix(name, tokenPrefix) {
			continue
		}
		if _, err := a.client(name); err != nil {
			return nil, err
		}
	}
	if len(a.clients) == 0 {
		return nil, fmt.Errorf("no token: set %s to a personal access token (classic)", defaultToken)
	}
	return a, nil
}

// account returns the account of an order. It is the Account of [temporal.Activities].
func (a *accounts) account(_ context.Context, order temporal.Order) (export.Account, error) {
	client, err := a.client(variable(order.Token))
	if err != nil {
		return nil, err
	}
	if order.Organization == "" {
		return export.UserAccount(client), nil
	}
	return export.OrgAccount(client, order.Organization), nil
}

// client returns the client for the token in an environment variable.
func (a *accounts) client(variable string) (*ghmigrate.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.clients[variable]; c != nil {
		return c, nil
	}
	token := a.getenv(variable)
	if token == "" {
		return nil, fmt.Errorf("%s is not set", variable)
	}
	opts := []ghmigrate.Option{ghmigrate.WithToken(token), ghmigrate.WithMaxRateLimitWait(0), ghmigrate.WithLogger(a.log)}
	switch host, api := a.getenv("GH_HOST"), a.getenv("GITHUB_API_URL"); {
	case strings.Contains(host, "/"):
		return nil, errors.New("GH_HOST is not a bare name such as ghes.example.com")
	case host != "":
		opts = append(opts, ghmigrate.WithHost(host))
	case api != "":
		opts = append(opts, ghmigrate.WithBaseURL(api))
	}
	c, err := ghmigrate.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("the client for %s: %w", variable, err)
	}
	a.clients[variable] = c
	return c, nil
}

const (
	defaultToken = "GITHUB_TOKEN"     //nolint:gosec // the name of a variable
	tokenPrefix  = "GHMIGRATE_TOKEN_" //nolint:gosec // as above
)

// variable returns the name of the environment variable of a token.
func variable(token string) string {
	if token == "" {
		return defaultToken
	}
	return tokenPrefix + strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(token))
}
