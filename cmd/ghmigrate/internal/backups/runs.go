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
)

const manifestName = "manifest.json"

// A Run is one run of an export.
type Run struct {
	Account string // the path above: "api.github.com/orgs/octo-org"
	Name    string // "20261120T134500Z-5f1c2a"
	Files   map[string]File
	// Manifest is nil if the run is not finished.
	Manifest *export.Manifest
}

// A File is an archive, a manifest or a journal of a run.
type File struct {
	Size    int64
	ModTime time.Time
}

// Path returns the path of one of the run's files in its place.
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

// Begun returns when the run began, as its name says.
func (r *Run) Begun() time.Time {
	at, _ := runTime(r.Name)
	return at
}

// modified returns when the latest of the run's files was written.
func (r *Run) modified() time.Time {
	latest := r.Begun()
	for _, f := range r.Files {
		if f.ModTime.After(latest) {
			latest = f.ModTime
		}
	}
	return latest
}

// has reports whether a row's archive is there, with the size that the manifest
// tells.
func (r *Run) has(row *export.Row) bool {
	f, ok := r.Files[row.Archive]
	return ok && f.Size == row.Size
}

// IsRunName reports whether a folder's name is the name of a run.
func IsRunName(name string) bool {
	_, ok := runTime(name)
	return ok
}

// runTime reads the name of a run.
func runTime(name string) (time.Time, bool) {
	stem, _, _ := strings.Cut(name, "-")
	at, err := time.Parse("20060102T150405Z", stem)
	return at, err == nil
}

// Runs lists the runs of the account, oldest first, or of all accounts if it is
// empty. The account is "HOST/orgs/ORG", or the end of it, such as "orgs/ORG".
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

func matches(account, wanted string) bool {
	account, wanted = strings.ToLower(account), strings.ToLower(filepath.ToSlash(folder(wanted)))
	account = strings.ReplaceAll(account, ":", "_")
	return wanted == "" || account == wanted || strings.HasSuffix(account, "/"+wanted)
}

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

// A listed file, or an error that ends the list.
type listed struct {
	File
	err error
}

// files yields all files of the place, by their paths with slashes.
func (p *Place) files(ctx context.Context) iter.Seq2[string, listed] {
	if p.bucket != nil {
		return p.objects(ctx)
	}
	return func(yield func(string, listed) bool) {
		err := filepath.WalkDir(p.dir, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && name != p.dir: // removed meanwhile
				return nil
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case !entry.Type().IsRegular():
				return nil
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(p.dir, name)
			if err != nil {
				return err
			}
			if !yield(filepath.ToSlash(relative), listed{File: File{info.Size(), info.ModTime()}}) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield("", listed{err: err})
		}
	}
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
				yield("", listed{err: err})
				return
			}
			if !yield(object.Key, listed{File: File{object.Size, object.ModTime}}) {
				return
			}
		}
	}
}

// Remove removes a run: its manifest first, so that a run of which only a part is
// left never looks finished. State is the folder of states, for a bucket: the run's
// journal in it goes, too.
func (p *Place) Remove(ctx context.Context, state string, run *Run) error {
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

// manifestFirst sorts manifests before everything else.
func manifestFirst(name string) string {
	if name == manifestName {
		return ""
	}
	return name
}

func (p *Place) remove(ctx context.Context, name string) error {
	if p.bucket != nil {
		return p.bucket.Delete(ctx, name)
	}
	err := os.Remove(p.Location(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
