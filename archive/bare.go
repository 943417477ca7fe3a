package archive

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// bareRepositories checks the bare repositories of an archive. Their entries may
// come in any order, though tar writes those of one after one another.
type bareRepositories struct {
	all     map[string]*bareRepository // by directory
	inTurn  []*bareRepository          // all, the first seen first
	open    []*bareRepository          // with a checker, the least recently used first
	memory  int64                      // of open
	held    int                        // faults
	tooMany bool                       // repositories
	shared  *gitdir.Shared
}

// A bareRepository is a directory such as repositories/octo-org/app.git.
type bareRepository struct {
	name    string // as Entry.Repository
	dir     string
	size    int64 // of its files
	stats   gitdir.Stats
	memory  int64 // about what checker needs
	checker *gitdir.Checker
	held    FaultError // what checkers found in the end
	closed  bool       // a checker was let go
	partial bool       // and no checker saw all of it
}

const (
	// The checkers of a small archive all stay until its end, when nothing more
	// can come. Where there are too many, the one that was not used for longest
	// is let go: its repository is over, to all appearance. What it found missing
	// is forgotten if that proves wrong.
	maxCheckers = 16 << 20
	checkerSize = 4 << 10 // of an empty repository
)

func newBareRepositories(limits Limits) *bareRepositories {
	return &bareRepositories{
		all:    make(map[string]*bareRepository),
		shared: gitdir.NewShared(cmp.Or(limits.UnpackedSize, 100<<30)),
	}
}

// check checks an entry of a bare repository.
func (b *bareRepositories) check(e *Entry, report func(offset int64, err error)) {
	repo := b.use(e.Repository)
	if repo == nil || !e.Mode.IsRegular() {
		return
	}
	repo.size += e.Size
	if path.Ext(e.Name) != ".pack" {
		// Of 28 bytes in an index a checker keeps 8, and of 60 in packed-refs 24.
		repo.memory += e.Size / 2
		b.memory += e.Size / 2
	}
	name := strings.TrimPrefix(e.Name, repo.dir+"/")
	repo.checker.File(name, e, report) //nolint:errcheck // an error of the entry comes again with the next
}

// use returns a repository with a checker, or nil if there are too many.
func (b *bareRepositories) use(name string) *bareRepository {
	dir := "repositories/" + name + ".git"
	repo := b.all[dir]
	if repo == nil {
		if b.tooMany = b.tooMany || len(b.all) == maxRepositories; b.tooMany {
			return nil
		}
		repo = &bareRepository{name: name, dir: dir}
		b.all[dir] = repo
		b.inTurn = append(b.inTurn, repo)
	}
	last := len(b.open) - 1
	switch i := slices.Index(b.open, repo); {
	case last >= 0 && i == last:
		return repo
	case i >= 0:
		b.open = append(slices.Delete(b.open, i, i+1), repo)
	default:
		repo.partial = repo.closed
		repo.checker = b.shared.New()
		repo.memory = checkerSize
		b.memory += checkerSize
		b.open = append(b.open, repo)
	}
	for b.memory > maxCheckers && len(b.open) > 1 {
		b.close(b.open[0])
		b.open = b.open[1:]
	}
	return repo
}

// close lets a checker go, and holds what it found.
func (b *bareRepositories) close(repo *bareRepository) {
	stats := repo.checker.Close(func(name string, err error) {
		if b.held++; b.held > maxFaults {
			repo.held.More++
			return
		}
		repo.held.add(&Fault{Entry: path.Join(repo.dir, name), Offset: -1, Err: err})
	})
	repo.stats.Objects += stats.Objects
	repo.stats.Refs += stats.Refs
	repo.stats.Packs += stats.Packs
	b.memory -= repo.memory
	repo.checker = nil
	repo.closed = true
}

// finish closes all checkers, and reports what they found.
func (b *bareRepositories) finish(faults *FaultError) {
	for _, repo := range b.open {
		b.close(repo)
	}
	b.open = nil
	for _, repo := range b.inTurn {
		if repo.partial {
			continue
		}
		for _, fault := range repo.held.Faults {
			faults.add(fault)
		}
		faults.More += repo.held.More
	}
}
