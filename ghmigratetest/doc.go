// Package ghmigratetest provides a fake GitHub for tests of programs that use
// GitHub's Migrations API. It works with any client library.
//
//	srv := ghmigratetest.NewServer()
//	defer srv.Close()
//	srv.AddRepository("octo-org/hello-world")
//	client, err := ghmigrate.NewClient(
//		ghmigrate.WithBaseURL(srv.URL()),
//		ghmigrate.WithHTTPClient(srv.Client()),
//		ghmigrate.WithToken(srv.Token()),
//	)
//
// A program with another client uses [Server.URL] as its base URL,
// [Server.Token] as its token and [Server.Client] as its HTTP client. It then
// works as with GitHub: POST /orgs/octo-org/migrations, poll until the state is
// exported, GET …/archive, follow the redirect to storage without the token. A
// program in another language talks to "ghmigrate fake", which runs the same
// server as a process.
//
// docs/fake.md in the repository lists the faults, the responses that the fake
// can send, and its differences from GitHub.
//
// # Operations
//
// The server implements the 22 operations that GitHub documents for migrations
// of organizations, migrations of users and source imports. It serves the API
// versions 2022-11-28 and 2026-03-10, and keeps state as GitHub does:
//
//   - A migration is pending, then exporting, then exported. It ends as failed
//     if it holds a repository with [PoisonsExport]. lock_repositories locks the
//     repositories when the export begins. Lists of migrations include imports
//     ([Server.AddImport]).
//   - An archive has the layout of genuine archives. The server makes the archive
//     at the first request for it, and deletes the archive after seven days.
//   - Lists come in pages whose links go to /organizations/ID. The rate limit is
//     counted and enforced. GET responses have ETags, and a 304 does not count
//     against the rate limit.
//   - Storage checks signatures and their expiry, serves byte ranges, respects
//     preconditions, and refuses a request with an Authorization header, as S3
//     does.
//   - [WithGHES] makes the server a GitHub Enterprise Server.
//
// GitHub's pages describe the parameters and responses of each operation:
//
//   - https://docs.github.com/rest/migrations/orgs
//   - https://docs.github.com/rest/migrations/users
//   - https://docs.github.com/rest/migrations/source-imports
//
// Seven more operations serve the requests that programs send before an export:
// GET /user, /user/memberships/orgs/ORG, /orgs/ORG, /orgs/ORG/memberships/USER,
// /orgs/ORG/repos, /meta, and POST /graphql (with GHES, only /api/graphql). The server
// knows two GraphQL queries. The second one reports locks, which REST does not
// report:
//
//	{ viewer { login } }
//	query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked lockReason } }
//
// # Repositories
//
// [Server.AddRepository] adds a repository; a server can hold a hundred thousand.
// The token belongs to the user "octocat", who owns the repositories
// "octocat/…". Every other owner is an organization, of which the user is an
// owner. [Server.RenameRepository], [Server.RemoveRepository] and
// [Server.UpdateRepository] change repositories in the middle of a migration.
// [Server.Requests] lists all requests, and [Server.Migration] returns the state
// of a migration.
//
// # Behind other servers
//
// [Server.Handler] is the whole server as an http.Handler, for a caller's own
// TLS, proxy or middleware:
//
//	front := httptest.NewTLSServer(srv.Handler())
//
// The handler selects the API or storage by path (/api/v3 and /storage) or, with
// [WithStorageHost], by host.
//
// # Time
//
// The server takes every date from [Server.Clock], also the Date header. It
// computes the state of a migration when a request comes. So this line ends
// exports, expires URLs and deletes archives at once:
//
//	srv.Clock().Advance(8 * 24 * time.Hour)
//
// With [InMemory] the server runs inside a testing/synctest bubble, where waiting
// takes no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
//		defer srv.Close()
//		…
//	})
//
// A client that clones the Transport of [Server.Client] should close its idle
// connections before the bubble ends. [Server.Close] closes the connections that
// remain open.
//
// # Faults
//
// [Server.Inject] takes faults. A [Fault] says which requests fail, and how:
//
//	srv.Inject(ghmigratetest.SecondaryRateLimit())
//	srv.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true})
//	srv.Inject(ghmigratetest.Fault{Operation: "migrations/get-status-*", Set: map[string]any{"/state": 7}})
//	srv.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, HasHeader: "Range", Times: -1, Status: 501})
//
// The second fault carries out a start, and breaks the connection before the
// response. The third one sends a number in place of a string. The fourth one
// makes storage refuse byte ranges. A fault selects requests by operation,
// migration, repository, count, probability and time. [ReadFaults] reads faults
// from JSON. [Server.InjectFunc] takes a function that chooses a fault for each
// request.
//
// [Server.SetFate] sets the outcome of each migration. A [Fate] says whether and when
// the export succeeds and when its repositories are locked. It also says when the
// archive exists, which repositories it lacks and how it is damaged:
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: m.ID%7 == 0, LocksAfter: time.Minute}
//	})
//
// [Server.SetArchive] replaces a stored archive, even during a download.
// [Server.Forget] removes a migration, its locks and its archive.
//
// # Access
//
// The server refuses fine-grained tokens and tokens of GitHub Apps
// (github_pat_, ghs_, ghu_) for migrations, as GitHub does. [WithScopes] sets the
// token's scopes, [WithTokenExpiry] sets its end, [Server.SetRole] sets the user's
// role in an organization, and [Server.RequireSSO] protects an organization with
// single sign-on.
//
// # Source imports
//
// GitHub has retired source imports, and the server responds with 410. GitHub
// does not document the status of its response. [WithSourceImports] enables source
// imports. An import then has the statuses detecting (unless the request gave
// vcs), importing, mapping, pushing and complete, in the time of
// [WithExportDuration]. Words in its vcs_url change the import:
//
//   - private: the import needs vcs_password (detection_needs_auth, auth), which
//     may be anything but "wrong" (auth_failed);
//   - multiple: there are several systems to choose from
//     (detection_found_multiple);
//   - nothing: there is nothing to import (detection_found_nothing);
//   - tfvc: there are several projects to choose from (choose);
//   - subversion, mercurial, git: the detected system, git by default;
//   - broken: the import ends with the status error;
//   - large: the repository has large files.
//
// # Stricter than GitHub
//
// A test should reveal mistakes that GitHub tolerates today. The following rules
// go beyond what GitHub is known to enforce, and [Lenient] drops them. Each
// refusal names that option:
//
//   - a request without X-GitHub-Api-Version gets 400;
//   - an Accept header other than application/vnd.github+json or
//     application/json gets 415;
//   - an Accept header that is given twice gets 415, and an Authorization or
//     X-GitHub-Api-Version header that is given twice gets 400;
//   - a query that cannot be parsed, and a body for an operation without a body,
//     get 400;
//   - an unknown parameter of the query (such as exclude[]) and a parameter that
//     is given twice get 422;
//   - exclude other than "repositories", page below 1, per_page outside of 1..100,
//     since below 0, and undocumented values of type, sort or direction get 422;
//   - an unknown field in a body, a field in another case, null, and data after
//     the object get 422;
//   - a repository that is named without its owner gets 422;
//   - an empty list of repositories without org_metadata_only gets 422, and so
//     do repositories with org_metadata_only.
//
// A lenient server still refuses the requests that GitHub refuses. A request without
// User-Agent gets 403, an API version that does not exist 410, and a wrong token 401.
// A field of the wrong type gets 422, and so does a repository that does not exist or
// belongs to another account.
package ghmigratetest
