package temporal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// An Order is the argument of [Export]: the account, and what to export of it.
type Order struct {
	// Organization owns the repositories. If Organization is empty, Export exports the
	// repositories of the token's owner.
	Organization string `json:"organization,omitempty"`

	// Token names the token that the workers use: see [Activities].Account. Exports
	// with the same name share its rate limit.
	Token string `json:"token,omitempty"`

	// Repositories lists at most a thousand repositories, as "owner/name". If
	// Repositories and RepositoriesObject are empty, Export exports all repositories of
	// the account.
	Repositories []string `json:"repositories,omitempty"`
	// RepositoriesObject is the name of an object in the bucket: a JSON list of
	// repositories.
	RepositoriesObject string `json:"repositories_object,omitempty"`
	// SkipArchived and SkipForks leave out repositories if Export exports all.
	SkipArchived bool `json:"skip_archived,omitempty"`
	SkipForks    bool `json:"skip_forks,omitempty"`

	// The following fields are as in [export.Options]. BatchSize is at most 200,
	// Concurrency and Transfers at most 50.
	Start          ghmigrate.StartMigrationRequest `json:"start,omitzero"`
	BatchSize      int                             `json:"batch_size,omitempty"`  // 100 by default
	Concurrency    int                             `json:"concurrency,omitempty"` // 10 by default
	Transfers      int                             `json:"transfers,omitempty"`   // 3 by default
	Patience       time.Duration                   `json:"patience,omitempty"`    // 6 hours by default
	DeleteArchives bool                            `json:"delete_archives,omitempty"`
	KeepLocked     bool                            `json:"keep_locked,omitempty"`
	Stream         bool                            `json:"stream,omitempty"`

	// Pause is how long Export waits before it tries again, if errors continue for an
	// hour, if GitHub refuses the token, or if every export fails: an hour by default.
	Pause time.Duration `json:"pause,omitempty"`

	// SearchAttribute, if not empty, is the name of a search attribute of type Keyword,
	// which the namespace must have. Export sets it to the account.
	SearchAttribute string `json:"search_attribute,omitempty"`

	// MaxEvents is the number of events in a history after which Export continues as
	// new: by default, when the server suggests it.
	MaxEvents int `json:"max_events,omitempty"`

	// Continued is the state of an Export that continues as new. Leave it empty.
	Continued json.RawMessage `json:"continued,omitempty"`
}

// These limits keep the memory of an export below 2 MB, Temporal's limit for a payload.
const (
	maxRepositories = 1000
	maxBatchSize    = 200
	maxConcurrency  = 50
	maxLoadSize     = 512 << 10 // of the memory, to load a page: at most 1.2 MB with the longest names
)

// WorkflowID returns the ID to start [Export] with, such as "ghmigrate/orgs/octo-org".
// With it, Temporal runs one export of an account at a time. The ID for a user has the
// name of the token.
func (o Order) WorkflowID() string {
	if o.Organization == "" {
		return "ghmigrate/users/" + o.token()
	}
	return "ghmigrate/orgs/" + strings.ToLower(o.Organization)
}

// token returns the name of the token in workflow IDs and messages.
func (o Order) token() string {
	if o.Token == "" {
		return "default"
	}
	return o.Token
}

// check finds the errors that need no request.
func (o Order) check() error {
	switch {
	case len(o.Repositories) > 0 && o.RepositoriesObject != "":
		return errors.New("the order has Repositories and a RepositoriesObject: want one of them")
	case len(o.Repositories) > maxRepositories:
		return fmt.Errorf("the order has %d repositories: put more than %d into the bucket, and name the object in RepositoriesObject", len(o.Repositories), maxRepositories)
	case o.Pause < 0:
		return fmt.Errorf("the order's Pause is %v: want a positive duration", o.Pause)
	case o.BatchSize < 0 || o.BatchSize > maxBatchSize:
		return fmt.Errorf("the order's BatchSize is %d: want 1 to %d", o.BatchSize, maxBatchSize)
	case o.Concurrency < 0 || o.Concurrency > maxConcurrency:
		return fmt.Errorf("the order's Concurrency is %d: want 1 to %d", o.Concurrency, maxConcurrency)
	case o.Transfers < 0 || o.Transfers > maxConcurrency:
		return fmt.Errorf("the order's Transfers is %d: want 1 to %d", o.Transfers, maxConcurrency)
	case o.Patience < 0:
		return fmt.Errorf("the order's Patience is %v: want a positive duration", o.Patience)
	}
	return nil
}

// withDefaults fills in the defaults that the workflow needs. Package export fills in
// the others.
func (o Order) withDefaults() Order {
	if o.Concurrency == 0 {
		o.Concurrency = 10
	}
	if o.Transfers == 0 {
		o.Transfers = 3
	}
	if o.Patience == 0 {
		o.Patience = 6 * time.Hour
	}
	if o.Pause == 0 {
		o.Pause = time.Hour
	}
	return o
}

// isForAll reports whether the order is for all repositories of the account.
func (o Order) isForAll() bool { return len(o.Repositories) == 0 && o.RepositoriesObject == "" }

// options returns the options of package export for the named repositories.
func (o Order) options(names []string) export.Options {
	return export.Options{
		Repositories: names, Start: o.Start, BatchSize: o.BatchSize, Concurrency: o.Concurrency, Transfers: o.Transfers,
		Patience: o.Patience, DeleteArchives: o.DeleteArchives, KeepLocked: o.KeepLocked,
	}
}
