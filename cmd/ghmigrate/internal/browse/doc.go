// Package browse shows migration archives in a web browser: read-only pages on the
// loopback interface, or the same pages as files.
//
// Open builds an index of the archives in SQLite, in the user's cache folder. The index
// has three parts for each record: a row with the columns that lists need
// (describe.go), the JSON of the record (blocks.go), and its words (word_writer.go). The
// words are an inverted index in a table of SQLite, because FTS5 takes several times as
// long to build: see docs/measurements.md.
//
// A site makes the page for a path (site.go). The page_*.go files fill in the data of the
// templates. Addresses come from links.go, so that a Server and an export share the
// pages. The texts of an archive are hostile: html/template escapes them, and Markdown
// becomes HTML only in markdown.go.
package browse
