// Package browse shows migration archives in a web browser: read-only pages on the
// loopback interface, or the same pages as files.
//
// Open makes an index of the archives in SQLite, in the user's cache folder. A record
// becomes a row with what lists need (describe.go), its text, and its words
// (words.go). The words are an inverted index of our own in a table of SQLite: FTS5
// takes several times as long to build, see docs/measurements.md.
//
// A site makes a page for a path (site.go). The page_*.go files fill in what the
// templates show. Addresses come from links, so that a Server and an export share the
// pages. Texts of an archive are hostile: html/template escapes them, and Markdown
// goes through markdown.go alone.
package browse
