package browse

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// maxFaults bounds the faults in the index, for each archive.
const maxFaults = 1000

// build completes the index. Each archive is one transaction: after an interruption,
// build reads only the archives that are not committed.
func (l *Library) build(ctx context.Context, opts Options) error {
	db, err := openDatabase(ctx, l.indexFile(), false)
	if err != nil {
		return l.rebuild(ctx, opts, err)
	}
	done, complete, err := indexState(ctx, db)
	if err != nil {
		_ = db.Close()
		return l.rebuild(ctx, opts, err)
	}
	if complete {
		return db.Close()
	}
	err = l.buildFrom(ctx, db, done, opts)
	return errors.Join(err, db.Close())
}

// rebuild removes a damaged index and builds a new one. A second failure is final.
func (l *Library) rebuild(ctx context.Context, opts Options, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	for _, suffix := range []string{"", "-journal"} {
		if err := os.Remove(l.indexFile() + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	db, err := openDatabase(ctx, l.indexFile(), false)
	if err != nil {
		return fmt.Errorf("rebuild the index after %w: %w", cause, err)
	}
	done, _, err := indexState(ctx, db)
	if err == nil {
		err = l.buildFrom(ctx, db, done, opts)
	}
	return errors.Join(err, db.Close())
}

// indexState returns the number of archives in an index, and whether the index is
// complete. It makes the tables of a new index.
func indexState(ctx context.Context, db *sql.DB) (done int, complete bool, err error) {
	var hasTables bool
	if err := db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'complete'`).Scan(&hasTables); err != nil {
		return 0, false, err
	}
	if !hasTables {
		return 0, false, inTransaction(ctx, db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, createTables)
			return err
		})
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM archive), (SELECT count(*) > 0 FROM complete)`).Scan(&done, &complete)
	return done, complete, err
}

// buildFrom reads the archives that come after the first done ones, and completes the
// index.
func (l *Library) buildFrom(ctx context.Context, db *sql.DB, done int, opts Options) error {
	for i, a := range l.archives[done:] {
		name := filepath.Base(a.path)
		if len(l.archives) > 1 {
			opts.Say("indexing %s (%d of %d)", name, done+i+1, len(l.archives))
		} else {
			opts.Say("indexing %s", name)
		}
		err := inTransaction(ctx, db, func(tx *sql.Tx) error {
			return indexArchive(ctx, tx, int64(done+i), a, opts.Progress(name))
		})
		if err != nil {
			return fmt.Errorf("index %s: %w", a.path, err)
		}
	}
	opts.Say("sorting the index")
	return inTransaction(ctx, db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, createIndexes); err != nil {
			return fmt.Errorf("sort the index: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO complete VALUES(?)`, time.Now().Unix())
		return err
	})
}

// inTransaction calls do in a transaction, and commits it if do succeeds.
func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// indexArchive adds an archive to the index. One goroutine reads the archive, a second
// one collects its words, and the caller's goroutine writes its rows.
func indexArchive(ctx context.Context, tx *sql.Tx, id int64, a archiveFile, progress func(bytes, size int64)) error {
	f, err := os.Open(a.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w, err := newRowWriter(ctx, tx, id)
	if err != nil {
		return err
	}
	defer w.close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches, words := make(chan batch, 2), make(chan batch, 2)
	var work sync.WaitGroup
	var result readResult
	work.Go(func() {
		defer close(words)
		defer close(batches)
		result = readArchive(ctx, &progressReader{Reader: f, update: progress, size: a.size}, w.last, func(b batch) bool {
			for _, to := range []chan<- batch{words, batches} {
				select {
				case to <- b:
				case <-ctx.Done():
					return false
				}
			}
			return true
		})
	})
	consume := func(from <-chan batch, use func(batch) error) {
		for b := range from {
			if ctx.Err() != nil {
				continue // drain the channel
			}
			if err := use(b); err != nil {
				cancel(err)
			}
		}
	}
	work.Go(func() { consume(words, func(b batch) error { return w.words.write(ctx, tx, b) }) })
	consume(batches, func(b batch) error { return w.write(ctx, b) })
	work.Wait()
	if err := cmp.Or(context.Cause(ctx), result.err); err != nil {
		return err
	}
	if err := errors.Join(w.addUnrecorded(ctx), w.blocks.flush(ctx), w.words.flush(ctx, tx, true)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO archive VALUES(?, ?, ?, ?, ?)`, id, a.path, a.size, result.schema, result.entries)
	return err
}

// A progressReader reports the progress of a reader, once for each MiB.
type progressReader struct {
	io.Reader
	update     func(bytes, size int64)
	read, size int64
	reported   int64
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += int64(n)
	if r.read-r.reported >= 1<<20 || err != nil {
		r.reported = r.read
		r.update(r.read, r.size)
	}
	return n, err
}

// A batch is a part of the content of an archive, on its way to the index.
type batch struct {
	rows   []*row
	files  []archive.Entry // files outside of repositories
	git    []string        // repositories with Git data: "owner/name" or "owner/name.wiki"
	faults []string
	size   int
}

// A readResult is the result of readArchive, besides the batches.
type readResult struct {
	schema  string
	entries int64
	err     error // a failed read or a canceled context; faults of the archive are in batches
}

// readArchive passes the content of an archive to use, in batches of about 1 MiB. The IDs
// of its records follow last. It stops when use returns false.
func readArchive(ctx context.Context, r io.Reader, last int64, use func(batch) bool) (res readResult) {
	var b batch
	var faults int
	send := func() bool {
		if !use(b) {
			res.err = ctx.Err()
			return false
		}
		b = batch{}
		return true
	}
	addFault := func(err error) {
		f, ok := errors.AsType[*archive.Fault](err)
		if !ok {
			res.err = err
			return
		}
		if faults++; faults <= maxFaults { // the extraction counts the others
			b.faults = append(b.faults, truncate(f.Error(), 2000))
		}
	}
	reader, err := archive.NewReader(r, nil)
	if err != nil {
		return readResult{err: err}
	}
	lastGit := ""
	for e, err := range reader.Entries() {
		if ctx.Err() != nil {
			return readResult{err: ctx.Err()}
		}
		if err != nil {
			if addFault(err); res.err != nil {
				return res
			}
			continue
		}
		res.entries++
		switch {
		case e.Kind == archive.KindSchema:
			res.schema = readSchema(e)
		case e.Kind == archive.KindGit && e.Repository != lastGit:
			lastGit = e.Repository
			b.git, b.size = append(b.git, e.Repository), b.size+200
		case e.Mode.IsRegular() && (e.Kind == archive.KindAttachment || e.Kind == archive.KindReleaseAsset || e.Kind == archive.KindRepositoryFile):
			b.files, b.size = append(b.files, archive.Entry{Name: e.Name, Size: e.Size}), b.size+200
		}
		for record, err := range e.Records() {
			if err != nil {
				if addFault(err); res.err != nil {
					return res
				}
				continue
			}
			d := describe(record)
			last++
			d.id = last
			b.rows, b.size = append(b.rows, d), b.size+len(d.raw)+len(d.body)+500
			if b.size > 1<<20 && !send() {
				return res
			}
		}
		if b.size > 1<<20 && !send() {
			return res
		}
	}
	send()
	return res
}

// readSchema returns the version in schema.json.
func readSchema(e *archive.Entry) string {
	data, err := io.ReadAll(io.LimitReader(e, 1<<16))
	var s archive.Schema
	if err != nil || json.Unmarshal(data, &s) != nil {
		return ""
	}
	return truncate(s.Version, 50)
}
