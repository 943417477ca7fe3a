// Package archive reads, verifies, extracts and writes the archives of
// GitHub's migrations: the tar.gz files that hold repositories, issues, pull
// requests and the people in them.
//
//	r, err := archive.NewReader(file, nil)
//	…
//	for record, err := range r.Records("issue", "issue_comment") {
//		…
//		switch record := record.(type) {
//		case *archive.Issue:
//			fmt.Println(record.URL.Number(), record.Title)
//		case *archive.IssueComment:
//			fmt.Println(record.Parent(), record.Body)
//		}
//	}
//
// Of a file, a stream of package ghmigrate or any other [io.Reader], [Verify]
// tells whether it is a whole backup, and [Extract] unpacks it.
//
// GitHub does not document their format. This page tells what is known of it,
// from archives of GitHub.com and GitHub Enterprise Server and from programs
// that write them for GitHub's importer.
//
// # Container
//
// An archive is a tar of the GNU dialect in exactly one gzip member. Names
// begin with "./", directories have entries of their own, and the order is
// that of the exporter's file system: anything may come first.
//
//	schema.json                        {"version": "1.0.1", "github_sha": "…"}
//	users_000001.json                  records, and so on for each type
//	issues_000001.json
//	issues_000002.json
//	repositories/octo-org/app.git/     bare Git repositories
//	repositories/octo-org/app.wiki.git/
//	attachments/<guid>/shot.png        what people attached to issues and comments
//	repository_files/<id>/log.txt      other files that they attached
//	releases/<guid>/app.zip            assets of releases
//
// Archives that somebody packed again may lack the "./", or have one directory
// around everything; this package reads them all the same.
//
// # Records
//
// A file of records is a JSON array; GitHub begins the next file after 100
// records, but files may be shorter, and numbers missing. There is no count to
// compare with. Each record has a type and a URL; the URL is its name, and
// records refer to each other by it:
//
//	{
//	  "type": "issue_comment",
//	  "url": "https://github.com/octo-org/app/issues/5#issuecomment-123",
//	  "issue": "https://github.com/octo-org/app/issues/5",
//	  "user": "https://github.com/octocat",
//	  "body": "Same here.",
//	  …
//
// Numbers are found in URLs alone ([URL.Number]). Issues and pull requests
// share their comments and events, which name one or the other. Labels are
// inside their repository. Files are named by links such as
// tarball://root/attachments/<guid>/shot.png. Where an account is gone, the URL
// is null; where a part was not exported, URLs name records that the archive
// does not have.
//
// The version of the schema does not tell which fields there are: GitHub adds
// some without changing it. What this package does not know it keeps: an
// [Unknown] for a record of a type that it does not know, or that does not fit
// what it knows of the type, [Record].Raw for fields. A program that must not
// lose a record has a case for *[Unknown].
//
// # Reading
//
// A [Reader] goes through an archive once, in constant memory, from a file or
// while it is being downloaded. [Reader.Records] yields typed records,
// [Reader.Entries] everything. [Open] indexes the records of a file so that
// they can be looked up and joined: the comments of an issue, the author of a
// comment.
//
// # Verifying
//
// [Verify] reads to the very end and reports everything that is wrong, each
// [Fault] with the name of its entry. gzip's checksum finds what was damaged
// after GitHub packed the archive; what was damaged or forgotten before is
// found by structure: records that do not parse, packs without their index,
// checksums inside Git's own files, branches whose commit is missing, links to
// files that are not there, repositories that were asked for. A wrong picture
// under the right name, or a record that was never written, leaves no trace.
//
// # Extracting
//
// [Extract] verifies and unpacks. An archive is not to be trusted more than
// those who could put things into it: a Git repository can carry commands in
// its configuration, a tar names that lead out of the folder. Extract writes
// inside the folder alone, refuses what does not belong into an archive, and
// leaves bare repositories with a configuration of its own, ready for git clone.
//
// # Writing
//
// A [Writer] writes the same layout, for GitHub's importer and for tests.
package archive
