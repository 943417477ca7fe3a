package export

import "time"

// The limits of one job. The limits of all jobs together are in tally.go.
const (
	maxSearchTime = 90 * time.Second // from a lost start to the last search: GitHub may create the migration after a 502
	searchPause   = 10 * time.Second
	maxSearchAge  = 30 * time.Second // a search is repeated before the next start if it is older
	maxLostStarts = 5                // lost starts without a migration

	maxNamelessTime = 10 * time.Minute // of refusals of all starts that name no repository
	namelessPause   = time.Minute
	maxRetryTime    = time.Hour       // the sum of the pauses after temporary errors
	maxDeniedTime   = 5 * time.Minute // the sum of the pauses after refusals: 400, 401, 403
	firstPause      = 5 * time.Second // doubled after each failure
	longestPause    = 5 * time.Minute

	maxAbsences  = 5 // 404s for a migration, or for its archive
	absentPause  = 30 * time.Second
	maxRefusals  = 3 // refusals of an unlock, of a deletion or of a transfer
	refusalPause = time.Minute
	lateLockTime = 2 * time.Minute // after the end of an export GitHub may still lock; GitHub documents no limit
	maxDamages   = 2               // archives of one migration that changed on disk

	pollPause     = 30 * time.Second // for drivers without a poll for all jobs
	maxExportTime = 24 * time.Hour
	maxTries      = 2 // exports of one set of repositories that fail
	maxGone       = 3 // exports of one set of repositories whose archive goes away
	maxParks      = 2 // calls in a row that park a job
)
