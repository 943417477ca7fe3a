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

// Options are the options of [Run] and of [Plan]. A call that continues an
// unfinished run must have the same Repositories, Start, BatchSize, DeleteArchives,
// KeepLocked, Store and Stream. Without Repositories, only the Store must be the same.
type Options struct {
	// Repositories are the names of the repositories, "owner/name", each once. The
	// function [Repositories] lists the repositories of an account. If the list is
	// empty but not nil, the run has nothing to export. If the list is nil, Run
	// continues the unfinished run in Dir with the options of that run, and fails
	// if Dir has no unfinished run.
	Repositories []string

	// Dir is the folder for all runs of this account. Run creates it. Each run has
	// a folder of its own in Dir: see [Manifest].Dir.
	Dir string

	// Start has the options of every migration. Start.Repositories must be empty.
	Start ghmigrate.StartMigrationRequest

	// BatchSize limits the repositories of a migration. The default is 100. GitHub
	// times out on migrations that are much larger.
	BatchSize int

	// Concurrency limits the exports that run at GitHub at the same time. The
	// default is 10. Run sends one start at a time, with a second between two starts.
	Concurrency int

	// Patience is the time after which an export no longer counts against
	// Concurrency. The default is 6 hours. Then Run starts the next batch, but
	// still waits for the export.
	Patience time.Duration

	// Transfers limits the archives that are downloaded, verified or stored at
	// the same time. The default is 3.
	Transfers int

	// DeleteArchives deletes each archive at GitHub after its copy is verified and
	// stored. GitHub deletes all other archives after seven days. A GitHub
	// Enterprise Server (GHES) cannot delete the archives of a user, nor unlock the
	// repositories of a user. There Run refuses this option and
	// Start.LockRepositories for a [UserAccount].
	DeleteArchives bool

	// KeepLocked keeps the locks of Start.LockRepositories on the repositories that
	// were exported, as for a move to another host. Without KeepLocked, Run unlocks
	// all repositories.
	KeepLocked bool

	// Store receives the verified archives. If Store is nil, the archives stay in
	// the run's folder. A run must be continued with the same Store.
	Store Store

	// Stream moves each archive from GitHub to the Store in one pass, and verifies it
	// on the way, without a copy on disk. An interrupted transfer starts over.
	Stream bool

	// FinishFirst lets Run finish an unfinished run in Dir that has other options,
	// and then begin a new run. [Manifest].Earlier is the manifest of the finished
	// run. Without FinishFirst, Run fails with [ErrUnfinished].
	FinishFirst bool

	// FormerNames are earlier names of the organization or user. Run continues a
	// run that was begun under one of these names.
	FormerNames []string

	// Previous is the manifest of the previous run. [Plan] puts the repositories that
	// failed in that run into batches of their own, so that their failures do not
	// delay other repositories. If Previous is nil, Run reads it from Dir.
	Previous *Manifest

	// Run is the name of the run for [Plan]: see [Job].Run. The function Run ignores
	// it, and names the run itself.
	Run string

	// Progress, if not nil, is called with each event of the run. The calls come one
	// at a time, from different goroutines, and the run waits for their return. See
	// [LogTo].
	Progress func(Event)

	disk disk
}

const (
	defaultBatchSize   = 100
	maxBatchSize       = 1000 // far more than GitHub accepts; such a batch fits into a line of the journal
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

// checkRepositories returns an error for a malformed or repeated name.
func checkRepositories(names []string) error {
	seen := make(map[string]string, len(names))
	for i, name := range names {
		if !validName(name) {
			return fmt.Errorf("export: Repositories[%d] is %q: want \"owner/name\"", i, name)
		}
		lower := strings.ToLower(name)
		if before, ok := seen[lower]; ok {
			return fmt.Errorf("export: Repositories[%d] is %q, which is a repetition of %q", i, name, before)
		}
		seen[lower] = name
	}
	return nil
}

// validName reports whether a name is "owner/name" in the characters that GitHub
// allows.
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

// checkOwner returns an error for a repository of another owner: GitHub would refuse
// its whole batch.
func checkOwner(owner string, names []string) error {
	for i, name := range names {
		if repoOwner, _, _ := strings.Cut(name, "/"); owner != "" && !strings.EqualFold(repoOwner, owner) {
			return fmt.Errorf("export: Repositories[%d] is %q, which does not belong to %s", i, name, owner)
		}
	}
	return nil
}

// lockKey identifies a repository of a migration as GitHub's call to unlock does:
// without the owner.
func lockKey(name string) string { return strings.ToLower(lastName(name)) }

func lastName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func lockKeys(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[lockKey(name)] = true
	}
	return set
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// without returns the names that are not in excluded.
func without(names, excluded []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return containsFold(excluded, n) })
}
