package archive

import (
	"errors"
	"fmt"
	"path"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// bareRepositories checks the bare repositories of an archive. Their entries may
// come in any order, although tar writes one repository after another.
type bareRepositories struct {
	all     map[string]*bareRepository // by name
	inOrder []*bareRepository          // all, in the order in which they were seen first
	open    []*bareRepository          // the repositories with a checker
	memory  int64                      // of all checkers
	faults  int                        // the number of faults of closed checkers
	tooMany bool                       // more repositories than maxRepositories
	limits  Limits
	shared  *gitdir.Shared // nil before the first checker
}

// A bareRepository is a directory such as repositories/octo-org/app.git.
type bareRepository struct {
	name    string // as Entry.Repository
	size    int64  // of its files
	stats   gitdir.Stats
	checker *gitdir.Checker
	memory  int64      // of checker
	faults  FaultError // what the checker reported when it was closed
	closed  bool       // a checker was closed
	partial bool       // another checker was opened later: no checker saw the whole repository
	unread  bool       // packed-refs was too large to be checked
}

// maxCheckers bounds the memory of checkers, which need 8 bytes for each object. The
// checkers of a usual archive all stay open until its end. Beyond the limit, every
// checker but the current one is closed: tar has written the other repositories. A
// later entry of a closed repository is a fault, because the repository cannot be
// checked as a whole.
const maxCheckers = 16 << 20

// maxPackedRefs bounds the memory for refs. GitHub does not accept repositories with
// two million refs.
const maxPackedRefs = 128 << 20

func newBareRepositories(limits Limits) *bareRepositories {
	return &bareRepositories{all: make(map[string]*bareRepository), limits: limits}
}

// check checks an entry of a bare repository.
func (b *bareRepositories) check(e *Entry, report func(offset int64, err error)) {
	repo := b.repository(e.Repository)
	if repo == nil || !e.Mode.IsRegular() {
		return
	}
	repo.size += e.Size
	b.use(repo)
	name := insideBare(e)
	if name == "packed-refs" && e.Size > maxPackedRefs {
		repo.unread = true
		report(-1, fmt.Errorf("larger than %d bytes, and not checked", maxPackedRefs))
		return
	}
	repo.checker.File(name, e, report) //nolint:errcheck // an error of the entry comes again with the next
	b.memory -= repo.memory
	repo.memory = repo.checker.Memory()
	b.memory += repo.memory
	if b.memory > maxCheckers {
		b.closeAllBut(repo)
	}
}

// repository returns a repository, or nil if there are too many.
func (b *bareRepositories) repository(name string) *bareRepository {
	repo := b.all[name]
	if repo == nil {
		if b.tooMany = b.tooMany || len(b.all) == maxRepositories; b.tooMany {
			return nil
		}
		repo = &bareRepository{name: name}
		b.all[name] = repo
		b.inOrder = append(b.inOrder, repo)
	}
	return repo
}

// use makes sure that a repository has a checker.
func (b *bareRepositories) use(repo *bareRepository) {
	if repo.checker != nil {
		return
	}
	if b.shared == nil {
		b.shared = gitdir.NewShared(b.limits.orDefaults().UnpackedSize)
	}
	repo.partial = repo.closed
	repo.checker = b.shared.New()
	b.open = append(b.open, repo)
}

// closeAllBut closes the checkers of all other repositories.
func (b *bareRepositories) closeAllBut(repo *bareRepository) {
	for _, other := range b.open {
		if other != repo {
			b.close(other)
		}
	}
	b.open = append(b.open[:0], repo)
}

// close closes a checker and keeps its faults.
func (b *bareRepositories) close(repo *bareRepository) {
	stats := repo.checker.Close(func(name string, err error) {
		if b.faults++; b.faults > maxFaults {
			repo.faults.More++
			return
		}
		repo.faults.add(&Fault{Entry: path.Join(bareDir(repo.name), name), Offset: -1, Err: err})
	})
	repo.stats.Objects += stats.Objects
	repo.stats.Refs += stats.Refs
	repo.stats.Detached = repo.stats.Detached || stats.Detached
	repo.stats.Shallow = repo.stats.Shallow || stats.Shallow
	repo.stats.Partial = repo.stats.Partial || stats.Partial
	b.memory -= repo.memory
	repo.checker, repo.memory, repo.closed = nil, 0, true
}

// finish closes all checkers and returns their faults.
func (b *bareRepositories) finish() *FaultError {
	for _, repo := range b.open {
		b.close(repo)
	}
	b.open = nil
	faults := new(FaultError)
	for _, repo := range b.inOrder {
		report := func(name, text string) {
			faults.add(&Fault{Entry: path.Join(bareDir(repo.name), name), Offset: -1, Err: errors.New(text)})
		}
		switch {
		case repo.partial:
			report("", "checked only file by file, because its files are scattered over the archive")
			continue
		case !repo.closed:
			report("HEAD", "missing") // as are all its files
			continue
		}
		faults.addAll(&repo.faults)
		if repo.stats.Objects > 0 && repo.stats.Refs == 0 && !repo.stats.Detached && !repo.unread {
			report("", "it has objects and no refs")
		}
	}
	return faults
}
