package browse

// createTables makes the tables of an index. The columns key, parent, thread, repo,
// milestone and label hold keys of URLs: see keyOf.
const createTables = `
CREATE TABLE archive(
	id      INTEGER PRIMARY KEY,
	path    TEXT NOT NULL,
	size    INTEGER NOT NULL,
	schema  TEXT NOT NULL,
	entries INTEGER NOT NULL
);
CREATE TABLE fault(archive INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE record(
	id        INTEGER PRIMARY KEY,
	archive   INTEGER NOT NULL,
	kind      INTEGER NOT NULL,
	key       INTEGER NOT NULL,
	parent    INTEGER NOT NULL,
	thread    INTEGER NOT NULL,
	repo      INTEGER NOT NULL,
	number    INTEGER NOT NULL,
	created   INTEGER NOT NULL,
	updated   INTEGER NOT NULL,
	state     INTEGER NOT NULL,
	milestone INTEGER NOT NULL,
	author    TEXT NOT NULL,
	title     TEXT NOT NULL
);
CREATE TABLE text(first INTEGER PRIMARY KEY, block BLOB NOT NULL); -- the JSON of records, see blocks.go
CREATE TABLE word(field INTEGER NOT NULL, word TEXT NOT NULL, segment INTEGER NOT NULL, ids BLOB NOT NULL, PRIMARY KEY(field, word, segment)) WITHOUT ROWID;
CREATE TABLE segment(segment INTEGER PRIMARY KEY);
CREATE TABLE repo(
	key    INTEGER PRIMARY KEY,
	record INTEGER NOT NULL, -- 0 if the archive has no record of the repository
	url    TEXT NOT NULL,
	name   TEXT NOT NULL, -- OWNER/NAME, as its Git data is called
	slug   TEXT NOT NULL UNIQUE COLLATE NOCASE -- its part of the addresses
);
CREATE TABLE label(key INTEGER PRIMARY KEY, repo INTEGER NOT NULL, name TEXT NOT NULL, color TEXT NOT NULL, description TEXT NOT NULL);
CREATE TABLE item_label(label INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY(label, item)) WITHOUT ROWID;
CREATE TABLE file(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, archive INTEGER NOT NULL, size INTEGER NOT NULL);
CREATE TABLE declared(name TEXT PRIMARY KEY, type TEXT NOT NULL) WITHOUT ROWID; -- the types that records declare for files
CREATE TABLE git(name TEXT PRIMARY KEY COLLATE NOCASE, archive INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE complete(at INTEGER NOT NULL);
`

// The conditions of partial indexes. SQLite uses a partial index only for a query that
// repeats the condition of the index word for word. The plus keeps SQLite from using the
// condition as a range of an index. SQLite preferred the range to "kind = ?", and read all
// items of a repository to find a number.
const (
	isItem  = `+kind BETWEEN 1 AND 5` // kindIssue to kindMilestone: the records with a page of their own
	isOther = `repo <> 0 AND +kind > 5`
)

// createIndexes completes an index after all archives are read: sorting once is faster
// than inserting in order. It also deletes records that an earlier archive has already.
const createIndexes = `
CREATE INDEX record_key ON record(key, kind) WHERE key <> 0;
DELETE FROM record WHERE id IN (
	SELECT later.id FROM (SELECT key, kind, min(id) AS first FROM record WHERE key <> 0 GROUP BY key, kind HAVING count(*) > 1) AS twice
	JOIN record AS later ON later.key = twice.key AND later.kind = twice.kind AND later.key <> 0 AND later.id > twice.first);
CREATE INDEX record_thread ON record(thread, kind, created) WHERE thread <> 0;
CREATE INDEX record_list ON record(repo, kind, state, created) WHERE ` + isItem + `;
CREATE INDEX record_newest ON record(repo, kind, created) WHERE ` + isItem + `;
CREATE INDEX record_number ON record(repo, kind, number) WHERE ` + isItem + ` AND number <> 0;
CREATE INDEX record_author ON record(author, created) WHERE ` + isItem + `;
CREATE INDEX record_milestone ON record(milestone, created) WHERE milestone <> 0;
CREATE INDEX record_login ON record(author) WHERE kind = 15;
CREATE INDEX record_kind ON record(kind);
CREATE INDEX record_parent ON record(parent) WHERE kind IN (12, 17);
CREATE INDEX record_repo ON record(repo, kind) WHERE ` + isOther + `;
CREATE TABLE tally AS SELECT repo, kind, state, count(*) AS n FROM record GROUP BY repo, kind, state;
CREATE INDEX label_repo ON label(repo, name);
`
