package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-github/v93/github"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestTenCallsOfBothLibraries does one job with go-github and with ghmigrate.
// docs/go-github.md shows the calls side by side.
func TestTenCallsOfBothLibraries(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]func(ctx context.Context, baseURL, token string, transport http.RoundTripper, path string) error{
		"go-github": withGoGitHub,
		"ghmigrate": withGhmigrate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.Lenient(), ghmigratetest.WithExportDuration(50*time.Millisecond))
			t.Cleanup(server.Close)
			server.AddRepository("octo-org/hello-world")
			path := filepath.Join(t.TempDir(), "backup.tar.gz")
			require.NoError(t, job(t.Context(), server.URL(), server.Token(), server.Client().Transport, path))
			assert.FileExists(t, path)
			assert.False(t, server.Locked("octo-org/hello-world"))
			assert.True(t, server.Migrations()[0].ArchiveDeleted)
		})
	}
}

func withGoGitHub(ctx context.Context, baseURL, token string, transport http.RoundTripper, path string) error {
	root := baseURL + "/"
	httpClient := &http.Client{Transport: transport}

	client, err := github.NewClient(github.WithURLs(&root, &root), github.WithAuthToken(token), github.WithHTTPClient(httpClient))
	if err != nil {
		return err
	}

	m, _, err := client.Migrations.StartMigration(ctx, "octo-org", []string{"octo-org/hello-world"},
		&github.MigrationOptions{LockRepositories: true})
	if err != nil {
		return err
	}
	id := m.GetID()

	m, _, err = client.Migrations.MigrationStatus(ctx, "octo-org", id)
	if err != nil {
		return err
	}

	for m.GetState() != "exported" {
		if m.GetState() == "failed" {
			return errors.New("the export failed")
		}
		time.Sleep(10 * time.Millisecond) // five seconds at GitHub
		if m, _, err = client.Migrations.MigrationStatus(ctx, "octo-org", id); err != nil {
			return err // a 502 ends the wait
		}
	}

	opts := &github.ListOptions{PerPage: 100}
	for {
		migrations, resp, err := client.Migrations.ListMigrations(ctx, "octo-org", opts)
		if err != nil {
			return err
		}
		for _, m := range migrations {
			fmt.Fprintln(io.Discard, m.GetID(), m.GetState())
		}
		if resp.NextPage == 0 {
			break
		}
		opts.Page = resp.NextPage
	}

	req, err := client.NewRequest(ctx, "GET", fmt.Sprintf("orgs/octo-org/migrations/%d/repositories", id), nil)
	if err != nil {
		return err
	}
	var repositories []*github.Repository // of the first page
	if _, err := client.Do(req, &repositories); err != nil {
		return err
	}

	url, err := client.Migrations.MigrationArchiveURL(ctx, "octo-org", id)
	if err != nil {
		return err
	}

	get, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := httpClient.Do(get)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, resp.Body); err != nil {
		return err // and the file is half an archive
	}
	if err := file.Close(); err != nil {
		return err
	}

	for _, r := range repositories {
		if _, err := client.Migrations.UnlockRepo(ctx, "octo-org", id, r.GetName()); err != nil {
			return err
		}
	}

	_, err = client.Migrations.DeleteMigration(ctx, "octo-org", id)
	if err != nil {
		return err
	}

	_, _, err = client.Migrations.MigrationStatus(ctx, "octo-org", 404)
	if e, ok := errors.AsType[*github.ErrorResponse](err); ok && e.Response.StatusCode == http.StatusNotFound {
		return nil
	}
	return errors.New("found")
}

func withGhmigrate(ctx context.Context, baseURL, token string, transport http.RoundTripper, path string) error {
	httpClient := &http.Client{Transport: transport}

	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(baseURL), ghmigrate.WithToken(token), ghmigrate.WithHTTPClient(httpClient),
		ghmigrate.WithPollInterval(10*time.Millisecond, time.Second))
	if err != nil {
		return err
	}

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories:     []string{"octo-org/hello-world"},
		LockRepositories: true,
	})
	if err != nil {
		return err
	}
	id := m.ID

	m, err = client.OrgMigrations.Get(ctx, "octo-org", id, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(io.Discard, m.State)

	m, err = client.OrgMigrations.Wait(ctx, "octo-org", id)
	if err != nil {
		return err // ErrMigrationFailed, or GitHub failed for an hour
	}
	fmt.Fprintln(io.Discard, m.State)

	for m, err := range client.OrgMigrations.List(ctx, "octo-org", nil) {
		if err != nil {
			return err
		}
		fmt.Fprintln(io.Discard, m.ID, m.State)
	}

	repositories, err := ghmigrate.Collect(client.OrgMigrations.ListRepositories(ctx, "octo-org", id, nil))
	if err != nil {
		return err
	}

	url, err := client.OrgMigrations.ArchiveURL(ctx, "octo-org", id)
	if err != nil {
		return err
	}
	fmt.Fprintln(io.Discard, url) // prints without its signature

	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", id, path, nil)
	if err != nil {
		return err // the next call resumes
	}
	fmt.Fprintln(io.Discard, archive.Size, archive.SHA256)

	for _, r := range repositories {
		if err := client.OrgMigrations.UnlockRepository(ctx, "octo-org", id, r.Name); err != nil {
			return err
		}
	}

	err = client.OrgMigrations.DeleteArchive(ctx, "octo-org", id)
	if err != nil {
		return err
	}

	_, err = client.OrgMigrations.Get(ctx, "octo-org", 404, nil)
	if errors.Is(err, ghmigrate.ErrNotFound) {
		return nil
	}
	return errors.New("found")
}
