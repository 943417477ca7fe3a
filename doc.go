// Package ghmigrate is a client of GitHub's Migrations REST API. It exports
// repositories of organizations and users from GitHub.com, GHE.com and GitHub
// Enterprise Server (GHES) as archives, and fetches those archives whole.
//
// An export is a migration: it is started, takes from seconds to hours, and
// leaves an archive for seven days.
//
//	client, err := ghmigrate.NewClient(ghmigrate.WithToken(os.Getenv("GITHUB_TOKEN")))
//	…
//	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
//		Repositories: []string{"octo-org/hello-world"},
//	})
//	…
//	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
//	…
//	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, "backup.tar.gz", nil)
//
// [Client.UserMigrations] has the same methods for the token's own account,
// and [Client.Do] calls any other endpoint under the same policies.
//
// Package [github.com/ghmigrate/ghmigrate/export] does all of that for any number
// of repositories, and loses none; package
// [github.com/ghmigrate/ghmigrate/archive] reads, verifies and unpacks what was
// fetched; package [github.com/ghmigrate/ghmigrate/ghmigratetest] is a fake
// GitHub for tests.
//
// # Authentication
//
// GitHub's migration endpoints take a personal access token (classic) and no
// other kind. To export an organization it needs the scopes repo and
// admin:org, and its owner must own the organization; to export a user's own
// repositories it needs repo. Where an organization uses single sign-on the
// token must be authorized for it.
//
// The token is sent to the API's own scheme, host and port. It does not follow
// a redirect elsewhere, and archive storage never sees it. Tokens, signed URLs
// and passwords do not appear in errors or logs, and printing a [Client],
// [SignedURL] or [Secret] shows none.
//
// # Errors
//
// An answer that is no success is an [APIError], which tells what GitHub said;
// use [errors.AsType] for its fields and [errors.Is] with the sentinels of this
// package for its kind:
//
//	switch {
//	case errors.Is(err, ghmigrate.ErrRateLimited):
//	case errors.Is(err, ghmigrate.ErrMissingScope):
//	case errors.Is(err, ghmigrate.ErrNotFound): // or the token may not see it
//	}
//
// A wrong argument is an error before any request. When a context ends, the
// error matches both its Err and its Cause.
//
// # Lists
//
// A list asks for page after page as the loop over it goes on. An error is
// yielded once, beside nil, and ends the sequence; what came before is valid.
// Leaving the loop asks for nothing more, and ranging again begins anew.
// [Collect] makes a slice of it.
//
// # Retries
//
// GET, HEAD and DELETE are sent again, at most [WithMaxRetries] times, after a
// network error and after 500, 502, 503 and 504. The pauses grow from half a
// second to half a minute, or are what a Retry-After of up to a minute asks for.
// POST, PUT and PATCH are sent again only after a rate limit: what was answered
// with another failure may have happened. A DELETE that finds nothing after
// a first try whose answer was lost has succeeded.
//
// Any call waits for a rate limit, primary or secondary, and is sent again, as
// long as the waits of the call stay within [WithMaxRateLimitWait]; a longer
// limit is returned at once, with RetryAfter. Certificate errors, refused
// redirects and errors of a token source are final.
//
// A redirect is followed to the same scheme, host and port with the same method,
// at most ten times in a row; any other is an error.
//
// One attempt, its answer's body included, takes at most 60 seconds, unless the
// client of [WithHTTPClient] has a Timeout of its own, and an answer may have 256
// MiB. Archives are exempt from both.
//
// # Waiting
//
// Wait, Watch and WatchAll poll at once, then at the pace of
// [WithPollInterval]. Polls that find no change cost no quota. They survive 15
// minutes of server and network errors, and any rate limit; only the context
// bounds how long an export may take.
//
// # Downloads
//
// DownloadArchive writes path.part, and to path.part.log what of it is safely
// on disk; a later call, in any process, goes on from there. The file at path
// appears only when every byte is in place and synced. The archive's own URL
// dies after minutes and is renewed; cut connections and server errors are
// retried until less than 1 MiB has come in five minutes. Every range is held
// to the validator of the first, so that a file never mixes two archives, and
// what is no gzip is not stored. OpenArchive gives the same as a stream.
//
// What an archive holds is not looked at: its SHA-256 is that of the bytes
// that storage sent.
package ghmigrate
