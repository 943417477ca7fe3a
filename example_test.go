package ghmigrate_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// Export two repositories of an organization, fetch the archive, and leave
// nothing locked.
func Example() {
	ctx := context.Background()

	// A fake GitHub. For the real one, WithToken is all that a client needs.
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	github.AddRepository("octo-org/spoon-knife")

	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(github.Token()),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
		ghmigrate.WithPollInterval(10*time.Millisecond, 20*time.Millisecond),
	)
	check(err)

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories:     []string{"octo-org/hello-world", "octo-org/spoon-knife"},
		LockRepositories: true,
	})
	check(err)
	fmt.Println("migration", m.ID, "is", m.State)

	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	check(err)
	fmt.Println("migration", m.ID, "is", m.State)

	dir, err := os.MkdirTemp("", "backup-")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, filepath.Join(dir, "backup.tar.gz"), nil)
	check(err)
	info, err := os.Stat(archive.Path)
	check(err)
	fmt.Println(info.Name(), "is complete:", info.Size() == archive.Size)

	for repo, err := range client.OrgMigrations.ListRepositories(ctx, "octo-org", m.ID, nil) {
		check(err)
		check(client.OrgMigrations.UnlockRepository(ctx, "octo-org", m.ID, repo.Name))
		fmt.Println(repo.FullName, "is unlocked")
	}
	check(client.OrgMigrations.DeleteArchive(ctx, "octo-org", m.ID))

	// Output:
	// migration 79 is pending
	// migration 79 is exported
	// backup.tar.gz is complete: true
	// octo-org/hello-world is unlocked
	// octo-org/spoon-knife is unlocked
}

// Follow many exports with one loop. A failed one is a value among the others.
func ExampleOrgMigrations_Watch() {
	ctx := context.Background()
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	github.AddRepository("octo-org/too-large", ghmigratetest.PoisonsExport())
	client := clientOf(github)

	var ids []int64
	for _, name := range []string{"octo-org/hello-world", "octo-org/too-large"} {
		m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{name}})
		check(err)
		ids = append(ids, m.ID)
	}

	for m, err := range client.OrgMigrations.Watch(ctx, "octo-org", ids) {
		switch {
		case err != nil && m == nil:
			check(err) // GitHub is out of reach, or the context has ended
		case err != nil:
			fmt.Println("migration", m.ID, "cannot be watched:", err)
		case m.State.Done():
			fmt.Println("migration", m.ID, "has", m.State)
		}
	}

	// Unordered output:
	// migration 79 has exported
	// migration 80 has failed
}

// Read an archive without a file in between: here its listing, elsewhere an
// upload to object storage.
func ExampleOrgMigrations_OpenArchive() {
	ctx := context.Background()
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	client := clientOf(github)

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello-world"}})
	check(err)
	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	check(err)

	stream, err := client.OrgMigrations.OpenArchive(ctx, "octo-org", m.ID)
	check(err)
	defer stream.Close()

	unzipped, err := gzip.NewReader(stream)
	check(err)
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(err)
		if strings.HasSuffix(file.Name, ".json") {
			fmt.Println(strings.TrimPrefix(file.Name, "./"))
		}
	}
	_, err = io.Copy(io.Discard, stream) // what is behind the last file
	check(err)
	fmt.Println("complete, with a SHA-256 of", len(stream.SHA256()), "digits")

	// Unordered output:
	// schema.json
	// organizations_000001.json
	// repositories_000001.json
	// users_000001.json
	// complete, with a SHA-256 of 64 digits
}

// What went wrong is told by errors.Is, and in detail by the APIError.
func ExampleAPIError() {
	ctx := context.Background()
	github := ghmigratetest.NewServer()
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	client := clientOf(github)

	_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world", "octo-org/typo"},
	})
	if failure, ok := errors.AsType[*ghmigrate.APIError](err); ok && errors.Is(err, ghmigrate.ErrValidation) {
		fmt.Println(failure.StatusCode, failure.Message)
		for _, detail := range failure.Errors {
			fmt.Println(detail.Field+":", detail.Message)
		}
	}

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello-world"}})
	check(err)
	_, err = client.OrgMigrations.ArchiveURL(ctx, "octo-org", m.ID)
	switch {
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
		fmt.Println("wait for it")
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		fmt.Println("export it again")
	}

	// Output:
	// 422 Validation Failed
	// repositories: octo-org/typo does not exist
	// wait for it
}

// Receive the webhook that tells how an import ended.
func ExampleParseRepositoryImportEvent() {
	secret := []byte("the webhook's secret")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := ghmigrate.ParseRepositoryImportEvent(r, secret)
		if err != nil {
			fmt.Println(err)
			http.Error(w, "not from GitHub", http.StatusForbidden)
			return
		}
		fmt.Println("import into", event.Repository.FullName+":", event.Status)
	})

	// What GitHub sends, signed with the secret, and what somebody else may send.
	for _, key := range []string{"the webhook's secret", "a guess"} {
		body := `{"status":"success","repository":{"full_name":"octo-org/hello-world"}}`
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "repository_import")
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}

	// Output:
	// import into octo-org/hello-world: success
	// repository_import webhook: the signature does not match
}

// Call an endpoint that has no method, with the client's authentication,
// retries and rate limits: here page by page.
func ExampleClient_Do() {
	ctx := context.Background()
	github := ghmigratetest.NewServer()
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	client := clientOf(github)
	for range 3 {
		_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello-world"}})
		check(err)
	}

	for page := 1; ; page++ {
		var migrations []struct {
			ID   int64
			GUID string
		}
		path := fmt.Sprintf("/orgs/octo-org/migrations?exclude=repositories&per_page=2&page=%d", page)
		header, err := client.Do(ctx, http.MethodGet, path, nil, &migrations)
		check(err)
		for _, m := range migrations {
			fmt.Println(m.ID, m.GUID)
		}
		if !strings.Contains(header.Get("Link"), `rel="next"`) {
			break
		}
	}

	// Output:
	// 81 0b989bf5-242f-11e5-81e1-c7b6966d2516
	// 80 0b989bf4-242f-11e5-81e1-c7b6966d2516
	// 79 0b989bf3-242f-11e5-81e1-c7b6966d2516
}

// A vault is where tokens are kept, and replaced now and then.
type vault struct{ token string }

func (v *vault) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: v.token}, nil
}

// A TokenSource is asked before every attempt, so that a token can be replaced
// while a client lives.
func ExampleWithTokenSource() {
	ctx := context.Background()
	github := ghmigratetest.NewServer()
	defer github.Close()
	github.AddRepository("octocat/hello-world")

	tokens := &vault{token: "ghp_revoked"}
	client, err := ghmigrate.NewClient(
		ghmigrate.WithTokenSource(tokens),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
	)
	check(err)

	_, err = ghmigrate.Collect(client.UserMigrations.List(ctx, nil))
	fmt.Println("unauthorized:", errors.Is(err, ghmigrate.ErrUnauthorized))

	tokens.token = github.Token()
	migrations, err := ghmigrate.Collect(client.UserMigrations.List(ctx, nil))
	check(err)
	fmt.Println("migrations:", len(migrations))

	// Output:
	// unauthorized: true
	// migrations: 0
}

// clientOf makes a client of a fake GitHub whose exports are over in no time.
func clientOf(github *ghmigratetest.Server) *ghmigrate.Client {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(github.Token()),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
		ghmigrate.WithPollInterval(10*time.Millisecond, 20*time.Millisecond),
	)
	check(err)
	return client
}

// check ends an example that went wrong.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
