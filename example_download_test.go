package ghmigrate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/ghmigrate/ghmigrate"
)

// The file appears only when it is complete. After an error, the same call resumes
// the download.
func ExampleOrgMigrations_DownloadArchive() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	m := exportAndWait(ctx, client, "octo-org/hello-world", false)
	dir, err := os.MkdirTemp("", "backup-")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()

	var percent int64
	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, filepath.Join(dir, "backup.tar.gz"),
		&ghmigrate.DownloadOptions{
			Progress: func(written, total int64) { percent = 100 * written / max(total, 1) }, // total is -1 if not known
		})
	check(err)
	fmt.Println(percent, "%")
	info, err := os.Stat(archive.Path)
	check(err)
	fmt.Println(info.Name(), "is complete:", info.Size() == archive.Size)

	check(client.OrgMigrations.DeleteArchive(ctx, "octo-org", m.ID)) // GitHub would delete it after seven days
	// Output:
	// 100 %
	// backup.tar.gz is complete: true
}

// Another program can fetch the archive with its URL. The URL is a secret, so it is
// printed without its query.
func ExampleOrgMigrations_ArchiveURL() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	m := exportAndWait(ctx, client, "octo-org/hello-world", false)

	url, err := client.OrgMigrations.ArchiveURL(ctx, "octo-org", m.ID)
	check(err)
	fmt.Println(url.Expires().Sub(github.Clock().Now()) > 0)
	res, err := http.Get(url.Reveal()) // the whole URL, for example for curl
	check(err)
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output:
	// true
	// 200 OK
}

// upload sends the archive of a migration to object storage without a file, and
// returns its SHA-256. The stream retries after broken connections and expired
// URLs, and ends with io.EOF only when every byte has arrived.
func upload(ctx context.Context, client *ghmigrate.Client, id int64, bucket string) (string, error) {
	stream, err := client.OrgMigrations.OpenArchive(ctx, "octo-org", id)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, bucket, stream)
	if err != nil {
		return "", err
	}
	req.ContentLength = stream.Size()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("upload to %s: %s", bucket, res.Status)
	}
	return stream.SHA256(), nil
}

// The stream of an archive is the body of an upload.
func ExampleOrgMigrations_OpenArchive() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	m := exportAndWait(ctx, client, "octo-org/hello-world", false)

	storage := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Println(r.Method, r.URL.Path, "is complete:", n == r.ContentLength && err == nil)
	}))
	defer storage.Close()

	sum, err := upload(ctx, client, m.ID, storage.URL+"/backups/octo-org.tar.gz")
	check(err)
	fmt.Println("the SHA-256 has", len(sum), "digits")
	// Output:
	// PUT /backups/octo-org.tar.gz is complete: true
	// the SHA-256 has 64 digits
}
