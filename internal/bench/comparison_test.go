package main

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-github/v93/github"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// docs/comparison.md cites these tests.

// A POST that gets a 502 may have started an export.
func TestNeitherLibraryRepeatsAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.Lenient())
		defer server.Close()
		server.AddRepository("octo-org/hello-world")
		theirs, ours := bothClients(t, server)

		lost := ghmigratetest.ServerError(http.StatusBadGateway)
		lost.Method, lost.Applied = http.MethodPost, true
		server.Inject(lost, lost)
		_, _, err := theirs.Migrations.StartMigration(t.Context(), "octo-org", []string{"octo-org/hello-world"}, nil)
		require.Error(t, err)
		assert.Len(t, server.Migrations(), 1)
		_, err = ours.OrgMigrations.Start(t.Context(), "octo-org",
			ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello-world"}})
		require.Error(t, err)
		assert.Len(t, server.Migrations(), 2)
	})
}

func TestOnlyGhmigrateRepeatsAGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.Lenient())
		defer server.Close()
		theirs, ours := bothClients(t, server)

		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		_, _, err := theirs.Migrations.ListMigrations(t.Context(), "octo-org", nil)
		failed, ok := errors.AsType[*github.ErrorResponse](err)
		require.True(t, ok)
		assert.Equal(t, http.StatusBadGateway, failed.Response.StatusCode)
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		_, err = ghmigrate.Collect(ours.OrgMigrations.List(t.Context(), "octo-org", nil))
		require.ErrorIs(t, err, ghmigrate.ErrNotFound, "the response to the retry: the organization does not exist")
	})
}

func bothClients(t *testing.T, server *ghmigratetest.Server) (*github.Client, *ghmigrate.Client) {
	t.Helper()
	root := server.URL() + "/"
	theirs, err := github.NewClient(github.WithURLs(&root, &root), github.WithAuthToken(server.Token()), github.WithHTTPClient(server.Client()))
	require.NoError(t, err)
	ours, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()), ghmigrate.WithHTTPClient(server.Client()))
	require.NoError(t, err)
	return theirs, ours
}
