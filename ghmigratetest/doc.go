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
// [Server.Token] as its token and [Server.Client] as its HTTP client, and does
// as with GitHub: POST /orgs/octo-org/migrations, poll until the state is
// exported, GET …/archive, follow the redirect to the storage origin without
// the token. One in another language talks to the example program fakegithub,
// which is this server as a process.
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
// # What it is
//
// The server has all 22 operations that GitHub documents for migrations of
// organizations, migrations of users and source imports, in the API versions
// 2022-11-28 and 2026-03-10, and keeps state as GitHub does. A migration is
// pending, then exporting, then exported, or failed if it holds a repository
// with [PoisonsExport]; lock_repositories locks as the export begins. Imports
// are listed among exports ([Server.AddImport]). A migration's archive has the
// layout of genuine ones, is made when it is first fetched, and dies after
// seven days. Lists come in pages whose links go to /organizations/ID; answers
// have validators, and a 304 costs nothing of the rate limit, which is counted
// and enforced. Storage checks signatures and their expiry, answers ranges and
// preconditions, and refuses a request that has an Authorization header, as S3
// does. [WithGHES] makes it a GitHub Enterprise Server. What each operation
// takes and answers is on GitHub's pages:
//
//   - https://docs.github.com/rest/migrations/orgs
//   - https://docs.github.com/rest/migrations/users
//   - https://docs.github.com/rest/migrations/source-imports
//
// Besides, there is what a program asks before it exports: GET /user,
// /user/memberships/orgs/ORG, /orgs/ORG, /orgs/ORG/memberships/USER,
// /orgs/ORG/repos and /meta; and POST /graphql (with GHES, /api/graphql) tells
// of a repository isLocked and lockReason, for which REST has no operation.
//
// Repositories are made by [Server.AddRepository], a hundred thousand if need
// be: each takes 250 bytes until it is asked for. The token belongs to the
// user "octocat", who owns the repositories "octocat/…"; every other owner is
// an organization, of which the user is an owner. All that happens is in
// [Server.Requests], and [Server.Migration] tells what became of a migration.
//
// # Time
//
// Everything lives by [Server.Clock], also the Date header; states are worked
// out whenever somebody looks, so that
//
//	srv.Clock().Advance(8 * 24 * time.Hour)
//
// ends exports, expires URLs and kills archives at once. With [InMemory] the
// server runs inside a testing/synctest bubble, where waiting takes no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
//		defer srv.Close()
//		…
//	})
//
// A client that clones the Transport of [Server.Client] should close its idle
// connections before the bubble ends; those that it forgets end with Close.
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
// ends well, when its locks land, when the archive is there, what the archive
// lacks and how it is damaged:
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: m.ID%7 == 0, LocksAfter: time.Minute}
//	})
//
// Tokens that begin as fine-grained ones and those of GitHub Apps do
// (github_pat_, ghs_, ghu_) are refused as GitHub refuses them for migrations,
// [WithScopes] takes scopes away, [WithTokenExpiry] ends the token,
// [Server.SetRole] the user's power over an organization, and
// [Server.RequireSSO] guards one. [Server.SetArchive] changes what is stored,
// even while it is downloaded; [Server.Forget] makes a migration as if it had
// never been.
//
// # Source imports
//
// GitHub has retired them, and so has this server: they answer 410, as it is
// not documented with which status GitHub does. With [WithSourceImports] they
// work. An import is detecting (unless vcs was given), importing, mapping,
// pushing and complete in the time of [WithExportDuration]. Words in its
// vcs_url make it otherwise:
//
//   - private: it needs vcs_password (detection_needs_auth, auth), which may
//     be anything but "wrong" (auth_failed);
//   - multiple: there are several systems to choose from
//     (detection_found_multiple);
//   - nothing: there is nothing to import (detection_found_nothing);
//   - tfvc: there are several projects to choose from (choose);
//   - subversion, mercurial, git: what is detected, git by default;
//   - broken: it ends with status error;
//   - large: it has large files.
//
// # Stricter than GitHub
//
// A test should see a mistake that GitHub may forgive today. These rules go
// beyond what GitHub is known to enforce, and [Lenient] drops them:
//
//   - a request without X-GitHub-Api-Version is answered 400;
//   - Accept must be application/vnd.github+json or application/json, else
//     415;
//   - that header or Authorization given twice, a query that cannot be parsed,
//     and a body where none is taken are answered 400;
//   - unknown parameters of the query (exclude[] is one), a parameter given
//     twice, exclude other than "repositories", page below 1, per_page
//     outside 1..100, since below 0, type, sort or direction with a value that
//     is not documented, are answered 422;
//   - unknown fields, fields in another case, null, and data after the object
//     in a body are answered 422;
//   - repositories must be "owner/name", not the bare name;
//   - repositories must not be empty without org_metadata_only, and must be
//     with it.
//
// Not among them, because GitHub does the same or documents it: no User-Agent
// is answered 403, an API version that does not exist 410, a wrong token 401,
// a field of the wrong type 422, and a repository that does not exist or
// belongs to somebody else 422. Some choices remain where GitHub's behavior is
// not documented: a repository is locked by one migration at a time, the
// first; a failed export keeps its locks until they are unlocked; who is no
// owner of an organization finds no migrations there (404); and storage of
// GHES refuses an Authorization header too.
//
// Nothing is refused for coming less than a second after another request,
// although GitHub asks for that pause between requests that change something:
// look at the times in [Server.Requests].
package ghmigratetest
