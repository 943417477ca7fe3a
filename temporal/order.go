package temporal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// An Order says what [Export] exports.
type Order struct {
	// Organization owns the repositories. If it is empty, the owner of the token does.
	Organization string `json:"organization,omitempty"`

	// Token names the token that the workers use: see [Activities].Account. Exports
	// with the same name share its rate limit.
	Token string `json:"token,omitempty"`

	// Repositories are named "owner/name". If there are more than a thousand, put
	// them into the bucket and name the object in RepositoriesObject. Without both,
	// Export exports all repositories of the account.
	Repositories []string `json:"repositories,omitempty"`
	// RepositoriesObject names an object of the bucket: a JSON list of names.
	RepositoriesObject string `json:"repositories_object,omitempty"`
	SkipArchived       bool   `json:"skip_archived,omitempty"` // of all repositories
	SkipForks          bool   `json:"skip_forks,omitempty"`

	// The other fields are as in [export.Options]. BatchSize is at most 200,
	// Concurrency and Transfers at most 50.
	Start          ghmigrate.StartMigrationRequest `json:"start,omitzero"`
	BatchSize      int                             `json:"batch_size,omitempty"`  // 100 by default
	Concurrency    int                             `json:"concurrency,omitempty"` // 10 by default
	Transfers      int                             `json:"transfers,omitempty"`   // 3 by default
	Patience       time.Duration                   `json:"patience,omitempty"`    // 6 hours by default
	DeleteArchives bool                            `json:"delete_archives,omitempty"`
	KeepLocked     bool                            `json:"keep_locked,omitempty"`
	Stream         bool                            `json:"stream,omitempty"` // archives go to the bucket without a disk

	// Pause is how long Export waits before it tries again after an hour of
	// trouble, a refused token, or failures of everything: an hour by default.
	Pause time.Duration `json:"pause,omitempty"`

	// SearchAttribute, if not empty, names a search attribute of type Keyword that
	// Export sets to the account. The namespace must have it.
	SearchAttribute string `json:"search_attribute,omitempty"`

	// MaxEvents is how many events a history may have before Export continues as
	// new: 0 means as many as the server suggests.
	MaxEvents int `json:"max_events,omitempty"`

	// Continued is the state of an Export that continues as new. Leave it empty.
	Continued json.RawMessage `json:"continued,omitempty"`
}

// Temporal limits a payload to 2 MB, and the memory of an export must fit into one.
const (
	maxRepositories = 1000
	maxBatchSize    = 200
	maxConcurrency  = 50
)

// WorkflowID is the ID to start [Export] with, such as
// "ghmigrate/orgs/octo-org": Temporal then runs one export of an account at a time.
// A user's ID has the name of the token.
func (o Order) WorkflowID() string {
	if o.Organization == "" {
		return "ghmigrate/users/" + o.token()
	}
	return "ghmigrate/orgs/" + strings.ToLower(o.Organization)
}

func (o Order) token() string {
	if o.Token == "" {
		return "default"
	}
	return o.Token
}

// check finds errors that need no request to be seen.
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

// withDefaults fills in what the workflow itself needs. Plan checks the rest.
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

// options are the options of the export.
func (o Order) options(names []string) export.Options {
	return export.Options{
		Repositories: names, Start: o.Start, BatchSize: o.BatchSize, Concurrency: o.Concurrency, Transfers: o.Transfers,
		Patience: o.Patience, DeleteArchives: o.DeleteArchives, KeepLocked: o.KeepLocked,
	}
}

// A Summary is the result of [Export]. The manifest has a row for each repository.
type Summary struct {
	Account  string `json:"account"`  // such as "api.github.com/orgs/octo-org"
	Manifest string `json:"manifest"` // its name in the bucket
	// Requested, Covered, Reduced, Starts and Adopted are as in [export.Manifest].
	Requested int `json:"requested"`
	Covered   int `json:"covered"`
	Reduced   int `json:"reduced,omitempty"`
	Starts    int `json:"starts"`
	Adopted   int `json:"adopted,omitempty"`
	// Locked are repositories that may still be locked and should not be: a hundred
	// at most, the manifest has all.
	Locked []string `json:"locked,omitempty"`
	// Problem says what is missing, or why the export ended early; empty if all is
	// well.
	Problem string `json:"problem,omitempty"`
	// Continued counts how often the workflow continued as new.
	Continued int `json:"continued,omitempty"`
}

// OK reports whether every repository is in a verified archive and unlocked.
func (s *Summary) OK() bool { return s.Problem == "" }

// Progress is the answer to the query [ProgressQuery].
type Progress struct {
	Account string        `json:"account"`
	Done    int           `json:"done"` // repositories
	All     int           `json:"all"`
	Pending int           `json:"pending"`          // batches that are not started, as far as they are loaded
	Waiting int           `json:"waiting"`          // batches that GitHub exports
	Moving  int           `json:"moving"`           // archives that are transferred
	Bytes   int64         `json:"bytes"`            // of stored archives
	Paused  time.Duration `json:"paused,omitempty"` // until the next attempt, after trouble or for a rate limit
	Problem string        `json:"problem,omitempty"`
}

// ProgressQuery is the name of the query that [Export] answers with a [Progress],
// and [ExportAll] with the workflow IDs of the exports that run.
const ProgressQuery = "progress"

// fatal is an error that Temporal does not retry.
func fatal(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), "ghmigrate", nil)
}
