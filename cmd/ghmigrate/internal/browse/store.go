package browse

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/ghmigrate/ghmigrate/archive"
)

// openDatabase opens an index for building, or read-only.
func openDatabase(ctx context.Context, name string, readOnly bool) (*sql.DB, error) {
	params := url.Values{}
	pragma := func(p string) { params.Add("_pragma", p) }
	pragma("busy_timeout(5000)")
	pragma("temp_store(file)")
	pragma("trusted_schema(off)")
	if readOnly {
		params.Set("mode", "ro")
		pragma("cache_size(-8192)") // KiB, for each connection
		pragma("query_only(on)")
	} else {
		// A transaction that only adds pages writes almost nothing to the journal.
		pragma("page_size(16384)")
		pragma("journal_mode(truncate)")
		pragma("synchronous(normal)")
		pragma("cache_size(-16384)")
	}
	path := filepath.ToSlash(name)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if readOnly {
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open the index: %w", err)
	}
	return db, nil
}

// A store reads a complete index.
type store struct {
	db     *sql.DB
	blocks blockReader
}

func openStore(ctx context.Context, name string) (*store, error) {
	db, err := openDatabase(ctx, name, true)
	if err != nil {
		return nil, err
	}
	return &store{db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

// queryAll returns the rows of a query.
func queryAll[T any](ctx context.Context, s *store, scan func(*sql.Rows) (T, error), text string, args ...any) (all []T, err error) {
	rows, err := s.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// count returns the number that a query selects; 0 if it selects no row.
func (s *store) count(ctx context.Context, text string, args ...any) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, text, args...).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// errNotFound means that the archive does not have a record, a file or a repository.
var errNotFound = errors.New("not in the archive")

func isNotFound(err error) bool { return errors.Is(err, errNotFound) }

// An entry is a row of the table record.
type entry struct {
	id               int64
	kind             kind
	key              int64
	parent, thread   int64
	repo             int64
	number           int64
	created, updated int64
	state            state
	milestone        int64
	author, title    string
}

func (e *entry) at() time.Time { return timeOf(e.created) }

const entryColumns = `id, kind, key, parent, thread, repo, number, created, updated, state, milestone, author, title`

func scanEntry(rows *sql.Rows) (*entry, error) {
	var e entry
	return &e, rows.Scan(&e.id, &e.kind, &e.key, &e.parent, &e.thread, &e.repo, &e.number, &e.created, &e.updated,
		&e.state, &e.milestone, &e.author, &e.title)
}

// entries returns the records that a condition selects. Where is the SQL after WHERE.
func (s *store) entries(ctx context.Context, where string, args ...any) ([]*entry, error) {
	return queryAll(ctx, s, scanEntry, `SELECT `+entryColumns+` FROM record WHERE `+where, args...)
}

// one returns the first record that a condition selects.
func (s *store) one(ctx context.Context, where string, args ...any) (*entry, error) {
	all, err := s.entries(ctx, where+` LIMIT 1`, args...)
	if err == nil && len(all) == 0 {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// lookup returns the record with a URL.
func (s *store) lookup(ctx context.Context, url archive.URL) (*entry, error) {
	if url == "" {
		return nil, errNotFound
	}
	return s.one(ctx, `key = ? AND key <> 0 ORDER BY kind`, keyOf(url))
}

// raw returns the JSON of a record.
func (s *store) raw(ctx context.Context, id int64) ([]byte, error) {
	return s.blocks.read(ctx, s.db, id)
}

// read decodes the JSON of a record.
func read[T any](ctx context.Context, s *store, id int64) (*T, error) {
	raw, err := s.raw(ctx, id)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("record %d: %w", id, err)
	}
	return v, nil
}

// A repository is a row of the table repo.
type repository struct {
	key    int64
	record int64 // the ID of its record; 0 without one
	url    archive.URL
	name   string // OWNER/NAME
	slug   string // its part of the addresses: OWNER/NAME, encoded
}

const repositoryColumns = `key, record, url, name, slug`

func scanRepository(rows *sql.Rows) (*repository, error) {
	var r repository
	return &r, rows.Scan(&r.key, &r.record, &r.url, &r.name, &r.slug)
}

func (s *store) repository(ctx context.Context, where string, arg any) (*repository, error) {
	all, err := queryAll(ctx, s, scanRepository, `SELECT `+repositoryColumns+` FROM repo WHERE `+where, arg)
	if err == nil && len(all) == 0 {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// A label is a row of the table label, and the address of its page.
type label struct {
	Name, Color, Description string
	Href                     string
	key                      int64
}

func scanLabel(rows *sql.Rows) (label, error) {
	var l label
	err := rows.Scan(&l.key, &l.Name, &l.Color, &l.Description)
	return l, err
}

// A storedFile is a file in the archive: an attachment, a release asset or a
// repository file.
type storedFile struct {
	id      int64
	name    string // of the entry
	archive int64
	size    int64
	// contentType is the type that the record of the file declares; empty without one.
	contentType string
}

// file returns the file that a condition selects.
func (s *store) file(ctx context.Context, where string, arg any) (*storedFile, error) {
	var f storedFile
	err := s.db.QueryRowContext(ctx, `SELECT id, file.name, archive, size, coalesce(type, '') FROM file LEFT JOIN declared ON declared.name = file.name WHERE `+where, arg).
		Scan(&f.id, &f.name, &f.archive, &f.size, &f.contentType)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotFound
	}
	return &f, err
}

// fileOf returns the file that a link of a record names. Some exporters percent-encode
// the names in links.
func (s *store) fileOf(ctx context.Context, link string) (*storedFile, error) {
	name, err := archive.EntryName(link)
	if err != nil {
		return nil, errNotFound
	}
	f, err := s.file(ctx, `file.name = ?`, name)
	if errors.Is(err, errNotFound) {
		if plain, bad := url.PathUnescape(name); bad == nil && plain != name {
			return s.file(ctx, `file.name = ?`, plain)
		}
	}
	return f, err
}

// scanColumn scans a row of one column.
func scanColumn[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(&v)
	return v, err
}
