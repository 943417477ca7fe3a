// Package ghmigratetest is a fake GitHub, for tests of programs that use
// GitHub's Migrations API with any client library, and for trying them out.
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
// program in another language talks to "ghmigrate fake", which is this server as
// a process.
//
// docs/fake.md in the repository describes all faults, the responses that the
// fake can send, and where it differs from GitHub.
//
// # Operations
//
// The server has all 22 operations that GitHub documents for migrations of
// organizations, migrations of users and source imports. It serves the API
// versions 2022-11-28 and 2026-03-10, and keeps state as GitHub does:
//
//   - A migration is pending, then exporting, then exported, or failed if it
//     holds a repository with [PoisonsExport]. lock_repositories locks as the
//     export begins. Imports are listed among exports ([Server.AddImport]).
//   - An archive has the layout of genuine archives. The server makes it at the
//     first request for it, and deletes it after seven days.
//   - Lists come in pages whose links go to /organizations/ID. Responses have
//     validators, and a 304 costs nothing of the rate limit, which is counted
//     and enforced.
//   - Storage checks signatures and their expiry, serves ranges, respects
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
// Seven more operations serve what a program asks before it exports: GET /user,
// /user/memberships/orgs/ORG, /orgs/ORG, /orgs/ORG/memberships/USER,
// /orgs/ORG/repos, /meta, and POST /graphql (with GHES, /api/graphql). GraphQL
// has two queries. REST does not tell what the second one tells:
//
//	{ viewer { login } }
//	query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { isLocked lockReason } }
//
// # Repositories
//
// [Server.AddRepository] adds repositories, a hundred thousand if need be. The
// token belongs to the user "octocat", who owns the repositories "octocat/…".
// Every other owner is an organization, of which the user is an owner.
// [Server.RenameRepository], [Server.RemoveRepository] and
// [Server.UpdateRepository] change repositories in the middle of a migration.
// [Server.Requests] lists all requests, and [Server.Migration] tells what became
// of a migration.
//
// # Behind other servers
//
// [Server.Handler] is the whole server as an http.Handler, for a caller's own
// TLS, proxy or middleware:
//
//	front := httptest.NewTLSServer(srv.Handler())
//
// Its two origins are told apart by path (/api/v3 and /storage) or, with
// [WithStorageHost], by host.
//
// # Time
//
// [Server.Clock] is the time of everything, also of the Date header. The server
// works states out when a request comes, so that
//
//	srv.Clock().Advance(8 * 24 * time.Hour)
//
// ends exports, expires URLs and deletes archives at once. With [InMemory] the
// server runs inside a testing/synctest bubble, where waiting takes no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
//		defer srv.Close()
//		…
//	})
//
// A client that clones the Transport of [Server.Client] should close its idle
// connections before the bubble ends. Close ends the connections that it
// forgets.
//
// # Faults
//
// [Server.Inject] takes a [Fault]: which requests fail, and how.
//
//	srv.Inject(ghmigratetest.SecondaryRateLimit())
//	srv.Inject(ghmigratetest.Fault{Operation: "migrations/start-*", Applied: true})
//	srv.Inject(ghmigratetest.Fault{Operation: "migrations/get-status-*", Set: map[string]any{"/state": 7}})
//	srv.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, HasHeader: "Range", Times: -1, Status: 501})
//
// The second carries a start out and breaks the connection before the response.
// The third sends a number where a string belongs. The fourth is storage that
// refuses ranges. A fault selects requests by operation, migration, repository,
// count, probability and time. [ReadFaults] reads the same from JSON.
// [Server.InjectFunc] decides for each request.
//
// [Server.SetFate] decides what becomes of each migration: whether and when it
// succeeds, when its locks land, when the archive exists, what the archive
// lacks and how it is damaged:
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: m.ID%7 == 0, LocksAfter: time.Minute}
//	})
//
// # Access
//
// The server refuses fine-grained tokens and tokens of GitHub Apps
// (github_pat_, ghs_, ghu_) for migrations, as GitHub does. [WithScopes] takes
// scopes away, [WithTokenExpiry] ends the token, [Server.SetRole] changes the
// user's role in an organization, and [Server.RequireSSO] protects an
// organization.
//
// [Server.SetArchive] changes what is stored, even during a download.
// [Server.Forget] removes a migration without a trace.
//
// # Source imports
//
// GitHub has retired them, and the server answers 410: the status of GitHub's
// response is not documented. With [WithSourceImports] they work. An import is
// detecting (unless vcs was given), importing, mapping, pushing and complete in
// the time of [WithExportDuration]. Words in its vcs_url change that:
//
//   - private: it needs vcs_password (detection_needs_auth, auth), which may
//     be anything but "wrong" (auth_failed);
//   - multiple: there are several systems to choose from
//     (detection_found_multiple);
//   - nothing: there is nothing to import (detection_found_nothing);
//   - tfvc: there are several projects to choose from (choose);
//   - subversion, mercurial, git: the system that is detected, git by default;
//   - broken: it ends with status error;
//   - large: it has large files.
//
// # Stricter than GitHub
//
// A test should see a mistake that GitHub may forgive today. The following
// rules go beyond what GitHub is known to enforce, and [Lenient] drops them.
// Each refusal names that option:
//
//   - a request without X-GitHub-Api-Version is answered 400;
//   - Accept must be application/vnd.github+json or application/json, else
//     415;
//   - Accept or Authorization given twice, a query that cannot be parsed, and a
//     body for an operation without a body get 400;
//   - unknown parameters of the query (such as exclude[]) and a parameter given
//     twice get 422;
//   - so do exclude other than "repositories", page below 1, per_page outside
//     1..100, since below 0, and undocumented values of type, sort or
//     direction;
//   - unknown fields, fields in another case, null, and data after the object
//     in a body get 422;
//   - repositories must be "owner/name", not the bare name;
//   - repositories must not be empty without org_metadata_only, and must be
//     with it.
//
// A lenient server still refuses the requests that GitHub refuses: a request
// without User-Agent gets 403, an API version that does not exist 410, and a
// wrong token 401. A field of the wrong type gets 422, and so does a repository
// that does not exist or belongs to another account.
package ghmigratetest
