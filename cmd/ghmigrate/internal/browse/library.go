package browse

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// indexVersion is part of the name of a cache folder, so that an index of another
// version is not opened. Every change of the tables or their content raises it.
const indexVersion = 2

// A Library is one archive, or the archives of a run, with an index. It is safe for
// concurrent use.
type Library struct {
	dir      string // the cache folder
	archives []archiveFile
	token    string
	store    *store
	files    *extraction
}

// An archiveFile is an archive as it was when its index was made.
type archiveFile struct {
	path  string
	size  int64
	mtime int64
}

// Options are the options of Open.
type Options struct {
	// Archives are the paths of the archives. The pages show them as one archive.
	Archives []string
	// Cache is the folder for the indexes of all libraries. The default is a folder in
	// the user's cache folder.
	Cache string
	// Progress is called for each pass over an archive, and returns the function that
	// is called with the progress. Nil means no progress.
	Progress func(name string) func(bytes, size int64)
	// Say gets messages for the user. Nil discards the messages.
	Say func(format string, args ...any)
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func(string) func(int64, int64) { return func(int64, int64) {} }
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	return o
}

// Open opens the index of archives, and builds it first if there is none. After an
// interruption, Open reads only the archives that the index does not have. It unpacks
// the archives in the background: see Wait. The caller calls Close.
func Open(ctx context.Context, opts Options) (*Library, error) {
	opts = opts.withDefaults()
	archives, err := statAll(opts.Archives)
	if err != nil {
		return nil, err
	}
	dir, err := cacheFolder(opts.Cache, archives)
	if err != nil {
		return nil, err
	}
	l := &Library{dir: dir, archives: archives}
	if err := l.prepare(ctx, opts); err != nil {
		return nil, err
	}
	if l.store, err = openStore(ctx, l.indexFile()); err != nil {
		return nil, err
	}
	l.files = startExtraction(ctx, l, opts)
	return l, nil
}

// prepare reads the token and builds the index. A lock keeps out other processes.
func (l *Library) prepare(ctx context.Context, opts Options) error {
	lock, err := lockWhenFree(ctx, filepath.Join(l.dir, "index.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if l.token, err = readToken(l.dir); err != nil {
		return err
	}
	return l.build(ctx, opts)
}

// lockWhenFree takes a lock, and waits as long as another process holds it.
func lockWhenFree(ctx context.Context, name string) (io.Closer, error) {
	for {
		lock, err := durable.OS{}.OpenLocked(name)
		if !errors.Is(err, durable.ErrLocked) {
			return lock, err
		}
		wait := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-wait.C:
		}
	}
}

// Close stops the unpacking and closes the index. The cache folder stays.
func (l *Library) Close() error {
	l.files.stop()
	return l.store.close()
}

func (l *Library) indexFile() string { return filepath.Join(l.dir, "index.db") }

func statAll(paths []string) ([]archiveFile, error) {
	if len(paths) == 0 {
		return nil, errors.New("no archives")
	}
	var all []archiveFile
	for _, p := range paths {
		p, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a file", p)
		}
		all = append(all, archiveFile{p, info.Size(), info.ModTime().UnixNano()})
	}
	return all, nil
}

// cacheFolder makes the folder for the index of archives, and returns its path. The name
// depends on the paths, sizes and times of the archives: a changed archive gets a new
// folder.
func cacheFolder(root string, archives []archiveFile) (string, error) {
	if root == "" {
		caches, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache folder: %w; name one with --cache", err)
		}
		root = filepath.Join(caches, "ghmigrate", "browse")
	}
	sum := sha256.New()
	for _, a := range archives {
		fmt.Fprintf(sum, "%q %d %d\n", a.path, a.size, a.mtime)
	}
	stem := strings.TrimSuffix(filepath.Base(archives[0].path), ".tar.gz")
	if len(archives) > 1 {
		stem = filepath.Base(filepath.Dir(archives[0].path))
	}
	name := fmt.Sprintf("%s-%x-v%d", plainName(stem, 40), sum.Sum(nil)[:8], indexVersion)
	dir, err := filepath.Abs(filepath.Join(root, name))
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// plainName replaces the characters of a name that a file system may reject, and
// truncates the name.
func plainName(name string, longest int) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '_'
		}
	}, name)
	return strings.Trim(plain[:min(len(plain), longest)], ".")
}

// readToken returns the token in the addresses of the pages. It makes the token once and
// keeps it beside the index, so that bookmarks work with the next server.
func readToken(dir string) (string, error) {
	name := filepath.Join(dir, "token")
	data, err := os.ReadFile(name)
	if token := strings.TrimSpace(string(data)); err == nil && len(token) == 32 {
		return token, nil
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	token := hex.EncodeToString(random[:])
	return token, durable.WriteFile(durable.OS{}, name, []byte(token+"\n"))
}

// Folder returns the cache folder of the library: the index and the unpacked files.
func (l *Library) Folder() string { return l.dir }

// Wait waits until the archives are unpacked. It returns an error if unpacking failed.
func (l *Library) Wait(ctx context.Context) error { return l.files.wait(ctx) }
