package export

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Options are the options of Run. An unfinished run is continued with the options
// that it was begun with: only Concurrency, Transfers, Patience and Progress may
// change.
type Options struct {
	// Repositories are named "owner/name", each once. [Repositories] lists the
	// repositories of an account. An empty list that is not nil is a run with
	// nothing to export. Nil continues the unfinished run in Dir with its own
	// options, and fails if there is none.
	Repositories []string

	// Dir is the folder of all runs of this account. Run makes it; each run has a
	// folder of its own in it, see [Manifest].Dir.
	Dir string

	// Start has the options of every migration, without Repositories.
	Start ghmigrate.StartMigrationRequest

	// BatchSize limits the repositories of a migration: 100 by default. GitHub times
	// out with many more.
	BatchSize int

	// Concurrency limits the exports under way at GitHub: 10 by default. Starts
	// are always serial and a second apart.
	Concurrency int

	// Patience is how long an export counts against Concurrency: 6 hours by
	// default. An older export leaves its place to the next batch; Run goes on waiting
	// for it.
	Patience time.Duration

	// Transfers limits the archives that are downloaded, verified or stored at
	// the same time: 3 by default.
	Transfers int

	// DeleteArchives deletes each archive at GitHub when its copy is safe. GitHub
	// deletes the others after seven days. A GHES has no calls for users to delete
	// archives and to unlock: Run refuses both options there.
	DeleteArchives bool

	// KeepLocked keeps the locks of Start.LockRepositories on exported
	// repositories, as for a move to another host. Without it all are unlocked.
	KeepLocked bool

	// Store receives verified archives; nil leaves them in the run's folder. A
	// run must be continued with the same Store.
	Store Store

	// Stream moves archives from GitHub through the verification into the Store
	// in one pass, without a copy on disk. An interrupted one begins anew.
	Stream bool

	// FinishFirst finishes an unfinished run in Dir with other options, and then
	// begins a new run. Without it Run fails with [ErrUnfinished]. Manifest.Earlier is
	// the manifest of the finished run.
	FinishFirst bool

	// FormerNames are earlier names of the organization or user. A run that was
	// begun under one of them is continued under the new name.
	FormerNames []string

	// Previous is the manifest of the run before. [Plan] isolates the repositories
	// that failed in it, so that they keep no others from being exported. Run
	// reads it from Dir if it is nil.
	Previous *Manifest

	// Run names the run in [Plan], see [Job].Run. The function Run makes one.
	Run string

	// Progress, if not nil, gets the events of the run, one at a time, from different
	// goroutines. The run waits for it. [LogTo] returns such a function.
	Progress func(Event)

	disk disk
}

const (
	defaultBatchSize   = 100
	maxBatchSize       = 1000 // far more than GitHub accepts; a line of the journal holds it
	defaultConcurrency = 10
	defaultTransfers   = 3
	defaultPatience    = 6 * time.Hour
)

// withDefaults fills in the defaults, and checks the options.
func (o Options) withDefaults() (Options, error) {
	o.BatchSize = cmp.Or(o.BatchSize, defaultBatchSize)
	o.Concurrency = cmp.Or(o.Concurrency, defaultConcurrency)
	o.Transfers = cmp.Or(o.Transfers, defaultTransfers)
	o.Patience = cmp.Or(o.Patience, defaultPatience)
	o.disk = cmp.Or[disk](o.disk, durable.OS{})
	switch {
	case o.BatchSize < 0 || o.BatchSize > maxBatchSize:
		return o, fmt.Errorf("export: BatchSize is %d: want 1 to %d", o.BatchSize, maxBatchSize)
	case o.Concurrency < 0:
		return o, fmt.Errorf("export: Concurrency is %d: want 1 or more", o.Concurrency)
	case o.Transfers < 0:
		return o, fmt.Errorf("export: Transfers is %d: want 1 or more", o.Transfers)
	case o.Patience < 0:
		return o, fmt.Errorf("export: Patience is %v: want a positive duration", o.Patience)
	case o.Stream && o.Store == nil:
		return o, errors.New("export: Stream needs a Store")
	case len(o.Start.Repositories) > 0:
		return o, errors.New("export: Start has Repositories: set Options.Repositories instead")
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

// validName reports whether a name is "owner/name" as GitHub writes names.
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

// checkOwner finds repositories of another owner: GitHub would refuse the whole
// batch for one of them.
func checkOwner(owner string, names []string) error {
	for i, name := range names {
		if of, _, _ := strings.Cut(name, "/"); owner != "" && !strings.EqualFold(of, owner) {
			return fmt.Errorf("export: Repositories[%d] is %q, which does not belong to %s", i, name, owner)
		}
	}
	return nil
}

// lockKey identifies a repository of a migration as GitHub's unlock does: without
// the owner.
func lockKey(name string) string { return strings.ToLower(lastName(name)) }

func lastName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[lockKey(name)] = true
	}
	return set
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// without returns the names that are not in out.
func without(names, out []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return containsFold(out, n) })
}
