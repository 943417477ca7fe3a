package backups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const manifestName = "manifest.json"

// A Run is a run of an export.
type Run struct {
	Account string // such as "api.github.com/orgs/octo-org"
	Name    string // such as "20261120T134500Z-5f1c2a"
	Files   map[string]File
	// Manifest is nil if the run is not finished.
	Manifest *export.Manifest
}

// A File is an archive, a manifest or a journal of a run.
type File struct {
	Size    int64
	ModTime time.Time
}

// Path returns the path of a file of the run in its place.
func (r *Run) Path(name string) string { return path.Join(r.Account, r.Name, name) }

// Size returns the size of the run's archives.
func (r *Run) Size() int64 {
	var all int64
	for name, f := range r.Files {
		if strings.HasSuffix(name, ".tar.gz") {
			all += f.Size
		}
	}
	return all
}

// Begun returns the time at which the run began. The name of the run has it.
func (r *Run) Begun() time.Time {
	at, _ := runTime(r.Name)
	return at
}

// modified returns the time of the last change of the run's files.
func (r *Run) modified() time.Time {
	latest := r.Begun()
	for _, f := range r.Files {
		if f.ModTime.After(latest) {
			latest = f.ModTime
		}
	}
	return latest
}

// hasArchive reports whether the archive of a row exists, with the size in the
// manifest.
func (r *Run) hasArchive(row *export.Row) bool {
	f, ok := r.Files[row.Archive]
	return ok && f.Size == row.Size
}

// IsRunName reports whether a folder's name is the name of a run.
func IsRunName(name string) bool {
	_, ok := runTime(name)
	return ok
}

// runTime parses the time in the name of a run.
func runTime(name string) (time.Time, bool) {
	stem, _, _ := strings.Cut(name, "-")
	at, err := time.Parse("20060102T150405Z", stem)
	return at, err == nil
}

// Runs lists the runs of an account, or of all accounts if account is empty. It sorts
// them by account, oldest first. The account is "HOST/orgs/ORG" or an end of this
// path, such as "orgs/ORG".
func (p *Place) Runs(ctx context.Context, account string) ([]*Run, error) {
	runs := map[string]*Run{}
	for name, file := range p.files(ctx) {
		if file.err != nil {
			return nil, fmt.Errorf("list the runs: %w", file.err)
		}
		above, base := path.Split(name)
		above, runName := path.Split(strings.TrimSuffix(above, "/"))
		above = strings.TrimSuffix(above, "/")
		if !IsRunName(runName) || !matches(above, account) {
			continue
		}
		key := path.Join(above, runName)
		if runs[key] == nil {
			runs[key] = &Run{Account: above, Name: runName, Files: map[string]File{}}
		}
		runs[key].Files[base] = file.File
	}
	all := slices.SortedFunc(maps.Values(runs), func(a, b *Run) int {
		return strings.Compare(a.Account+"\x00"+a.Name, b.Account+"\x00"+b.Name)
	})
	for _, run := range all {
		if _, finished := run.Files[manifestName]; !finished {
			continue
		}
		manifest, err := p.manifest(ctx, run)
		if err != nil {
			return nil, err
		}
		run.Manifest = manifest
	}
	return all, nil
}

// matches reports whether the path of an account is wanted, or ends in wanted.
func matches(account, wanted string) bool {
	account, wanted = strings.ToLower(account), strings.ToLower(filepath.ToSlash(accountFolder(wanted)))
	account = strings.ReplaceAll(account, ":", "_")
	return wanted == "" || account == wanted || strings.HasSuffix(account, "/"+wanted)
}

// manifest reads the manifest of a run.
func (p *Place) manifest(ctx context.Context, run *Run) (*export.Manifest, error) {
	name := run.Path(manifestName)
	r, err := p.Read(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Location(name), err)
	}
	defer r.Close()
	manifest, err := ReadManifest(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Location(name), err)
	}
	return manifest, nil
}

// ReadManifest reads a manifest.json.
func ReadManifest(r io.Reader) (*export.Manifest, error) {
	var manifest export.Manifest
	if err := json.NewDecoder(r).Decode(&manifest); err != nil {
		return nil, fmt.Errorf("not a manifest: %w", err)
	}
	if manifest.Account == "" {
		return nil, errors.New("not a manifest: it names no account")
	}
	return &manifest, nil
}

// A listed file is a file, or the error that ends the list.
type listed struct {
	File
	err error
}

// files yields the slash-separated paths of all files in the place.
func (p *Place) files(ctx context.Context) iter.Seq2[string, listed] {
	if p.bucket != nil {
		return p.objects(ctx)
	}
	return func(yield func(string, listed) bool) {
		if err := p.walk(ctx, yield); err != nil {
			yield("", listed{err: err})
		}
	}
}

// walk yields the files below the folder, and below the folders that links in it name.
// It skips links to a folder that it has walked, or that contains such a folder. So it
// lists no run twice, and a link to a parent does not lead out of the place. It skips
// links to files: another run may have the file, and prune may remove that run.
func (p *Place) walk(ctx context.Context, yield func(string, listed) bool) error {
	var walked []string
	links := []string{""} // paths in the place
	for i := 0; i < len(links); i++ {
		link := links[i]
		linked := filepath.Join(p.dir, link)
		if info, err := os.Stat(linked); i > 0 && (err != nil || !info.IsDir()) {
			continue
		}
		root, err := filepath.EvalSymlinks(linked)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(walked, func(dir string) bool { return isBelow(dir, root) || isBelow(root, dir) }) {
			continue
		}
		walked = append(walked, root)
		err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && name != root: // another process has removed the file
				return nil
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			}
			relative, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			relative = filepath.Join(link, relative)
			if entry.Type()&fs.ModeSymlink != 0 {
				links = append(links, relative)
			}
			if !entry.Type().IsRegular() {
				return nil
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(filepath.ToSlash(relative), listed{File: File{info.Size(), info.ModTime()}}) {
				return errStopped
			}
			return nil
		})
		if errors.Is(err, errStopped) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errStopped means that the caller of walk wants no more files.
var errStopped = errors.New("stopped")

// isBelow reports whether a path is dir, or below dir.
func isBelow(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}

func (p *Place) objects(ctx context.Context) iter.Seq2[string, listed] {
	return func(yield func(string, listed) bool) {
		objects := p.bucket.List(nil)
		for {
			object, err := objects.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", listed{err: netx.CleanURLError(err)})
				return
			}
			if !yield(object.Key, listed{File: File{object.Size, object.ModTime}}) {
				return
			}
		}
	}
}

// Remove removes a run. It removes the manifest first, so that a partly removed run
// never looks finished. For a bucket, Remove also removes the journal of the run below
// the folder state, unless state is empty. If ctx has ended, Remove removes nothing.
func (p *Place) Remove(ctx context.Context, state string, run *Run) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names := slices.SortedFunc(maps.Keys(run.Files), func(a, b string) int {
		return strings.Compare(manifestFirst(a), manifestFirst(b))
	})
	for _, name := range names {
		if err := p.remove(ctx, run.Path(name)); err != nil {
			return fmt.Errorf("remove %s: %w", p.Location(run.Path(name)), err)
		}
	}
	if p.bucket == nil {
		return os.RemoveAll(p.Location(run.Path("")))
	}
	if state == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(p.Dir(state, run.Account), run.Name))
}

// manifestFirst returns a sort key that is smallest for the manifest.
func manifestFirst(name string) string {
	if name == manifestName {
		return ""
	}
	return name
}

func (p *Place) remove(ctx context.Context, name string) error {
	if p.bucket != nil {
		return netx.CleanURLError(p.bucket.Delete(ctx, name))
	}
	err := os.Remove(p.Location(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
