// Package export exports a whole account: it takes a list of repositories and
// leaves verified archives, a manifest that accounts for each repository, and no
// locks. A caller may stop it at any moment and continue it later.
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
// migration, waits for the end of the export, reads GitHub's list of the
// exported repositories, and unlocks them. Then it downloads the archive,
// verifies it, puts it into the [Store], and deletes it at GitHub, as far as
// the [Options] say. After a crash the next call continues the run. [Unlock],
// [UnlockAll], [LockCandidates] and [Preflight] need no run.
//
// # Promises
//
// Every repository that was asked for has exactly one [Row]. Three proofs make a
// repository covered: the start asked for it, GitHub lists it in the migration, and
// its record and Git data are in the archive without a fault. If a proof is missing,
// Run returns a [*PartialError] beside the manifest, and Row.Error says why.
//
// A migration is started once. If the response to a start is lost, Run searches
// the list of migrations for 90 seconds before it sends the start again. A match is
// newer than all migrations of before, is unknown to the run, and has the same
// options. It has the same repositories, or at least half of them: GitHub leaves out
// renamed and deleted repositories. Of several matches Run adopts the lowest, marks
// it as inferred, and never deletes its archive. The other matches are twins, and
// so is a match that appears later. Run unlocks the repositories of a twin as soon
// as no job of the run exports them any more.
//
// An archive is deleted at GitHub only after the journal on disk records three
// facts. Its SHA-256 was recomputed and is right. It is complete and has no
// fault. It is in its place.
//
// Run unlocks repositories as soon as their export has ended, successfully or
// not, and before the download. It believes GitHub's "not locked" only if the
// migration can be read, has ended, and was listed, and only two minutes after its
// end. PartialError.Locked lists the repositories that may still be locked. The
// next Run in Dir unlocks them.
//
// # Errors
//
// [Classify] alone decides what an error means:
//
//	class   examples                                      consequence
//	retry   network, 408, 5xx, storage trouble, a Store   the effect is retried for an hour of pauses; then the job waits for
//	                                                      the next call; the second such call in a row makes it class job
//	denied  403, 400, 409                                 the same, for five minutes
//	absent  404                                           five of them, 30 seconds apart, mean that it is gone
//	wait    a rate limit                                  all requests pause; nothing is counted
//	job     422, 451, archive gone, refused by storage,   the job is divided, or the row is final; all other jobs go on
//	        too large for the disk
//	run     401, the journal cannot be written            the run ends: a 401 after five minutes of pauses
//
// A batch that fails is exported once more, then halved, down to single
// repositories. A single repository that fails is held until all else is over,
// then exported without releases, then without attachments: Row.Dropped says
// so. A 422 that names repositories ends these alone. A 422 that does not name
// a repository is retried for ten minutes; if GitHub accepts other batches
// meanwhile, the batch is halved. A fault below repositories/OWNER/NAME.git, or
// in a record of a repository, condemns that repository alone. An archive that
// lacks repositories is exported once more for these. An export that runs for a
// day is given up, and its locks are named.
//
// If three batches, or eight sets of repositories, fail in a row, Run starts only
// single repositories, three at a time, drawn at random. One success ends the
// doubt. If twelve fail, Run returns [ErrSystemic], and the next call goes on. A
// second such call in a row gives up the rest, so that the run ends.
//
// The next run in Dir exports the repositories that failed last, in batches of
// their own, so that they keep no others from being exported.
//
// # Limits
//
// One process at a time holds Dir, by a lock of the operating system. Two runs
// for one account in two folders know nothing of each other. Nobody can tell whether
// another program's migration with the same options and repositories, started in the
// half minute before a lost start or after it, is the run's own. Run cannot find a
// lost start if most of its repositories were renamed or deleted meanwhile, nor a
// migration that appears after the end of the run: [LockCandidates] lists it. A
// Store for object storage needs a lifecycle rule that removes incomplete multipart
// uploads: a crash leaves them.
//
// # Files
//
//	backups/lock                                     held by a running Run
//	backups/20261120T134500Z-5f1c2a/journal          what has happened
//	backups/20261120T134500Z-5f1c2a/migration-79.tar.gz
//	backups/20261120T134500Z-5f1c2a/manifest.json    a Manifest, when the run is finished
//
// The name of a run is its time in UTC, later than all before it, and a random
// suffix. Run removes archives that the Store has, damaged archives, and parts of
// abandoned downloads.
//
// The journal is the truth; everything else follows from it. Each line is a
// checksum (CRC-32C of this line and all lines before, eight hexadecimal digits), a
// space and a JSON object. Each line is on disk before anything else happens:
//
//	{"run": {"version": 2, "account": "api.github.com/orgs/octo-org", "repositories": 250, …}}
//	{"plan": [{"id": "1", "repositories": […], "start": {…}}, …]}
//	{"job": "1", "state": {"intent": "start", …}}
//	{"job": "1", "state": {"migration": 79, …}}
//	…
//	{"end": {"at": "2026-11-20T14:02:11Z"}}
//
// A plan has [Job] values: job 7 is halved into 7.1 and 7.2. A state is a whole
// [State]. A crash leaves an intent without a result: Run searches for a start, and
// repeats all other effects. A truncated last line is dropped; any other damage is
// [ErrDamaged]. The journal holds no token and no signed URL.
//
// # Inside, and other drivers
//
// The core does no I/O and reads no clock: [Job] (job.go, apply.go), [Plan] and
// [Job.Successors] (plan.go), [Tally] (tally.go) and [NewManifest] (manifest.go).
// [Perform] has the effects, through an [Account] and a [Store] (step.go,
// transfer.go, locks.go, search.go). Run is a driver (run.go, drive.go): it has the
// journal, the folder and the pauses. Why is a repository not covered? Job.why in
// manifest.go makes Row.Error from State.Reason, which [Job.Apply] takes from the
// [Result] that Classify has judged.
//
// A workflow engine is another driver. It keeps jobs and the tally as JSON. For
// each job that is due (Job.Next) it saves the intent (Job.Begin), performs the
// effect on any machine, and applies the result (Job.Apply, Tally.Started,
// Tally.Ended). [Step] does that for one effect. [Tally.Over], [Tally.MayStart],
// [Tally.Probe], [Tally.Rest] and [LateTwins] say which jobs come next.
package export
