// Package export exports all repositories of an account. The result is verified
// archives, and a manifest with a row for each repository. An export unlocks the
// repositories that it locks, and lists the repositories that may still be locked. A
// caller may stop an export at any moment and continue it later.
//
//	manifest, err := export.Run(ctx, export.OrgAccount(client, "octo-org"), export.Options{
//		Repositories: names, // "octo-org/hello-world", …: see Repositories
//		Dir:          "backups",
//	})
//	if partial, ok := errors.AsType[*export.PartialError](err); ok {
//		… // partial.Repositories, partial.Locked
//	}
//
// [Run] divides the repositories into batches. For each batch, Run starts a
// migration, waits for the end of the export, reads GitHub's list of the
// migration's repositories, and unlocks them. Then it downloads the archive,
// verifies it, puts it into the [Store], and deletes it at GitHub. The [Options]
// say which of these steps apply. After a crash the next call continues the run.
// [Unlock], [UnlockAll], [LockCandidates] and [Preflight] need no run.
//
// # Promises
//
// Every requested repository has exactly one [Row]. A repository is covered if three
// facts are proved. The start requested it. GitHub lists it in the migration. The
// archive has its record and its Git data without a fault. If a proof is missing, Run
// returns a [*PartialError] beside the manifest, and Row.Error says why.
//
// If the response to a start is lost, Run searches the list of migrations for 90
// seconds before it sends the start again, so that no migration is started twice. A
// match is newer than all earlier migrations, is unknown to the run, and has the same
// options. It has the same repositories, or at least half of them: GitHub leaves out
// renamed and deleted repositories. If there are several matches, Run adopts the
// match with the lowest ID, marks it as inferred, and never deletes its archive. The
// other matches are twins, and so is a match that appears later. Run unlocks the
// repositories of a twin as soon as no job of the run still exports them.
//
// Run deletes an archive at GitHub only after the journal on disk records three
// facts. The recomputed SHA-256 is right. The archive is complete and has no fault.
// Its copy is in the Store, or in the run's folder.
//
// Run unlocks repositories as soon as their export has ended, successfully or
// not, and before the download. It trusts GitHub's response "not locked" only if it
// can read the migration and has listed its repositories, and only two minutes after
// the end of the export. PartialError.Locked lists the repositories that may still be
// locked. The next Run in Dir unlocks them.
//
// # Errors
//
// [Classify] assigns every error to a class, and the class decides what follows:
//
//	class   examples                                      consequence
//	retry   network, 408, 5xx, archive storage, a Store   the effect is retried until its pauses reach an hour; then the job waits
//	                                                      for the next call; after a second such call in a row, class job applies
//	denied  403, 400, 409                                 the same, until the pauses reach five minutes
//	absent  404                                           after five 404s, 30 seconds apart, the migration or archive is gone
//	wait    a rate limit                                  all requests pause; no failure is counted
//	job     422, 451, archive gone, refused by storage,   a transfer is tried three times, a minute apart; then the job is
//	        a full disk                                   divided, or the row is final; all other jobs continue
//	run     401, the journal cannot be written            the run ends; for a 401 only when the pauses reach five minutes
//
// If a batch fails, Run exports it once more, and then in halves, down to single
// repositories. If a single repository fails, Run waits until all other jobs are
// over. Then it exports the repository without releases, and if that export fails,
// without attachments: see Row.Dropped.
//
//   - A 422 that names repositories makes only their rows final.
//   - A 422 that names no repository is retried for ten minutes. If GitHub accepts
//     other batches meanwhile, the batch is halved.
//   - A fault below repositories/OWNER/NAME.git, or in a record of a repository,
//     condemns only that repository.
//   - If an archive lacks repositories, Run exports these once more.
//   - Run gives up an export after a day. PartialError.Locked lists its repositories.
//
// If three batches, or eight sets of repositories, fail in a row, Run suspects that
// GitHub exports nothing. Then it exports only single repositories, three at a time,
// drawn at random, until an export succeeds. If twelve fail, or all if there are
// fewer, Run returns [ErrSystemic], and the next call continues the run. The second
// such call in a row gives up the remaining repositories, so that the run finishes.
//
// The next run in Dir puts the repositories that failed into batches of their own,
// and starts these batches last, so that they do not delay other repositories.
//
// # Limits
//
// One process at a time holds Dir, by a lock of the operating system. Two runs of
// one account in two folders do not coordinate.
//
// Another program may start a migration with the same options and repositories
// within half a minute before a lost start, or after it. Run cannot distinguish
// that migration from its own.
//
// Run cannot find the migration of a lost start if most of its repositories were
// renamed or deleted meanwhile, or if it appears after the end of the run. In the
// second case [LockCandidates] lists it.
//
// A Store for object storage needs a lifecycle rule that removes incomplete
// multipart uploads: a crash leaves them.
//
// # Files
//
//	backups/lock                                     locked while Run runs
//	backups/20261120T134500Z-5f1c2a/journal          the state of the run
//	backups/20261120T134500Z-5f1c2a/migration-79.tar.gz
//	backups/20261120T134500Z-5f1c2a/manifest.json    a Manifest, when the run is finished
//
// The name of a run is its time in UTC and a random suffix. The time is later than
// the times of all earlier runs in Dir. Run removes archives that the Store has,
// damaged archives, and parts of abandoned downloads.
//
// Run computes everything else from the journal. Each line is a checksum (CRC-32C
// of this line and all previous lines, eight hexadecimal digits), a space and a JSON
// object. Run syncs each line to disk before it continues:
//
//	{"run": {"version": 2, "account": "api.github.com/orgs/octo-org", "repositories": 250, …}}
//	{"plan": [{"id": "1", "repositories": […], "start": {…}}, …]}
//	{"job": "1", "state": {"intent": "start", …}}
//	{"job": "1", "state": {"migration": 79, …}}
//	…
//	{"end": {"at": "2026-11-20T14:02:11Z"}}
//
// A plan is a list of [Job] values: job 7 is halved into 7.1 and 7.2. A state is a
// whole [State]. A crash leaves an intent without a result. After an interrupted
// start, Run searches for the migration; Run repeats all other effects. A truncated
// last line is dropped. Any other damage is an error, [ErrDamaged]. The journal
// holds no token and no signed URL.
//
// # Layers
//
// The core does no I/O and reads no clock: [Job] (job.go, apply.go), [Plan] and
// [Job.Successors] (plan.go), [Tally] (tally.go) and [NewManifest] (manifest.go).
//
// [Perform] performs the effects, through an [Account] and a [Store] (step.go,
// search.go, transfer.go, locks.go).
//
// Run is a driver (run.go, drive.go, starts.go, poll.go). It owns the journal, the
// folder and the pauses.
//
// Row.Error comes from Job.why in manifest.go, which reads State.Reason. [Job.Apply]
// copies State.Reason from the [Result] of an effect.
//
// # Other drivers
//
// A workflow engine is another driver. It keeps the jobs and the tally as JSON. For
// each job that is due (Job.Next), the engine saves the intent (Job.Begin), performs
// the effect on any machine ([Perform]), and applies the result (Job.Apply,
// Tally.Started, Tally.Ended). [Step] does all this for one effect, except for the
// tally. [Tally.Over], [Tally.MayStart], [Tally.Probe], [Tally.Rest] and [LateTwins]
// say which jobs come next.
package export
