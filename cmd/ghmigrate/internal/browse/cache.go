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

// indexVersion is part of the name of a cache folder: an index of another version is
// built anew. Raise it with every change of the tables or of what they hold.
const indexVersion = 1

// A Library is one archive, or the archives of a run, with their index. It is safe
// for concurrent use.
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
	// Archives are the paths of the archives. They are shown as one.
	Archives []string
	// Cache is the folder of all indexes; empty: the user's cache folder.
	Cache string
	// Progress returns the function that takes the progress through an archive; nil:
	// nobody watches.
	Progress func(name string) func(bytes, size int64)
	// Say takes a line for people; nil: nobody reads.
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

// Open opens the index of archives, and builds it first if there is none. A build
// that was interrupted goes on with the archives that are missing. Call Close.
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

// prepare completes the index, in one process at a time.
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

// lockWhenFree takes a lock, and waits for another process that has it.
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

// Close closes the index. The files of the cache stay.
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

// cacheFolder returns the folder of the archives' index, and makes it. Its name
// depends on the paths, sizes and times of the archives: a changed archive gets
// another one.
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

// plainName keeps of a name what every file system and every address takes.
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

// readToken reads the token in the addresses of the pages, or makes one. It stays
// with the index, so that bookmarks stay good.
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
