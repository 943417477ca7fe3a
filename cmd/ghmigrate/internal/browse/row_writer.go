package browse

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/ghmigrate/ghmigrate/archive"
)

// maxNamed bounds the repositories that a rowWriter remembers.
const maxNamed = 100_000

// A rowWriter writes the content of one archive to the index.
type rowWriter struct {
	archive int64
	last    int64 // the ID of the last record before this archive
	tx      *sql.Tx

	words  *wordWriter
	blocks blockWriter
	// named are the repositories that records belong to, up to maxNamed.
	named map[archive.URL]bool

	record, repo, label, itemLabel, file, declared, git, fault *sql.Stmt
}

func newRowWriter(ctx context.Context, tx *sql.Tx, id int64) (*rowWriter, error) {
	w := &rowWriter{archive: id, tx: tx, named: map[archive.URL]bool{}}
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM record`).Scan(&w.last); err != nil {
		return nil, err
	}
	var err error
	if w.words, err = newWordWriter(ctx, tx); err != nil {
		return nil, err
	}
	for stmt, text := range map[**sql.Stmt]string{
		&w.record:        `INSERT INTO record VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&w.blocks.insert: `INSERT INTO text VALUES(?, ?)`,
		&w.repo:          `INSERT OR IGNORE INTO repo VALUES(?, ?, ?, ?, ?)`,
		&w.label:         `INSERT OR IGNORE INTO label VALUES(?, ?, ?, ?, ?)`,
		&w.itemLabel:     `INSERT OR IGNORE INTO item_label VALUES(?, ?)`,
		&w.file:          `INSERT OR IGNORE INTO file(name, archive, size) VALUES(?, ?, ?)`,
		&w.declared:      `INSERT OR IGNORE INTO declared VALUES(?, ?)`,
		&w.git:           `INSERT OR IGNORE INTO git VALUES(?, ?)`,
		&w.fault:         `INSERT INTO fault VALUES(?, ?)`,
	} {
		if *stmt, err = tx.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // close closes them
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *rowWriter) close() {
	for _, stmt := range []*sql.Stmt{w.record, w.blocks.insert, w.repo, w.label, w.itemLabel, w.file, w.declared, w.git, w.fault, w.words.insert} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

// write writes a batch.
func (w *rowWriter) write(ctx context.Context, b batch) error {
	for _, text := range b.faults {
		if _, err := w.fault.ExecContext(ctx, w.archive, text); err != nil {
			return err
		}
	}
	for _, f := range b.files {
		if _, err := w.file.ExecContext(ctx, f.Name, w.archive, f.Size); err != nil {
			return err
		}
	}
	for _, name := range b.git {
		if _, err := w.git.ExecContext(ctx, name, w.archive); err != nil {
			return err
		}
	}
	for _, d := range b.rows {
		if err := w.row(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// row writes a record.
func (w *rowWriter) row(ctx context.Context, d *row) error {
	id := d.id
	_, err := w.record.ExecContext(ctx, id, w.archive, d.kind, keyOf(d.url), keyOf(d.parent), keyOf(d.thread), keyOf(d.repo),
		d.number, d.created, d.updated, d.state, keyOf(d.milestone), d.author, d.title)
	if err != nil {
		return err
	}
	if err := w.blocks.add(ctx, id, d.raw); err != nil {
		return err
	}
	if d.repo != "" && len(w.named) < maxNamed {
		w.named[d.repo] = true
	}
	for name, contentType := range d.files {
		if _, err := w.declared.ExecContext(ctx, name, truncate(contentType, 200)); err != nil {
			return err
		}
	}
	for _, l := range d.labels {
		if _, err := w.itemLabel.ExecContext(ctx, keyOf(l), id); err != nil {
			return err
		}
	}
	switch d.kind {
	case kindRepository:
		return w.repository(ctx, id, d)
	case kindLabel:
		var err error
		decode(d.raw, func(l *archive.Label) { err = w.addLabel(ctx, keyOf(d.repo), l) })
		return err
	default:
		return nil
	}
}

// repository adds a repository and its labels. Several archives of a run may have the
// same repository.
func (w *rowWriter) repository(ctx context.Context, id int64, d *row) error {
	if d.url == "" {
		return nil
	}
	if err := w.addRepository(ctx, id, d.url, d.title); err != nil {
		return err
	}
	var err error
	decode(d.raw, func(r *archive.Repository) {
		for _, l := range r.Labels {
			err = errors.Join(err, w.addLabel(ctx, keyOf(d.url), &l))
		}
	})
	return err
}

// addRepository adds a repository, unless the index has it. A repository whose slug is
// taken by another repository gets a slug with a number.
func (w *rowWriter) addRepository(ctx context.Context, id int64, url archive.URL, name string) error {
	slug := slugOf(name)
	for n := int64(1); n < 1000; n++ {
		candidate := slug
		if n > 1 {
			candidate += "~" + itoa(n)
		}
		if _, err := w.repo.ExecContext(ctx, keyOf(url), id, string(url), name, candidate); err != nil {
			return err
		}
		var exists int
		err := w.tx.QueryRowContext(ctx, `SELECT 1 FROM repo WHERE key = ?`, keyOf(url)).Scan(&exists)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// addUnrecorded adds the repositories that records belong to, but that have no record
// themselves.
func (w *rowWriter) addUnrecorded(ctx context.Context) error {
	for _, url := range slices.Sorted(maps.Keys(w.named)) {
		if err := w.addRepository(ctx, 0, url, nameOfURL(url)); err != nil {
			return err
		}
	}
	return nil
}

func (w *rowWriter) addLabel(ctx context.Context, repo int64, l *archive.Label) error {
	if l.URL == "" {
		return nil
	}
	_, err := w.label.ExecContext(ctx, keyOf(l.URL), repo, truncate(l.Name, maxTitle), truncate(l.Color, 20), truncate(l.Description, maxTitle))
	return err
}
