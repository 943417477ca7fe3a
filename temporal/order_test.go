package temporal_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

func TestBadOrders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		require.NoError(t, w.bucket.WriteAll(t.Context(), "empty.json", []byte("[]"), nil))
		for name, c := range map[string]struct {
			order temporal.Order
			want  string
		}{
			"both lists":          {temporal.Order{Repositories: w.names, RepositoriesObject: "x"}, "want one of them"},
			"too many":            {temporal.Order{Repositories: make([]string, 1001)}, "RepositoriesObject"},
			"too wide":            {temporal.Order{Concurrency: 51}, "1 to 50"},
			"negative pause":      {temporal.Order{Pause: -1}, "Pause"},
			"no object":           {temporal.Order{RepositoriesObject: "missing.json"}, "missing.json"},
			"empty object":        {temporal.Order{RepositoriesObject: "empty.json"}, "no repositories"},
			"of another owner":    {temporal.Order{Repositories: []string{"other/x"}}, "does not belong"},
			"malformed":           {temporal.Order{Repositories: []string{"x"}}, "owner/name"},
			"a batch of -1":       {temporal.Order{BatchSize: -1}, "BatchSize"},
			"excludes everything": {temporal.Order{Start: ghmigrate.StartMigrationRequest{ExcludeGitData: true, ExcludeMetadata: true}}, "nothing would be left"},
			"no such token":       {temporal.Order{Token: "missing"}, "no such token"},
		} {
			_, err := w.export(c.order)
			require.ErrorContains(t, err, c.want, name)
			assert.Zero(t, w.starts(), name)
		}
	})
}

// The name of an organization that is malformed or unknown fails the workflow at once.
func TestBadOrganizations(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for name, want := range map[string]string{"octo org": "want the name of an organization", "nobody": "nobody", "..": "want the name"} {
			begun := w.github.Clock().Now()
			_, err := w.run("ghmigrate/orgs/x", temporal.Export, temporal.Order{Organization: name})
			require.ErrorContains(t, err, want)
			assert.Less(t, w.github.Clock().Now().Sub(begun), time.Minute)
		}
	})
}

// A GitHub Enterprise Server cannot unlock the repositories of a user: an order that
// locks them is refused.
func TestAUserOfAServerCannotLock(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.github.AddRepository("octocat/one")
		for name, order := range map[string]temporal.Order{
			"one repository":   {Repositories: []string{"octocat/one"}, Start: locking},
			"all repositories": {Start: locking},
		} {
			_, err := w.run("ghmigrate/users/x", temporal.Export, order)
			require.ErrorContains(t, err, "LockRepositories", name)
		}
	}, ghmigratetest.WithGHES())
}

// A renamedAccount is an account whose organization is now called new-org. GitHub
// redirects requests for the former name.
type renamedAccount struct{ export.Account }

func (r renamedAccount) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	return r.Account.Do(ctx, method, strings.Replace(path, "/orgs/octo-org/repos", "/orgs/new-org/repos", 1), in, out)
}

func TestARenamedOrganization(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1)
		w.github.AddRepository("new-org/repo-01")
		w.wrap = func(acct export.Account) export.Account { return renamedAccount{acct} }
		_, err := w.export(temporal.Order{})
		require.ErrorContains(t, err, "order an export of new-org")
	})
}

// A token without rights fails the workflow before any start. The error has the remedy.
func TestATokenWithoutRights(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		_, err := w.export(temporal.Order{})
		require.ErrorContains(t, err, "admin:org")
		assert.Zero(t, w.starts())
	}, ghmigratetest.WithScopes("repo"))
}
