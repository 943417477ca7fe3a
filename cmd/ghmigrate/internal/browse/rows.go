package browse

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// maxNamed bounds the memory for the names of repositories.
const maxNamed = 100_000

// A rowWriter writes the rows of one archive.
type rowWriter struct {
	archive int64
	last    int64 // the ID of the last record before this archive
	tx      *sql.Tx

	words *wordWriter
	texts textWriter
	// named are repositories that records belong to, up to maxNamed.
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
		&w.record:       `INSERT INTO record VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&w.texts.insert: `INSERT INTO text VALUES(?, ?)`,
		&w.repo:         `INSERT OR IGNORE INTO repo VALUES(?, ?, ?, ?, ?)`,
		&w.label:        `INSERT OR IGNORE INTO label VALUES(?, ?, ?, ?, ?)`,
		&w.itemLabel:    `INSERT OR IGNORE INTO item_label VALUES(?, ?)`,
		&w.file:         `INSERT OR IGNORE INTO file(name, archive, size) VALUES(?, ?, ?)`,
		&w.declared:     `INSERT OR IGNORE INTO declared VALUES(?, ?)`,
		&w.git:          `INSERT OR IGNORE INTO git VALUES(?, ?)`,
		&w.fault:        `INSERT INTO fault VALUES(?, ?)`,
	} {
		if *stmt, err = tx.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // close closes them
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *rowWriter) close() {
	for _, stmt := range []*sql.Stmt{w.record, w.texts.insert, w.repo, w.label, w.itemLabel, w.file, w.declared, w.git, w.fault, w.words.insert} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

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

func (w *rowWriter) row(ctx context.Context, d *row) error {
	id := d.id
	_, err := w.record.ExecContext(ctx, id, w.archive, d.kind, keyOf(d.url), keyOf(d.parent), keyOf(d.thread), keyOf(d.repo),
		d.number, d.created, d.updated, d.state, keyOf(d.milestone), d.author, d.title)
	if err != nil {
		return err
	}
	if err := w.texts.add(ctx, id, d.raw); err != nil {
		return err
	}
	if d.repo != "" && len(w.named) < maxNamed {
		w.named[d.repo] = true
	}
	for name, contentType := range d.files {
		if _, err := w.declared.ExecContext(ctx, name, cut(contentType, 200)); err != nil {
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
		decode(d.raw, func(l *archive.Label) { err = w.oneLabel(ctx, keyOf(d.repo), l) })
		return err
	default:
		return nil
	}
}

// searched reports whether a search may find a record.
func (d *row) searched() bool {
	switch d.kind {
	case kindEvent, kindThread, kindLabel, kindCategory, kindProtectedBranch, kindUnknown:
		return false
	default:
		return d.title != "" || d.body != ""
	}
}

// repository gives a repository its place in the addresses, and keeps its labels. The
// same repository may come again with another archive of the run.
func (w *rowWriter) repository(ctx context.Context, id int64, d *row) error {
	if d.url == "" {
		return nil
	}
	if err := w.place(ctx, id, d.url, d.title); err != nil {
		return err
	}
	var err error
	decode(d.raw, func(r *archive.Repository) {
		for _, l := range r.Labels {
			err = errors.Join(err, w.oneLabel(ctx, keyOf(d.url), &l))
		}
	})
	return err
}

// place adds a repository, unless it is there. Repositories whose names become one in
// an address are numbered.
func (w *rowWriter) place(ctx context.Context, id int64, url archive.URL, name string) error {
	slug := slugOf(name)
	for n := int64(1); n < 1000; n++ {
		try := slug
		if n > 1 {
			try += "~" + itoa(n)
		}
		if _, err := w.repo.ExecContext(ctx, keyOf(url), id, string(url), name, try); err != nil {
			return err
		}
		var there int
		err := w.tx.QueryRowContext(ctx, `SELECT 1 FROM repo WHERE key = ?`, keyOf(url)).Scan(&there)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// placeMissing adds the repositories that records name and of which the archives have
// no record.
func (w *rowWriter) placeMissing(ctx context.Context) error {
	for _, url := range slices.Sorted(maps.Keys(w.named)) {
		if err := w.place(ctx, 0, url, nameOfURL(url)); err != nil {
			return err
		}
	}
	return nil
}

func (w *rowWriter) oneLabel(ctx context.Context, repo int64, l *archive.Label) error {
	if l.URL == "" {
		return nil
	}
	_, err := w.label.ExecContext(ctx, keyOf(l.URL), repo, cut(l.Name, maxTitle), cut(l.Color, 20), cut(l.Description, maxTitle))
	return err
}

// slugOf returns OWNER/NAME of a repository for addresses and the names of files:
// two plain names, neither of which means something to a file system.
func slugOf(name string) string {
	owner, repo, ok := strings.Cut(name, "/")
	if !ok {
		owner, repo = "unknown", name
	}
	return pathPart(owner) + "/" + pathPart(repo)
}
