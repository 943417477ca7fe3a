package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// An Account is whose repositories are exported: [OrgAccount] or
// [UserAccount]. It is what this package needs of a [ghmigrate.Client]; its
// methods are those of [ghmigrate.OrgMigrations], without the organization.
//
// To change one of them, embed an Account in a struct of your own, and pass on
// the contexts: what they hold tells whether a request has left. An Account that
// is a [LockChecker] too is asked by [LockCandidates].
type Account interface {
	// String names the host and the account, such as
	// "api.github.com/orgs/octo-org". That of a user ends in "/user": Run asks
	// GitHub for the login, and adds it.
	String() string
	// Owner is whom the repositories belong to; empty if only GitHub knows.
	Owner() string

	Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error]
	Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error)
	ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error]
	Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error]
	DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error)
	DeleteArchive(ctx context.Context, id int64) error
	UnlockRepository(ctx context.Context, id int64, repo string) error

	// Do is that of [ghmigrate.Client]. [Preflight] needs it, and for a user's
	// account whatever has to know whose it is or whether this is a GHES: [Run],
	// [Step] and [Unlock].
	Do(ctx context.Context, method, path string, in, out any) (http.Header, error)
}

// OrgAccount is the organization of that name.
func OrgAccount(c *ghmigrate.Client, org string) Account {
	return orgAccount{c.OrgMigrations, c, org}
}

// UserAccount is the account that the client's token belongs to.
func UserAccount(c *ghmigrate.Client) Account { return userAccount{c.UserMigrations, c} }

type orgAccount struct {
	migrations *ghmigrate.OrgMigrations
	client     *ghmigrate.Client
	org        string
}

func (a orgAccount) String() string { return a.client.Host() + "/orgs/" + strings.ToLower(a.org) }

func (a orgAccount) Owner() string { return a.org }

func (a orgAccount) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return a.migrations.Start(ctx, a.org, req)
}

func (a orgAccount) List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	return a.migrations.List(ctx, a.org, opts)
}

func (a orgAccount) Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error) {
	return a.migrations.Get(ctx, a.org, id, opts)
}

func (a orgAccount) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return a.migrations.ListRepositories(ctx, a.org, id, opts)
}

func (a orgAccount) Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error] {
	return a.migrations.Watch(ctx, a.org, ids)
}

func (a orgAccount) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	return a.migrations.DownloadArchive(ctx, a.org, id, path, opts)
}

func (a orgAccount) DeleteArchive(ctx context.Context, id int64) error {
	return a.migrations.DeleteArchive(ctx, a.org, id)
}

func (a orgAccount) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return a.migrations.UnlockRepository(ctx, a.org, id, repo)
}

func (a orgAccount) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	return a.client.Do(ctx, method, path, in, out)
}

type userAccount struct {
	*ghmigrate.UserMigrations
	client *ghmigrate.Client
}

func (a userAccount) String() string { return a.client.Host() + "/user" }

func (a userAccount) Owner() string { return "" }

// List asks for the repositories too: a user's list cannot omit them.
func (a userAccount) List(ctx context.Context, opts *ghmigrate.ListOrgMigrationsOptions) iter.Seq2[*ghmigrate.Migration, error] {
	if opts == nil {
		return a.UserMigrations.List(ctx, nil)
	}
	return a.UserMigrations.List(ctx, &opts.ListOptions)
}

// Get looks into the list where there is no call for a single migration, as on
// a GHES.
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

func (a userAccount) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	return a.client.Do(ctx, method, path, in, out)
}

// check tells what is wrong with what every function takes, before it does
// anything. An account without an owner is a user's.
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

// whoami asks whom the token belongs to, and for the version of the GHES if this
// is one.
func whoami(ctx context.Context, acct Account) (login, ghes string, err error) {
	var user struct {
		Login string `json:"login"`
	}
	header, err := acct.Do(ctx, http.MethodGet, "/user", nil, &user)
	if err == nil && user.Login == "" {
		err = errors.New("GitHub does not say")
	}
	if err != nil {
		return "", "", fmt.Errorf("whose token is it: %w", err)
	}
	return user.Login, header.Get("X-Github-Enterprise-Version"), nil
}
