package ghmigrate_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestOrgMigrations(t *testing.T) {
	for _, github := range githubs() {
		t.Run(github.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithAPIVersion(github.version))
				testMigrations(t, server, github, orgService{client.OrgMigrations, "octo-org"}, "/orgs/octo-org/migrations", "octo-org", func() *ghmigrate.User {
					return accountOf(server, "octo-org", "Organization", 583232)
				})
			}, github.opts...)
		})
	}
}

// GHES has version 2026-03-10 of the API from 3.21.
func TestOrgMigrationsInAVersionThatAGHESLacks(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		client := testclient.New(t, server, ghmigrate.WithAPIVersion("2026-03-10"))
		_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		for _, err := range []error{err, drain(client.OrgMigrations.List(t.Context(), "octo-org", nil))} {
			var refusal *ghmigrate.APIError
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, http.StatusGone, refusal.StatusCode)
			assert.Equal(t, `The API version "2026-03-10" is not supported.`, refusal.Message)
		}
		assert.Len(t, server.Requests(), 2, "a retry would get the same response")
	}, ghmigratetest.WithGHES())
}

func TestOrgMigrationsListWithoutRepositories(t *testing.T) {
	for _, github := range githubs() {
		t.Run(github.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithAPIVersion(github.version))
				startExports(t, server, client, 1)
				before := len(server.Requests())
				listed, err := ghmigrate.Collect(client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}))
				require.NoError(t, err)
				assert.Equal(t, []sent{{"GET", "/orgs/octo-org/migrations", "exclude=repositories&per_page=100", ""}}, sentSince(server, before))
				found, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
				require.NoError(t, err)
				want, names := withoutRepositories(found)
				assert.Equal(t, []string{"octo-org/hello"}, names)
				require.Len(t, listed, 1)
				got, names := withoutRepositories(listed[0])
				assert.Equal(t, want, got)
				assert.Empty(t, names)
			}, github.opts...)
		})
	}
}

func TestOrgMigrationsExportMetadataOnly(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		client := testclient.New(t, server)
		m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{OrgMetadataOnly: true})
		require.NoError(t, err)
		assert.True(t, m.OrgMetadataOnly)
		assert.Empty(t, m.Repositories)
		m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
	})
}

// The bubble fails the test if a goroutine is left.
func TestAClientIsSafeForConcurrentUse(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octo-org/hello")
		server.Inject(ghmigratetest.Fault{Method: http.MethodGet, Origin: ghmigratetest.API, Status: http.StatusBadGateway, Times: 10})
		dir := t.TempDir()
		job := func(i int) error {
			m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{
				Repositories: []string{"octo-org/hello"}, OmitRepositories: true,
			})
			if err != nil {
				return err
			}
			if _, err := client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID); err != nil {
				return err
			}
			path := filepath.Join(dir, strconv.Itoa(i))
			if _, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", m.ID, path, nil); err != nil {
				return err
			}
			assert.Equal(t, 5000, client.RateLimit().Limit)
			assert.NotEmpty(t, fmt.Sprint(client))
			return drain(client.OrgMigrations.List(t.Context(), "octo-org", &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}))
		}
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = job(i) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, files, 8)
	})
}
