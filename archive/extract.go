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

// Extract verifies an archive and unpacks it into dir, in one pass. The
// directory is made if it is missing, and must be empty otherwise. What is
// returned is as for [Verify], where reasons for which an entry was not
// extracted are faults too, and the others are extracted all the same; an error
// of writing is returned as it is, and ends it. nil options are good.
//
// Whoever could put something into an archive may want more than to be kept.
// Extract writes only inside dir: files with mode 0600, directories with 0700,
// nothing over something else. It refuses
//
//   - what is neither file nor directory: links, devices, pipes, sparse files;
//   - absolute names, names with "..", and names that Windows cannot hold, on
//     all systems: nul.txt, a:b, "end.";
//   - names that an entry before has taken, also if only the case differs where
//     the file system does not tell cases apart;
//   - what Git could take for a repository, or a part of one, where none
//     belongs: .git in every spelling, HEAD and commondir outside of
//     repositories/<owner>/<name>.git;
//   - directories whose name begins with a dot, such as .hg and .vscode, and
//     such files unless they are attachments, release assets and the like: many
//     programs look there for what they should run;
//   - files that are not where archives have them: anything else in
//     repositories, deeper than attachments/<guid>/<file>, or below more than
//     eight directories;
//   - in a bare repository: hooks that are not samples, config.worktree,
//     commondir, gitdir, worktrees, modules, branches, remotes, info/grafts and
//     objects/info/http-alternates.
//
// Bare repositories are left as git clone and git fsck accept them, with a
// config of their own that makes Git run nothing. What they need is extracted as
// it is, LFS objects too. Every other file that comes with them is beside it,
// under a name that means nothing to Git: the config is github-config, and
// logs/HEAD is github-logs%2FHEAD. Refs whose names no file can have, on any
// system or on this one, are in packed-refs; symbolic ones are refused. Left out
// silently are sample hooks, locks, empty files and what Git did not write to
// its end; and refs that are none, which are faults already for [Verify].
//
// What Git shows of a repository is up to the archive: shallow and refs/replace
// are kept, and change its history. A directory below refs in which branches are
// named HEAD, objects/… and refs/… may look like a repository to who works
// there, but none of its files is more than a ref, so that it runs nothing.
//
// What was damaged is extracted as far as it was read, but no file of which a
// part is missing.
func Extract(ctx context.Context, r io.Reader, dir string, opts *VerifyOptions) (*Summary, error) {
	root, err := openEmpty(dir)
	if err != nil {
		return &Summary{}, fmt.Errorf("extract archive: %w", err)
	}
	defer func() { _ = root.Close() }()
	x := &extraction{root: root, repositories: make(map[string]*extractedRepository), refs: maxRefs}
	summary, err := verify(ctx, r, opts, x.create)
	if x.failed {
		return summary, err
	}
	if failed := x.finish(); failed != nil {
		err = errors.Join(failed, err)
	}
	return summary, joinFaults(err, &x.faults)
}

// joinFaults adds faults to those of an error.
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

// openEmpty opens a directory, and makes it if it is missing.
func openEmpty(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := checkEmpty(root); err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

func checkEmpty(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	switch _, err := d.ReadDir(1); {
	case err == nil:
		return fmt.Errorf("%s is not empty", root.Name())
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// An extraction is one run of Extract.
type extraction struct {
	root         *os.Root
	made         string                          // the directory that was made last
	repositories map[string]*extractedRepository // by directory
	refs         int                             // bytes that may be remembered of refs
	faults       FaultError
	out          *bufio.Writer
	failed       bool // to write
}

// create makes the file or directory of an entry. A *Fault tells why the entry
// is refused, and nothing at all is returned for one that is left out.
func (x *extraction) create(e *Entry) (io.WriteCloser, error) {
	w, err := x.open(e)
	if refused, ok := errors.AsType[*Fault](err); ok && isBelowRefs(e) {
		if e.Mode.IsDir() {
			return nil, nil //nolint:nilnil // left out: packed-refs needs no directories
		}
		return &extractedRef{x: x, repo: x.note(e), name: insideBare(e), refused: refused, size: e.Size}, nil
	}
	return w, err
}

func (x *extraction) open(e *Entry) (io.WriteCloser, error) {
	name, err := destination(e)
	if err != nil {
		return nil, refuse(e.Name, err)
	}
	if e.Kind == KindGit {
		x.note(e)
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
		return &extractedRef{x: x, name: inside, file: file}, nil
	}
	return file, nil
}

func refuse(name string, why error) error {
	return &Fault{Entry: name, Offset: -1, Err: fmt.Errorf("not extracted: %w", why)}
}

// orRefuse tells errors that are due to the entry from those of the disk.
func (x *extraction) orRefuse(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return refuse(name, errors.New("its name is taken"))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return refuse(name, errors.New("a file is where its directory would be"))
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
	if dir == x.made || dir == "." {
		return nil
	}
	if err := x.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	x.made = dir
	return nil
}

// An extractedFile is one that is being extracted.
type extractedFile struct {
	x       *extraction
	f       *os.File
	name    string
	missing int64 // bytes
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

// Close ends the file. One of which a part is missing is removed.
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
