package archive

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Extract verifies an archive and unpacks it into dir in one pass. Extract creates
// dir if it is missing; an existing dir must be empty. It returns the results of
// [Verify]. A refused entry is a fault as well, and does not stop the other entries.
// If a file cannot be written, Extract stops and returns the error. A nil opts means
// the defaults.
//
// An archive may be hostile. Extract writes only inside dir, files with mode 0600
// and directories with 0700, and overwrites nothing. It refuses:
//
//   - entries that are neither files nor directories: links, devices, pipes,
//     sparse files;
//   - absolute names, names with "..", and on every system names that Windows
//     cannot hold: nul.txt, a:b, "end.";
//   - the name of an earlier entry, also in another case if the file system does not
//     distinguish case;
//   - names that make Git treat a directory as a repository: .git in every
//     spelling, HEAD and commondir outside of repositories/<owner>/<name>.git;
//   - directories whose names begin with a dot, such as .hg and .vscode, and files of
//     such names outside of attachments, releases and repository_files: programs look
//     for commands in them;
//   - files in places that archives do not have: other files in repositories,
//     files deeper than attachments/<guid>/<file>, files below more than eight
//     directories;
//   - in a bare repository: hooks that are not samples, config.worktree,
//     commondir, gitdir, worktrees, modules, branches, remotes, info/grafts and
//     objects/info/http-alternates.
//
// git clone and git fsck accept the extracted bare repositories. Each repository gets
// a new configuration, with which Git runs no other program. Packs with their
// indexes, loose objects, refs and objects of Git LFS are extracted unchanged.
// Extract leaves out sample hooks, locks, empty and unfinished files, and refs that
// Git cannot read. It also leaves out files that Git rebuilds: commit-graphs,
// multi-pack-indexes and the files .rev, .bitmap, .mtimes and .keep beside packs. All
// other files of a repository get a name that means nothing to Git: config becomes
// github-config, and logs/HEAD becomes github-logs%2FHEAD. If no file can have the
// name of a ref, on this system or on Windows, Extract adds the ref to packed-refs, or
// refuses a symbolic ref.
//
// The archive decides what history Git shows: shallow and refs/replace are kept.
// A directory below refs may look like a repository, if branches are named HEAD,
// objects/… and refs/…. Its files hold only refs, so that Git runs nothing.
//
// Extract writes damaged files, but it removes a file that is not complete.
func Extract(ctx context.Context, r io.Reader, dir string, opts *VerifyOptions) (*Summary, error) {
	root, err := openEmpty(dir)
	if err != nil {
		return &Summary{}, fmt.Errorf("extract archive: %w", err)
	}
	defer func() { _ = root.Close() }()
	x := &extraction{root: root, faults: new(FaultError), repositories: make(map[string]*extractedRepository), refBudget: maxRefs}
	summary, err := verify(ctx, r, opts, x.create)
	if x.failed {
		return summary, err
	}
	if failed := x.finish(); failed != nil {
		err = errors.Join(failed, err)
	}
	return summary, joinFaults(err, x.faults)
}

// joinFaults adds faults to the faults of an error.
func joinFaults(err error, more *FaultError) error {
	faults, ok := errors.AsType[*FaultError](err)
	switch {
	case more.orNil() == nil:
		return err
	case err == nil:
		return more
	case !ok:
		return errors.Join(err, more)
	}
	faults.addAll(more)
	return err
}

// openEmpty opens an empty directory, and makes it if it is missing.
func openEmpty(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	switch entries, err := fs.ReadDir(root.FS(), "."); {
	case err != nil:
		return nil, errors.Join(err, root.Close())
	case len(entries) > 0:
		return nil, errors.Join(fmt.Errorf("%s is not empty", dir), root.Close())
	}
	return root, nil
}

// An extraction is one run of Extract.
type extraction struct {
	root         *os.Root
	lastDir      string                          // the directory that was made last
	repositories map[string]*extractedRepository // by directory
	refBudget    int                             // how many more bytes of refs may be remembered
	faults       *FaultError                     // apart, because the caller may keep it
	out          *bufio.Writer                   // of the file that is being written
	failed       bool                            // a file could not be written
}

// create makes the file or directory of an entry. A *Fault says why the entry is
// refused. For an entry that is left out, create returns nil.
func (x *extraction) create(e *Entry) (io.WriteCloser, error) {
	w, err := x.open(e)
	if refused, ok := errors.AsType[*Fault](err); ok && isBelowRefs(e) {
		if e.Mode.IsDir() {
			return nil, nil //nolint:nilnil // left out: packed-refs needs no directories
		}
		return &extractedRef{x: x, repo: x.bareRepository(e), name: insideBare(e), refused: refused, size: e.Size}, nil
	}
	return w, err
}

// open creates the file or directory of an entry under its destination.
func (x *extraction) open(e *Entry) (io.WriteCloser, error) {
	name, err := destination(e)
	if err != nil {
		return nil, refuse(e.Name, err)
	}
	if e.Kind == KindGit {
		x.bareRepository(e)
	}
	if name == "" {
		return nil, nil //nolint:nilnil // left out
	}
	if e.Mode.IsDir() {
		return nil, x.orRefuse(e.Name, x.mkdir(name))
	}
	if err := x.mkdir(path.Dir(name)); err != nil {
		return nil, x.orRefuse(e.Name, err)
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, x.orRefuse(e.Name, err)
	}
	if x.out == nil {
		x.out = bufio.NewWriterSize(f, 128<<10)
	} else {
		x.out.Reset(f)
	}
	file := &extractedFile{x: x, f: f, name: name, missing: e.Size}
	if inside := insideBare(e); e.Kind == KindGit && name == e.Name && isRef(inside) {
		return &extractedRef{x: x, name: inside, size: e.Size, file: file}, nil
	}
	return file, nil
}

// refuse returns the Fault of an entry that is not extracted.
func refuse(name string, why error) error {
	return &Fault{Entry: name, Offset: -1, Err: fmt.Errorf("not extracted: %w", why)}
}

// orRefuse refuses the entry if its name is the reason for an error of the file
// system. Any other error makes the extraction fail.
func (x *extraction) orRefuse(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return refuse(name, errors.New("its name is taken"))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return refuse(name, errors.New("a file has the name of its directory"))
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, fs.ErrInvalid):
		return refuse(name, errors.New("the file system cannot hold its name"))
	case errors.Is(err, errPackedRefs):
		return refuse(name, err)
	default:
		return x.fail(name, err)
	}
}

func (x *extraction) fail(name string, err error) error {
	x.failed = true
	return fmt.Errorf("extract %s: %w", name, err)
}

func (x *extraction) mkdir(dir string) error {
	if dir == x.lastDir || dir == "." {
		return nil
	}
	if err := x.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	x.lastDir = dir
	return nil
}

// An extractedFile is a file that is being extracted.
type extractedFile struct {
	x       *extraction
	f       *os.File
	name    string
	missing int64 // how many bytes are still to be written
}

// Write writes to the file.
func (f *extractedFile) Write(p []byte) (int, error) {
	n, err := f.x.out.Write(p)
	f.missing -= int64(n)
	if err != nil {
		err = f.x.fail(f.name, err)
	}
	return n, err
}

// Close closes the file, and removes it if a part is missing.
func (f *extractedFile) Close() error {
	err := f.x.out.Flush()
	err = cmp.Or(err, f.f.Close())
	if err == nil && f.missing == 0 {
		return nil
	}
	if err = cmp.Or(err, f.x.root.Remove(f.name)); err != nil {
		return f.x.fail(f.name, err)
	}
	return nil
}
