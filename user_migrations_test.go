package ghmigrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestUserMigrations(t *testing.T) {
	for _, github := range githubs() {
		t.Run(github.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithAPIVersion(github.version))
				testMigrations(t, server, github, client.UserMigrations, "/user/migrations", "octocat", func() *ghmigrate.User {
					return accountOf(server, "octocat", "User", 583231)
				})
			}, github.opts...)
		})
	}
}

func TestUserMigrationsThatAGHESLacks(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startUserExports(t, server, client, 1)
		_, err := client.UserMigrations.Wait(t.Context(), 79)
		require.NoError(t, err, "the list has the migration")
		_, err = client.UserMigrations.Get(t.Context(), 79, nil)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		require.ErrorIs(t, client.UserMigrations.UnlockRepository(t.Context(), 79, "hello"), ghmigrate.ErrNotFound)
		require.ErrorIs(t, client.UserMigrations.DeleteArchive(t.Context(), 79), ghmigrate.ErrNotFound)
	}, ghmigratetest.WithGHES())
}
