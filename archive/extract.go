package archive

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// ExtractOptions are the options of [Extract].
type ExtractOptions struct {
	VerifyOptions
}

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
//   - files that are not where archives have them: anything else in
//     repositories, or deeper than attachments/<guid>/<file>;
//   - in a bare repository: hooks that are not samples, config.worktree,
//     commondir, gitdir, worktrees, modules, branches, remotes, info/grafts and
//     objects/info/http-alternates.
//
// Bare repositories are left as git clone and git fsck accept them, with a
// config of their own that makes Git run nothing; that of the archive is beside
// it as github-config. Of the rest they have what Git needs and what GitHub is
// known to add; sample hooks, reflogs, locks and other files that Git and the
// archive can do without are left out silently, and so are refs that are none
// and objects/info/alternates: those are faults already for [Verify]. What was
// damaged is extracted as far as it was read, but no file of which a part is
// missing.
func Extract(r io.Reader, dir string, opts *ExtractOptions) (*Summary, error) {
	if opts == nil {
		opts = new(ExtractOptions)
	}
	root, err := openEmpty(dir)
	if err != nil {
		return &Summary{}, fmt.Errorf("extract archive: %w", err)
	}
	defer func() { _ = root.Close() }()
	x := &extraction{root: root, repositories: make(map[string]*extracted)}
	summary, err := verify(r, &opts.VerifyOptions, x.create)
	if x.failed {
		return summary, err
	}
	if failed := x.finish(); failed != nil {
		err = errors.Join(failed, err)
	}
	return summary, err
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
	made         string                // the directory that was made last
	repositories map[string]*extracted // by directory
	out          *bufio.Writer
	failed       bool // to write
}

// What was extracted of a bare repository tells its format.
type extracted struct {
	sha1, sha256 bool
}

// create makes the file or directory of an entry. A *Fault tells why the entry
// is refused, and nothing at all is returned for one that is left out.
func (x *extraction) create(e *Entry) (io.WriteCloser, error) {
	name, err := destination(e)
	if err != nil {
		return nil, refuse(e, err)
	}
	if e.Kind == KindGit {
		x.note(e)
	}
	if name == "" {
		return nil, nil //nolint:nilnil // left out
	}
	if e.Mode.IsDir() {
		return nil, x.orRefuse(e, x.mkdir(name))
	}
	if err := x.mkdir(path.Dir(name)); err != nil {
		return nil, x.orRefuse(e, err)
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, x.orRefuse(e, err)
	}
	if x.out == nil {
		x.out = bufio.NewWriterSize(f, 128<<10)
	} else {
		x.out.Reset(f)
	}
	file := &file{x: x, f: f, name: name, missing: e.Size}
	if isRefFile(e) {
		return &refFile{file: file}, nil
	}
	return file, nil
}

func refuse(e *Entry, why error) error {
	return &Fault{Entry: e.Name, Offset: -1, Err: fmt.Errorf("not extracted: %w", why)}
}

// orRefuse tells errors that are due to the entry from those of the disk.
func (x *extraction) orRefuse(e *Entry, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return refuse(e, errors.New("its name is taken"))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return refuse(e, errors.New("a file is where its directory would be"))
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, fs.ErrInvalid):
		return refuse(e, errors.New("the file system cannot hold its name"))
	default:
		return x.fail(e.Name, err)
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

// note remembers that there is a bare repository, and what the name of the
// entry tells of its format.
func (x *extraction) note(e *Entry) {
	dir := bareDir(e)
	repo := x.repositories[dir]
	if repo == nil {
		repo = &extracted{}
		x.repositories[dir] = repo
	}
	switch objectDigits(strings.TrimPrefix(e.Name, dir+"/")) {
	case 40:
		repo.sha1 = true
	case 64:
		repo.sha256 = true
	}
}

// A file is one that is being extracted.
type file struct {
	x       *extraction
	f       *os.File
	name    string
	missing int64 // bytes
}

// Write writes to the file.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.x.out.Write(p)
	f.missing -= int64(n)
	if err != nil {
		err = f.x.fail(f.name, err)
	}
	return n, err
}

// Close ends the file. One of which a part is missing is removed.
func (f *file) Close() error {
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

// A refFile is a file that has content only if it is that of a ref, whatever Git
// would take it for otherwise: a branch may be named config.
type refFile struct {
	*file

	text []byte
}

// Write keeps what is written.
func (f *refFile) Write(p []byte) (int, error) {
	f.text = append(f.text, p[:min(len(p), gitdir.MaxRef+1-len(f.text))]...)
	return len(p), nil
}

// Close writes the ref, or removes the file.
func (f *refFile) Close() error {
	if _, err := gitdir.ParseRef(path.Base(f.name), f.text); err == nil {
		f.file.Write(f.text) //nolint:errcheck // its error comes again
	}
	return f.file.Close()
}

// finish makes bare repositories of what was extracted of them.
func (x *extraction) finish() error {
	for dir, repo := range x.repositories {
		if err := x.finishBare(dir, repo); err != nil {
			return fmt.Errorf("extract %s: %w", dir, err)
		}
	}
	return nil
}

func (x *extraction) finishBare(dir string, repo *extracted) error {
	for _, sub := range []string{"objects", "refs"} {
		if err := x.root.MkdirAll(path.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	sha256 := repo.sha256
	if !repo.sha1 && !repo.sha256 {
		text, err := x.readStart(path.Join(dir, githubConfig))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		sha256 = gitdir.DeclaresSHA256(text)
	}
	f, err := x.root.OpenFile(path.Join(dir, "config"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // of a repository whose name differs in case
	} else if err != nil {
		return err
	}
	_, err = f.WriteString(bareConfig(sha256))
	return errors.Join(err, f.Close())
}

// readStart reads the beginning of a file.
func (x *extraction) readStart(name string) ([]byte, error) {
	f, err := x.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// bareConfig is all that Git has to know, and nothing that it would run.
func bareConfig(sha256 bool) string {
	if sha256 {
		return "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
	}
	return "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
}
