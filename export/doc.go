// Package export exports a whole account: it takes a list of repositories and
// leaves verified archives, a manifest that accounts for each of them, and no
// locks. It may be stopped at any moment and continued, and it says exactly
// what it could not do.
//
//	manifest, err := export.Run(ctx, export.OrgAccount(client, "octo-org"), export.Options{
//		Repositories: names, // "octo-org/hello-world", …
//		Dir:          "backups",
//	})
//	if partial, ok := errors.AsType[*export.PartialError](err); ok {
//		… // partial.Repositories, partial.Locked
//	}
//
// [Run] divides the repositories into batches and, for each, starts a migration,
// waits until it is exported, asks GitHub what is in it, downloads its archive,
// reads that back and verifies it, puts it into the [Store], unlocks the
// repositories and deletes the archive at GitHub, as far as the [Options] say.
// Called again after a crash, it goes on where it was. [Unlock], [UnlockAll],
// [LockCandidates] and [Preflight] work without a run.
//
// # What it promises
//
// Every repository that was asked for has exactly one row in the manifest, and
// is proved to be covered three ways: it was asked for when the migration was
// started, GitHub lists it in the migration, and its record and Git data are in
// the archive. Where one is missing, or is there without its releases or
// attachments although they were asked for, Run returns a [*PartialError] beside
// the manifest: it never says success. What package archive cannot see in an
// archive ([archive.Verify] tells) is not seen here either.
//
// A migration is started once. GitHub has no way to make a request idempotent,
// so a start whose answer was lost (one that never got a connection was not) is
// looked for in the list of migrations for 90 seconds before it is sent again:
// above the highest ID that was known before, with the same options, the same
// repositories, and unknown to the journal. One that matches is adopted. Of
// several, the lowest is, marked as inferred; the others, and those that turn up
// later, are twins: they are recorded, and their locks released.
//
// An archive is deleted at GitHub only when the journal says, on disk, that the
// SHA-256 recomputed from the archive's file is that of the download, that nothing
// is missing or wrong in it, and that the Store has it. An inferred one, and a
// twin's, never is. One that died before it was fetched is exported again, and
// so is what GitHub, asked five times in two minutes, has not found once.
//
// A failed batch is tried once more, then halved, down to single repositories,
// and these again without releases and without attachments, when all else is
// over; the row tells what was dropped. If three batches running fail, or both
// halves of a batch twice in a row, it is not the repositories' fault: Run stops
// with [ErrSystemic], and the next call tries those that are single once more
// with all that they have. It stops so too after 3 starts in one call for each
// batch and 40 for each repository that is being isolated, and if GitHub has
// refused 50 batches and taken none.
//
// Locks are released when their migration is done, by the list of repositories
// that it has then; a failed one may hold some too. That GitHub knows of no lock
// counts only while the migration can be read and is done, and only two minutes
// after its end: when a lock lands is not documented. What could not be released
// is in PartialError.Locked, and the next Run in the same folder tries again. Only
// where GitHub has forgotten the migration nothing can release its locks through
// it any more, and they are named this once.
//
// # What it cannot
//
// One process at a time holds Dir, by a lock of the operating system that ends
// with the process. On a network file system the lock is as good as the file
// system makes it. Two runs for one account in two folders know nothing of each
// other: each may adopt, or unlock, what the other has started.
//
// Whether somebody else's migration with the same options and repositories, which
// was started in the half minute before an answer was lost, or after it, is ours,
// nobody can tell. A migration that GitHub creates more than 90 seconds after it
// answered 502 is a second export, and one that shows only after the run has
// ended is not looked for any more: by then one like it is more likely
// somebody's who needs its locks. [LockCandidates] lists it.
//
// How long an export may take is up to the context: a migration that stays in
// exporting is waited for. GitHub unlocks nothing before it has ended, nor says
// that it never will, and to start another would export twice.
//
// # The folder
//
//	backups/lock                              who holds it
//	backups/20261120T134500Z/journal          what has happened
//	backups/20261120T134500Z/migration-79.tar.gz
//	backups/20261120T134500Z/manifest.json    when the run is finished
//
// Each run has a folder of its own, named by the time of its begin in UTC. The
// newest unfinished one is continued; when it is finished the next call begins a
// new one, and takes over what the last one left locked. Nothing is ever removed
// but archives that a Store has, and those that do not read back as they came.
// Beside an archive there may be a .part and a .part.log while it is fetched.
//
// # The journal
//
// The journal is the truth, everything else follows from it. It is a text file
// of lines, each a checksum (CRC-32C, of it and all lines before, in eight
// hexadecimal digits), a space and a JSON object, and each is on disk before
// anything else happens:
//
//	{"run": {"version": 1, "account": "api.github.com/orgs/octo-org", "repositories": 250, …}}
//	{"plan": [{"number": 1, "repositories": […], "start": {…}, "try": 1}, …]}
//	{"job": 1, "state": {"intent": "start", "floor": 78, "starts": 1}}
//	{"job": 1, "state": {"floor": 78, "starts": 1, "migration": 79}}
//	…
//	{"end": {"at": "2026-11-20T14:02:11Z"}}
//
// The first line says what was asked for, and for whom: a user's account ends in
// the login; a plan names [Job] values, also those
// that take the place of failed ones; a state is a whole [State], in which intent
// tells what is about to happen; the end says that nothing is left to do. An
// intent without a result is what a crash leaves: a start is looked for, and all
// other effects are repeated, which does no harm. A last line that was cut is
// dropped; any other damage is [ErrDamaged], and Run touches nothing. The journal
// holds no token and no signed URL.
//
// # The manifest
//
// manifest.json is a [Manifest] as JSON, version 1: fields may be added to it. It
// is put in place as a whole, on disk and in the Store.
//
//	{
//	  "version": 1,
//	  "account": "api.github.com/orgs/octo-org",
//	  "begun": "2026-11-20T13:45:00Z",
//	  "ended": "2026-11-20T14:02:11Z",
//	  "options": ["lock_repositories"],
//	  "requested": 250, "covered": 250, "reduced": 0, "starts": 3, "adopted": 0, "inferred": 0,
//	  "repositories": [
//	    {
//	      "repository": "octo-org/hello-world",
//	      "requested": true, "in_migration": true, "in_archive": true, "stored": true,
//	      "batch": 1, "migration": 79, "archive": "migration-79.tar.gz",
//	      "size": 20480, "sha256": "…", "options": ["lock_repositories"], "deleted": true
//	    },
//	    …
//	  ]
//	}
//
// # Trouble
//
// Run waits out rate limits however long they last, and server errors, broken
// connections and errors of the Store for an hour, each batch for itself; the
// quarter of an hour that a poll takes to fail does not count. A disk
// that fails, a token that is refused, an hour in which nothing can be started,
// and the end of the context end the run; the next call continues it. Requests
// that change something are sent one at a time and a second apart, as GitHub asks
// for. All migrations that are waited for are looked at together, with a request
// for each hundred, or for each one of a user.
//
// # Step by step
//
// [Plan], [Job] and [Step] are what Run is made of, for a workflow engine or a
// serverless function that keeps the state of jobs itself and drives them one
// effect at a time. A Job is plain JSON; [Job.Next] tells which effect comes next
// and is a pure function of it; Step performs that one; [Job.Successors] tells
// what takes the place of a job that failed. What Run adds is the journal, the
// pauses and the manifest.
package export
