package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// An Account is the organization or the user that owns the repositories of an
// export: see [OrgAccount] and [UserAccount]. It has the methods of
// [ghmigrate.OrgMigrations] without the parameter for the organization, and
// [ghmigrate.Client.Do].
//
// To replace a method, embed an Account in a struct. An Account may implement
// [LockChecker] for [LockCandidates].
type Account interface {
	// String names the host and the account, such as
	// "api.github.com/orgs/octo-org". The name of a user's account ends in "/user":
	// Run asks GitHub for the login, and adds it.
	String() string
	// Owner is the name of the organization. It is empty for a user's account.
	Owner() string

	Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error]
	Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error)
	ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error]
	Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error]
	WatchAll(ctx context.Context) iter.Seq2[*ghmigrate.Migration, error]
	DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error)
	OpenArchive(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error)

	// DeleteArchive and UnlockRepository fail with [ghmigrate.ErrNotFound] if the
	// last response is 404, even if the response to an earlier attempt was lost.
	DeleteArchive(ctx context.Context, id int64) error
	UnlockRepository(ctx context.Context, id int64, repo string) error

	// Do sends all other requests, such as those for the token's owner, for
	// repositories and for memberships. See [ghmigrate.Client.Do].
	Do(ctx context.Context, method, path string, in, out any) (http.Header, error)
}

// OrgAccount returns the account of an organization.
func OrgAccount(c *ghmigrate.Client, org string) Account {
	return orgAccount{c, org}
}

// UserAccount returns the account of the user that the client's token belongs to.
func UserAccount(c *ghmigrate.Client) Account { return userAccount{c.UserMigrations, c} }

type orgAccount struct {
	*ghmigrate.Client
	org string
}

func (a orgAccount) String() string { return a.Host() + "/orgs/" + strings.ToLower(a.org) }

func (a orgAccount) Owner() string { return a.org }

func (a orgAccount) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return a.OrgMigrations.Start(ctx, a.org, req)
}

func (a orgAccount) List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	return a.OrgMigrations.List(ctx, a.org, opts)
}

func (a orgAccount) Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error) {
	return a.OrgMigrations.Get(ctx, a.org, id, opts)
}

func (a orgAccount) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return a.OrgMigrations.ListRepositories(ctx, a.org, id, opts)
}

func (a orgAccount) Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error] {
	return a.OrgMigrations.Watch(ctx, a.org, ids)
}

func (a orgAccount) WatchAll(ctx context.Context) iter.Seq2[*ghmigrate.Migration, error] {
	return a.OrgMigrations.WatchAll(ctx, a.org)
}

func (a orgAccount) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	return a.OrgMigrations.DownloadArchive(ctx, a.org, id, path, opts)
}

func (a orgAccount) OpenArchive(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error) {
	return a.OrgMigrations.OpenArchive(ctx, a.org, id)
}

func (a orgAccount) DeleteArchive(ctx context.Context, id int64) error {
	return remove(ctx, a, fmt.Sprintf("/orgs/%s/migrations/%d/archive", url.PathEscape(a.org), id))
}

func (a orgAccount) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return remove(ctx, a, fmt.Sprintf("/orgs/%s/migrations/%d/repos/%s/lock", url.PathEscape(a.org), id, url.PathEscape(repo)))
}

type userAccount struct {
	*ghmigrate.UserMigrations
	*ghmigrate.Client
}

func (a userAccount) String() string { return a.Host() + "/user" }

func (a userAccount) Owner() string { return "" }

// List ignores OmitRepositories: GitHub's list for a user cannot omit them.
func (a userAccount) List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	if opts == nil {
		return a.UserMigrations.List(ctx, nil)
	}
	return a.UserMigrations.List(ctx, &opts.ListOptions)
}

// Get searches the list if the call for a single migration responds 404: a GitHub
// Enterprise Server (GHES) does not have that call.
func (a userAccount) Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error) {
	m, err := a.UserMigrations.Get(ctx, id, opts)
	if !errors.Is(err, ghmigrate.ErrNotFound) {
		return m, err
	}
	for listed, listErr := range a.UserMigrations.List(ctx, nil) {
		switch {
		case listErr != nil:
			return nil, listErr
		case listed.ID == id:
			return listed, nil
		case listed.ID < id:
			return nil, err
		}
	}
	return nil, err
}

func (a userAccount) DeleteArchive(ctx context.Context, id int64) error {
	return remove(ctx, a, fmt.Sprintf("/user/migrations/%d/archive", id))
}

func (a userAccount) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return remove(ctx, a, fmt.Sprintf("/user/migrations/%d/repos/%s/lock", id, url.PathEscape(repo)))
}

// errRepeated reports that the retry of a DELETE got 404.
var errRepeated = fmt.Errorf("the response to an earlier attempt was lost: %w", ghmigrate.ErrNotFound)

// remove sends a DELETE. If a retry gets 404, the client counts the DELETE as done:
// it returns no error and no header. Then remove returns errRepeated.
func remove(ctx context.Context, acct Account, path string) error {
	header, err := acct.Do(ctx, http.MethodDelete, path, nil, nil)
	if err == nil && header == nil {
		return errRepeated
	}
	return err
}

// Repositories yields the repositories that an account can export, oldest first,
// each once. For an organization these are the repositories that the token can see,
// and for a user the repositories that the user owns. An error ends the sequence.
// The error matches [ghmigrate.ErrSSORequired] if GitHub leaves repositories out
// because the token is not authorized for single sign-on.
func Repositories(ctx context.Context, acct Account) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		if err := check(ctx, acct); err != nil {
			yield(nil, err)
			return
		}
		path := "/user/repos?affiliation=owner"
		if org := acct.Owner(); org != "" {
			path = "/orgs/" + url.PathEscape(org) + "/repos?type=all"
		}
		seen := map[int64]bool{}
		for page, more := 1, true; more; page++ {
			var found []*ghmigrate.Repository
			header, err := acct.Do(ctx, http.MethodGet, fmt.Sprintf("%s&sort=created&direction=asc&per_page=100&page=%d", path, page), nil, &found)
			if err != nil {
				yield(nil, fmt.Errorf("export: list the repositories: %w", err))
				return
			}
			for _, repo := range found {
				if repo == nil || seen[repo.ID] {
					continue
				}
				seen[repo.ID] = true
				if !yield(repo, nil) {
					return
				}
			}
			if strings.HasPrefix(header.Get("X-Github-Sso"), "partial-results") {
				yield(nil, fmt.Errorf("export: list the repositories: some are missing: %w", ghmigrate.ErrSSORequired))
				return
			}
			more = len(found) > 0 && strings.Contains(header.Get("Link"), `rel="next"`)
			if header.Get("Link") == "" { // some proxies strip it
				more = len(found) == 100
			}
		}
	}
}

// Newest returns the ID of the account's newest migration, or 0 if the account has
// no migration. A driver calls Newest before a start, for [Job.Begin].
func Newest(ctx context.Context, acct Account) (int64, error) {
	opts := &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}
	opts.PerPage = 1
	for m, err := range acct.List(ctx, opts) {
		if err != nil {
			return 0, err
		}
		return m.ID, nil
	}
	return 0, nil
}

// repositoryNames lists the repositories of a migration.
func repositoryNames(ctx context.Context, acct Account, id int64) ([]string, error) {
	names := []string{}
	for repo, err := range acct.ListRepositories(ctx, id, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, repo.FullName)
	}
	return names, nil
}

// maxFateRequests limits the requests of fatesOf.
const maxFateRequests = 25

// fatesOf asks GitHub about repositories that a migration lacks. It returns a
// sentence for each repository that was renamed, transferred or deleted.
func fatesOf(ctx context.Context, acct Account, names []string) map[string]string {
	fates := map[string]string{}
	for _, name := range names[:min(len(names), maxFateRequests)] {
		var now struct {
			FullName string `json:"full_name"`
		}
		owner, repo, _ := strings.Cut(name, "/")
		_, err := acct.Do(ctx, http.MethodGet, "/repos/"+url.PathEscape(owner)+"/"+url.PathEscape(repo), nil, &now)
		newOwner, _, _ := strings.Cut(now.FullName, "/")
		switch {
		case isAbsent(err):
			fates[name] = "the repository no longer exists, or the token has no access to it"
		case err != nil || now.FullName == "" || strings.EqualFold(now.FullName, name):
		case strings.EqualFold(newOwner, owner):
			fates[name] = fmt.Sprintf("the repository was renamed to %s: export it under that name", now.FullName)
		default:
			fates[name] = fmt.Sprintf("the repository was transferred to %s: export it from that account", now.FullName)
		}
	}
	return fates
}

// check checks the arguments that every function takes. An account without an
// owner must be the account of a user.
func check(ctx context.Context, acct Account) error {
	switch {
	case ctx == nil:
		return errors.New("export: ctx is nil")
	case acct == nil:
		return errors.New("export: the Account is nil")
	}
	owner := acct.Owner()
	if owner == "" && strings.HasSuffix(acct.String(), "/user") || validName(owner+"/name") {
		return nil
	}
	return fmt.Errorf("export: the account is %q: want the name of an organization, such as octo-org", owner)
}

// tokenOwner returns the login of the token's owner, and the version of the GHES;
// ghes is empty on other hosts.
func tokenOwner(ctx context.Context, acct Account) (login, ghes string, err error) {
	var user struct {
		Login string `json:"login"`
	}
	header, err := acct.Do(ctx, http.MethodGet, "/user", nil, &user)
	if err == nil && user.Login == "" {
		err = errors.New("the response has no login")
	}
	if err != nil {
		return "", "", fmt.Errorf("get the owner of the token: %w", err)
	}
	return user.Login, header.Get("X-Github-Enterprise-Version"), nil
}
