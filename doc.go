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
// Package [github.com/ghmigrate/ghmigrate/export] does the whole job for any number
// of repositories. Package [github.com/ghmigrate/ghmigrate/archive] reads, verifies
// and unpacks archives. Package [github.com/ghmigrate/ghmigrate/ghmigratetest] is
// a fake GitHub for tests.
//
// # Authentication
//
// GitHub's migration endpoints take a personal access token (classic), but no
// fine-grained token and no token of a GitHub App. The export of an
// organization needs the scopes repo and admin:org and an owner of the
// organization. The export of a user's own repositories needs repo. An
// organization with single sign-on must have authorized the token.
//
// The token is sent to the API's own scheme, host and port. A redirect to
// another origin does not get it, and archive storage never sees it. Tokens,
// signed URLs and passwords do not appear in errors or logs, also where a proxy
// or a RoundTripper quotes them. Printing a [Client], [SignedURL] or [Secret]
// does not show them.
//
// # Errors
//
// A failed response is an [APIError], which says what GitHub said. Use
// [errors.AsType] for its fields and [errors.Is] with the sentinels of this
// package for its kind:
//
//	switch {
//	case errors.Is(err, ghmigrate.ErrRateLimited):
//	case errors.Is(err, ghmigrate.ErrMissingScope):
//	case errors.Is(err, ghmigrate.ErrNotFound): // or the token may not see it
//	}
//
// A response of status 2xx that is not the response to the request, such as
// a gateway's web page, is [ErrUnexpectedAnswer]. A final refusal by archive
// storage is a [StorageError]. A wrong argument is an error before any request.
// When a context ends, the error matches both its Err and its Cause, and tells the
// last failure, too.
//
// [ErrNotSent] means that GitHub cannot have carried out the request. Any other
// error of a request that changes something leaves that open, unless it is an
// APIError with a status below 500.
//
// # Responses
//
// GitHub changes the types of properties without notice. A property of another
// type than documented is left at its zero value, and an element of a list that
// is not an object is left out. The call succeeds, and the logger of
// [WithLogger] gets a warning with the path of the first such value.
//
// # Lists
//
// A list requests page after page as the loop over it goes on. It yields an error
// once, with nil, as its last element; what came before is valid. Leaving the loop
// ends the requests, and ranging again starts over. [Collect] makes a slice of it.
// A list from which GitHub leaves out organizations for their single sign-on ends
// with [ErrSSORequired].
//
// # Retries
//
// GET, HEAD and DELETE are sent again, at most [WithMaxRetries] times, after a
// network error, a 408 and every 5xx but 501 and 505. The pauses grow from half
// a second to half a minute, or follow a Retry-After of up to a minute. If the
// response to a DELETE is lost and the retry gets 404, the DELETE counts as
// done. POST, PUT and PATCH are not sent again after such a failure, since the
// server may have carried them out.
//
// Every method is sent again, once and after a second, when a token gets a 401:
// GitHub answers good tokens with a stray 401 now and then. A token source is
// asked again.
//
// Every method is sent again after a rate limit, primary or secondary, as long as
// the waits of the call stay within [WithMaxRateLimitWait]. A longer limit is
// returned at once, with RetryAfter. No pause is longer than an hour. Certificate
// errors, a proxy that requires a login, refused redirects and errors of a token
// source are final.
//
// A redirect is followed to the same scheme, host and port with the same method,
// at most ten times in a row. Any other redirect is an error.
//
// One attempt, including the body of the response, takes at most 60 seconds,
// unless the client of [WithHTTPClient] has a Timeout. A response may have 256 MiB.
// Archives are exempt from both limits.
//
// # Waiting
//
// Wait, Watch and WatchAll poll at once, then in the intervals of
// [WithPollInterval]. Most polls are conditional: one that finds no change costs
// no quota. Waits survive an hour of server errors, network errors and unexpected
// responses ([WithMaxOutage]), and any rate limit. A 401 or 404 ends a wait when it
// persists for half a minute. Only the context limits how long an export may take.
//
// # Downloads
//
// DownloadArchive writes path.part, and to path.part.log what of it is safely
// on disk; a later call, in any process, goes on from there. The file at path
// appears only when every byte is in place and synced. The archive's own URL
// dies after minutes and is renewed; cut connections and server errors are
// retried until less than 1 MiB has come in five minutes. Every range is held
// to the validator of the first, so that a file never mixes two archives. A
// body that does not start as gzip is rejected. OpenArchive gives the same as a
// stream.
//
// A download does not check the content of an archive: the SHA-256 covers the
// bytes that storage sent.
package ghmigrate
