// Package ghmigrate is a client for GitHub's Migrations REST API. It exports
// repositories of organizations and users from GitHub.com, GHE.com and GitHub
// Enterprise Server (GHES) as archives, and downloads the archives.
//
// GitHub calls an export a migration. A migration takes from seconds to hours,
// and GitHub keeps its archive for seven days.
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
// and [Client.Do] calls any other endpoint with the same retries and errors.
//
// Package [github.com/ghmigrate/ghmigrate/export] does the whole job for any number
// of repositories. Package [github.com/ghmigrate/ghmigrate/archive] reads, verifies
// and unpacks archives. Package [github.com/ghmigrate/ghmigrate/ghmigratetest] is
// a fake GitHub for tests.
//
// # Authentication
//
// GitHub's migration endpoints accept a personal access token (classic). They
// refuse fine-grained tokens and tokens of GitHub Apps. The export of an
// organization's repositories needs the scopes repo and admin:org and a token of
// an organization owner. The export of a user's own repositories needs the scope
// repo. If an organization uses single sign-on, the token must be authorized for
// the organization.
//
// The token is sent only to the API's own scheme, host and port: not to archive
// storage, and not after a redirect to another origin. Errors and logs show no
// token, signed URL or password, even if a proxy or a RoundTripper quotes one.
// Printing a [Client], [SignedURL] or [Secret] does not show them either.
//
// # Errors
//
// A failed response is an [*APIError], which has the reasons that GitHub gave. Use
// [errors.AsType] for its fields and [errors.Is] with the sentinels of this
// package for its kind:
//
//	switch {
//	case errors.Is(err, ghmigrate.ErrRateLimited):
//	case errors.Is(err, ghmigrate.ErrMissingScope):
//	case errors.Is(err, ghmigrate.ErrNotFound): // or the token may not see it
//	}
//
// [ErrUnexpectedAnswer] means that a response has status 2xx but is not the
// response to the request, such as a gateway's web page. A final refusal by
// archive storage is a [*StorageError]. A wrong argument is reported before any
// request is sent. If the context ends, the error matches both the context's Err
// and its Cause, and its text includes the last failure.
//
// [ErrNotSent] means that GitHub cannot have carried out the request. After any
// other error, GitHub may have carried it out, unless the error is an APIError
// with a status below 500 other than 408.
//
// # Responses
//
// GitHub changes the types of properties without notice. A property of another
// type than documented is left at its zero value, and a list element that is not
// an object is dropped. The call succeeds, and the logger of [WithLogger] gets
// a warning with the path of the first such value.
//
// # Lists
//
// A list method returns a sequence, which requests one page after another while
// the caller ranges over it. An error is yielded once, with nil, as the last
// element; the elements before it are valid. Leaving the loop stops the requests,
// and ranging again starts over. [Collect] returns the elements as a slice. If
// GitHub leaves out organizations that require single sign-on, the list ends with
// [ErrSSORequired].
//
// # Retries
//
// GET, HEAD and DELETE requests are retried, at most [WithMaxRetries] times, after
// a network error, a 408 and every 5xx but 501 and 505. The pauses grow from half
// a second to half a minute, or follow a Retry-After of up to a minute. If the
// response to a DELETE is lost and the retry gets 404, the DELETE counts as
// done. POST, PUT and PATCH requests are not retried after such a failure, since
// the server may have carried them out.
//
// Every request with a token is retried once, a second after a 401: GitHub
// sometimes sends a stray 401 to a valid token. The retry calls the token
// source again.
//
// Every request is retried after a rate limit, primary or secondary, as long as
// the waits of the call stay within [WithMaxRateLimitWait]. A longer limit is
// returned at once, with RetryAfter. No pause is longer than an hour. Certificate
// errors, a proxy that requires a login, refused redirects and errors of a token
// source are final.
//
// A redirect is followed to the same scheme, host and port with the same method,
// at most ten times in a row. Any other redirect is an error.
//
// One attempt, including the body of the response, takes at most 60 seconds,
// unless the client of [WithHTTPClient] has a Timeout. A response body may have up
// to 256 MiB. Neither limit applies to archives.
//
// # Waiting
//
// Wait, Watch and WatchAll poll at once, then in the intervals of
// [WithPollInterval]. Most polls are conditional requests, which cost no quota if
// nothing has changed. Waits survive an hour of server errors, network errors and
// unexpected responses ([WithMaxOutage]), and any rate limit. After a poll that
// succeeded, they survive refused redirects too, such as redirects to the login of
// a gateway. A 401 or 404 then ends a wait only when it persists for half a minute.
// Only the context limits how long an export may take.
//
// # Downloads
//
// DownloadArchive writes the archive to path.part and records in path.part.log
// which bytes are safely on disk. A later call, in any process, resumes from
// there. The file at path appears only when it is complete and synced.
//
// The signed URL of an archive expires after minutes and is renewed. Broken
// connections and server errors are retried until less than 1 MiB has arrived in
// five minutes. Every range must match the validator of the first range, so that
// a file never mixes two archives. A body that does not start as gzip is rejected.
// OpenArchive returns the archive as a stream, with the same guarantees.
//
// A download does not check the content of an archive: the SHA-256 covers the
// bytes that storage sent.
package ghmigrate
