// Package export exports a whole account: it takes a list of repositories and
// leaves verified archives, a manifest that accounts for each repository, and no
// locks. It may be stopped at any moment and continued, and it says exactly
// what it could not do.
//
//	manifest, err := export.Run(ctx, export.OrgAccount(client, "octo-org"), export.Options{
//		Repositories: names, // "octo-org/hello-world", …: see Repositories
//		Dir:          "backups",
//	})
//	if partial, ok := errors.AsType[*export.PartialError](err); ok {
//		… // partial.Repositories, partial.Locked
//	}
//
// [Run] divides the repositories into batches. For each batch it starts a
// migration, waits for its end, reads GitHub's list of what is in it, unlocks the
// repositories, downloads the archive, verifies it, puts it into the [Store], and
// deletes it at GitHub, as far as the [Options] say. After a crash the next call
// goes on. [Unlock], [UnlockAll], [LockCandidates] and [Preflight] need no run.
//
// # Promises
//
// Every repository that was asked for has exactly one [Row]. Three proofs make
// it covered: it was asked for at the start, GitHub lists it in the migration, and
// its record and Git data are in the archive without a fault. If one is missing,
// Run returns a [*PartialError] beside the manifest, and Row.Error says why.
//
// A migration is started once. If the response to a start is lost, Run searches
// the list of migrations for 90 seconds before it sends the start again: for one
// above the newest ID of before, with the same options, with the same
// repositories or with at least half of them (GitHub leaves out what was renamed or
// deleted), and unknown to the run. Run adopts it. Of several it adopts the lowest,
// marks it as inferred, and never deletes its archive; the others are twins, and so
// is a migration that appears later. Run unlocks what a twin has locked as soon
// as no job of the run exports it any more.
//
// An archive is deleted at GitHub only when the journal says, on disk, that its
// SHA-256 was recomputed and is right, that it lacks nothing and has no fault, and
// that it is in its place.
//
// Locks are released as soon as the export has ended, whatever its end, and before
// the download. GitHub's "not locked" is believed only when the migration can be
// read, has ended, and its list was read, and only two minutes after its end. What
// could not be released is in PartialError.Locked, and the next Run in Dir tries
// again.
//
// # What an error costs
//
// [Classify] decides what an error means, and nothing else does:
//
//	class   examples                                      what follows
//	retry   network, 408, 5xx, storage trouble, a Store   the same effect again, for an hour of pauses; then the job waits
//	                                                      for the next call, and after a second such call is class job
//	denied  403, 400, 409                                 the same, for five minutes
//	absent  404                                           five times, 30 seconds apart: it is gone
//	wait    a rate limit                                  all requests pause; nothing is counted
//	job     422, 451, archive gone, refused by storage,   the job is divided, or the row is final; all others go on
//	        too large for the disk
//	run     401, the journal cannot be written            the run ends: a 401 after five minutes of pauses
//
// A batch that fails is exported once more, then halved, down to single
// repositories. A single one that fails is held until all else is over, then
// exported without releases, then without attachments: Row.Dropped says so. A 422
// that names repositories ends these alone; one that names none is sent again for
// ten minutes, unless GitHub accepts other batches meanwhile: then the batch is
// halved. A fault below repositories/OWNER/NAME.git condemns that repository alone.
// An archive that lacks something is exported once more for what it lacks. An
// export that runs for a day is given up, and its locks are named.
//
// If three batches, or eight sets of repositories, fail in a row, nothing but
// single repositories is started, three at a time, drawn at random. One success
// ends the doubt. If twelve fail, Run returns [ErrSystemic], and the next call goes
// on; a second such call in a row gives up what is left, so that the run ends.
//
// The next run in Dir exports the repositories that failed in this one last, each
// alone. They keep no others from being exported.
//
// # Limits
//
// One process at a time holds Dir, by a lock of the operating system that ends
// with the process. Two runs for one account in two folders know nothing of each
// other. Nobody can tell whether another program's migration with the same options
// and repositories, started in the half minute before a lost start or after it, is
// the run's own. A lost start of repositories of which most were renamed or deleted
// meanwhile cannot be found. A migration that appears after the end of the run is
// not searched for: [LockCandidates] lists it. A Store for object storage should have
// a lifecycle rule that removes incomplete multipart uploads: a crash leaves them.
//
// # Files
//
//	backups/lock                                     held by a running Run
//	backups/20261120T134500Z-5f1c2a/journal          what has happened
//	backups/20261120T134500Z-5f1c2a/migration-79.tar.gz
//	backups/20261120T134500Z-5f1c2a/manifest.json    when the run is finished
//
// A run is named by its time in UTC, later than all before it, and a random
// suffix. Run removes archives that the Store has, archives that do not read back
// as they came, and parts of downloads that were given up.
//
// The journal is the truth; everything else follows from it. It is a text file of
// lines, each a checksum (CRC-32C of it and all lines before, eight hexadecimal
// digits), a space and a JSON object, and each is on disk before anything else
// happens:
//
//	{"run": {"version": 2, "account": "api.github.com/orgs/octo-org", "repositories": 250, …}}
//	{"plan": [{"id": "1", "repositories": […], "start": {…}}, …]}
//	{"job": "1", "state": {"intent": "start", …}}
//	{"job": "1", "state": {"migration": 79, …}}
//	…
//	{"end": {"at": "2026-11-20T14:02:11Z"}}
//
// A plan has [Job] values, also those that take the place of others: job 7 is
// halved into 7.1 and 7.2. A state is a whole [State]. An intent without a result is
// what a crash leaves: a start is searched for, and all other effects are repeated.
// A last line that was cut is dropped; any other damage is [ErrDamaged]. The
// journal holds no token and no signed URL.
//
// manifest.json is a [Manifest] as JSON, put in place as a whole, on disk and in
// the Store:
//
//	{
//	  "version": 2,
//	  "account": "api.github.com/orgs/octo-org",
//	  "run": "api.github.com/orgs/octo-org/20261120T134500Z-5f1c2a",
//	  "begun": "2026-11-20T13:45:00Z",
//	  "ended": "2026-11-20T14:02:11Z",
//	  "options": ["lock_repositories"],
//	  "requested": 250, "covered": 250, "reduced": 0, "starts": 3, "adopted": 0, "inferred": 0,
//	  "repositories": [
//	    {
//	      "repository": "octo-org/hello-world",
//	      "requested": true, "in_migration": true, "in_archive": true, "stored": true,
//	      "batch": "1", "migration": 79, "archive": "migration-79.tar.gz",
//	      "size": 20480, "sha256": "…", "options": ["lock_repositories"], "deleted": true
//	    },
//	    …
//	  ]
//	}
//
// # Inside, and other drivers
//
// The core does no I/O and reads no clock: [Plan], [Job] (job.go, apply.go,
// successors.go), [Tally] (tally.go) and [NewManifest] (manifest.go). [Perform] has
// the effects, through an [Account] and a [Store] (step.go, transfer.go, locks.go).
// Run is a driver (run.go, drive.go): it has the journal, the folder and the
// pauses. Why is a repository not covered? Row.Error is made by Job.why in
// manifest.go, from State.Reason, which Job.Apply sets from what Classify says.
//
// A workflow engine is another driver. It keeps jobs and the tally as JSON, and
// for each job that is due (Job.Next) saves the intent (Job.Begin), performs the
// effect on any machine, and applies the result (Job.Apply, Tally.Started,
// Tally.Ended). [Step] does that for one effect. [Tally.Over], [Tally.MayStart],
// [Tally.Probe] and [Tally.Rest] say which jobs come next.
package export
