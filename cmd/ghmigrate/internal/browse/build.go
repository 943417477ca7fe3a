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

// maxFaults bounds the faults that the index keeps of an archive.
const maxFaults = 1000

// build completes the index. Each archive is one transaction: after an interruption,
// what is committed counts, and the rest is read again.
func (l *Library) build(ctx context.Context, opts Options) error {
	db, err := openDatabase(ctx, l.indexFile(), false)
	if err != nil {
		return l.rebuild(ctx, opts, err)
	}
	done, err := indexed(ctx, db)
	if err != nil {
		_ = db.Close()
		return l.rebuild(ctx, opts, err)
	}
	if done < 0 {
		return db.Close()
	}
	err = l.buildFrom(ctx, db, done, opts)
	return errors.Join(err, db.Close())
}

// rebuild begins anew after a damaged index. A second failure is final.
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
		return fmt.Errorf("begin the index anew after %w: %w", cause, err)
	}
	done, err := indexed(ctx, db)
	if err == nil {
		err = l.buildFrom(ctx, db, done, opts)
	}
	return errors.Join(err, db.Close())
}

// indexed returns the number of archives that an index has, or -1 if it is complete.
// It makes the tables of a new index.
func indexed(ctx context.Context, db *sql.DB) (int, error) {
	var tables, done int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'complete'`).Scan(&tables); err != nil {
		return 0, err
	}
	if tables == 0 {
		return 0, inTransaction(ctx, db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, createTables)
			return err
		})
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM complete`).Scan(&done); err != nil || done > 0 {
		return -1, err
	}
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM archive`).Scan(&done)
	return done, err
}

// buildFrom reads the archives after the first ones, and completes the index.
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

// inTransaction commits what do has done, or undoes it.
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

// indexArchive reads an archive in one goroutine, collects its words in a second one,
// and writes its rows in a third one.
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
	var read readResult
	work.Go(func() {
		defer close(words)
		defer close(batches)
		read = readArchive(ctx, &watched{Reader: f, update: progress, size: a.size}, w.last, func(b batch) bool {
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
	if err := cmp.Or(context.Cause(ctx), read.err); err != nil {
		return err
	}
	if err := errors.Join(w.placeMissing(ctx), w.texts.flush(ctx), w.words.flush(ctx, tx, true)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO archive VALUES(?, ?, ?, ?, ?)`, id, a.path, a.size, read.schema, read.entries)
	return err
}

// watched tells how much of an archive is read.
type watched struct {
	io.Reader
	update     func(bytes, size int64)
	read, size int64
	told       int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.read += int64(n)
	if w.read-w.told >= 1<<20 || err != nil {
		w.told = w.read
		w.update(w.read, w.size)
	}
	return n, err
}

// A batch is some of what an archive has.
type batch struct {
	rows   []*row
	files  []archive.Entry // files outside of repositories
	git    []string        // repositories, "owner/name" or "owner/name.wiki"
	faults []string
	size   int
}

// readResult is what readArchive knows when all batches are sent.
type readResult struct {
	schema  string
	entries int64
	err     error // of the disk, or the context's
}

// readArchive sends the rows of an archive, whose IDs come after last. The batches are small enough to bound
// the memory, whatever the archive holds.
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
	fault := func(err error) {
		f, ok := errors.AsType[*archive.Fault](err)
		if !ok {
			res.err = err
			return
		}
		if faults++; faults <= maxFaults {
			b.faults = append(b.faults, cut(f.Error(), 2000))
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
			if fault(err); res.err != nil {
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
				if fault(err); res.err != nil {
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
	return cut(s.Version, 50)
}
