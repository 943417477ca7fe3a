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
// [Verify] reports whether a file, a stream of package ghmigrate or any other
// [io.Reader] is a whole backup. [Extract] unpacks it.
//
// GitHub does not document the format. This page describes the archives of
// GitHub.com and GitHub Enterprise Server until 2026, and of programs that write
// archives for GitHub's importer.
//
// # Container
//
// An archive is a GNU tar in exactly one gzip member. Names begin with "./", and
// directories have entries of their own. The exporter's file system decides the
// order of the entries: any file may come first.
//
//	schema.json                        {"version": "1.0.1", "github_sha": "…"}
//	users_000001.json                  records, and so on for each type
//	issues_000001.json
//	issues_000002.json
//	repositories/octo-org/app.git/     bare Git repositories
//	repositories/octo-org/app.wiki.git/
//	attachments/<guid>/shot.png        files attached to issues and comments
//	repository_files/<id>/log.txt      other attached files
//	releases/<guid>/app.zip            assets of releases
//
// A repacked archive may lack the "./", or wrap everything in one directory. This
// package reads such archives, too. It recognizes the wrapping directory by a
// schema.json or a file of records in it.
//
// # Records
//
// A file of records is a JSON array. GitHub begins a new file after 100 records,
// but files may be shorter, and numbers may be missing. An archive does not say
// how many files it has. Each record has a type and a URL. The URL identifies the
// record, and other records refer to it:
//
//	{
//	  "type": "issue_comment",
//	  "url": "https://github.com/octo-org/app/issues/5#issuecomment-123",
//	  "issue": "https://github.com/octo-org/app/issues/5",
//	  "user": "https://github.com/octocat",
//	  "body": "Same here.",
//	  …
//
// The number of an issue is only in its URL ([URL.Number]). Comments and events
// of issues and of pull requests have the same types: each names its issue or its
// pull request. Labels are inside the record of their repository. A link such as
// tarball://root/attachments/<guid>/shot.png names a file ([EntryName]). The URL
// of a deleted account is null. In a partial export, URLs may name records that
// are not in the archive.
//
// The version of the schema does not say which fields exist: GitHub adds fields
// without a new version. This package keeps unknown fields and records. A record
// of an unknown type, or a record that does not fit its type, is an *[Unknown].
// All other records have their unknown fields in Raw. A program that must not lose
// a record needs a case for *[Unknown].
//
// Exports of 2026 have review requests, the pull request that closed an issue,
// attachments of reviews, and events of sub-issues and of Copilot. They do not have
// objects of Git LFS, rulesets, issue types, relationships, custom properties,
// Projects or packages.
//
// # Reading
//
// A [Reader] reads an archive once, in constant memory, also during a download.
// [Records] yields the records of one type, [Reader.Records] the records of
// several types, and [Reader.Entries] all files. [Open] indexes the records for
// lookups and joins: the comments of an issue, the author of a comment.
//
// # Verifying
//
// [Verify] reads an archive to its end and reports each [Fault] with its entry.
// The checksum of gzip finds all damage that happened after GitHub packed the
// archive. The structure shows earlier damage: records that do not parse, links to
// missing files, requested repositories that are missing, and repositories that
// git would refuse. An attachment with other content, or a record that was never
// written, leaves no trace. The documentation of Verify lists the damage that it
// cannot find.
//
// # Extracting
//
// [Extract] verifies and unpacks. Trust an archive no more than the people who
// can write to its repositories. The configuration of a Git repository may
// contain commands, and names in a tar may lead out of a directory. Extract writes
// only inside the directory and refuses files that do not belong in an archive.
// The extracted bare repositories have a new configuration, and git clone and git
// fsck accept them.
//
// # Writing
//
// A [Writer] writes the same layout, for GitHub's importer and for tests. It
// refuses names and records that a Reader would refuse.
package archive
