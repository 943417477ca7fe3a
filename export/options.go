package export

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// Options say what to export and how. An unfinished run is continued with those
// that it was begun with, in which only Concurrency, Transfers and Progress may
// change, or without Repositories.
type Options struct {
	// Repositories are named "owner/name", each once. All of an organization
	// are what GET /orgs/ORG/repos lists, by [ghmigrate.Client.Do]. With none,
	// Run goes on with the unfinished run in Dir, and fails if there is none;
	// Start, BatchSize, DeleteArchives and KeepLocked are then those that it was
	// begun with, whatever is said here.
	Repositories []string

	// Dir is the folder of all runs of this account. Run makes it if it is
	// missing; each run has a folder of its own in it, see [Manifest.Dir].
	Dir string

	// Start has the options of every migration, without Repositories.
	Start ghmigrate.StartMigrationRequest

	// BatchSize is how many repositories go into a migration: 100 by default,
	// which is about what GitHub takes without timing out.
	BatchSize int

	// Concurrency is how many migrations are under way at the same time, from
	// their start until nothing is left to be done: 10 by default. Starts are
	// serial and a second apart whatever it is.
	Concurrency int

	// Transfers is how many archives are downloaded, verified and stored at the
	// same time: 3 by default.
	Transfers int

	// DeleteArchives deletes each archive at GitHub when it is safe here.
	// Otherwise GitHub does so after seven days. A GHES cannot for users, nor
	// unlock their repositories: Run refuses both there.
	DeleteArchives bool

	// KeepLocked leaves locked what Start.LockRepositories has locked and what
	// was exported, as for a move to elsewhere. Otherwise all is unlocked.
	KeepLocked bool

	// Store is where verified archives go; nil leaves them in the run's folder.
	// A run must be continued with the same Store.
	Store Store

	// Progress, if not nil, is told what happens. Calls come one at a time,
	// from different goroutines, and hold the run up. [LogTo] makes one.
	Progress func(Event)

	disk disk
}

const (
	defaultBatchSize   = 100
	maxBatchSize       = 1000 // far more than GitHub takes; a line of the journal holds it
	defaultConcurrency = 10
	defaultTransfers   = 3
)

// withDefaults returns the options as they are meant, or what is wrong with
// them.
func (o Options) withDefaults() (Options, error) {
	o.BatchSize = cmp.Or(o.BatchSize, defaultBatchSize)
	o.Concurrency = cmp.Or(o.Concurrency, defaultConcurrency)
	o.Transfers = cmp.Or(o.Transfers, defaultTransfers)
	o.disk = cmp.Or[disk](o.disk, osDisk{})
	switch {
	case o.BatchSize < 0 || o.BatchSize > maxBatchSize:
		return o, fmt.Errorf("export: BatchSize is %d: want 1 to %d", o.BatchSize, maxBatchSize)
	case o.Concurrency < 0:
		return o, fmt.Errorf("export: Concurrency is %d: want 1 or more", o.Concurrency)
	case o.Transfers < 0:
		return o, fmt.Errorf("export: Transfers is %d: want 1 or more", o.Transfers)
	case len(o.Start.Repositories) > 0:
		return o, errors.New("export: Start has Repositories: they belong into Options.Repositories")
	case o.Start.OrgMetadataOnly:
		return o, errors.New("export: Start has OrgMetadataOnly, which exports no repositories: use OrgMigrations.Start")
	case o.Start.ExcludeMetadata && o.Start.ExcludeGitData:
		return o, errors.New("export: Start excludes both metadata and Git data: nothing would be left")
	}
	o.Start.Repositories, o.Start.OmitRepositories = nil, false
	return o, checkRepositories(o.Repositories)
}

// checkRepositories finds names that are malformed or there twice.
func checkRepositories(names []string) error {
	seen := make(map[string]string, len(names))
	for i, name := range names {
		if !validName(name) {
			return fmt.Errorf("export: Repositories[%d] is %q: want \"owner/name\"", i, name)
		}
		lower := strings.ToLower(name)
		if before, ok := seen[lower]; ok {
			return fmt.Errorf("export: Repositories[%d] is %q, which is there already as %q", i, name, before)
		}
		seen[lower] = name
	}
	return nil
}

// validName tells whether a name is "owner/name" as GitHub writes names.
func validName(fullName string) bool {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok {
		return false
	}
	for _, part := range []string{owner, name} {
		if part == "" || part == "." || part == ".." || len(part) > 100 || strings.ContainsFunc(part, func(r rune) bool {
			return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}) {
			return false
		}
	}
	return true
}

// checkOwner finds repositories of somebody else: GitHub would refuse the whole
// batch for one of them.
func checkOwner(acct Account, names []string) error {
	owner := acct.Owner()
	if owner == "" {
		return nil
	}
	for i, name := range names {
		if of, _, _ := strings.Cut(name, "/"); !strings.EqualFold(of, owner) {
			return fmt.Errorf("export: Repositories[%d] is %q, which does not belong to %s", i, name, owner)
		}
	}
	return nil
}
