package blobstore_test

import (
	"context"
	"fmt"
	"os"

	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// This example exports repositories into a bucket, without a copy of the archives on
// disk.
func Example() {
	fake := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(0))
	defer fake.Close()
	fake.AddRepository("octo-org/hello-world")
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()), ghmigrate.WithHTTPClient(fake.Client()))
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "ghmigrate-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = backUp(context.Background(), export.OrgAccount(client, "octo-org"), "mem://", dir, "octo-org/hello-world")
	if err != nil {
		panic(err)
	}
	// Output: 1 of 1 repositories in the bucket
}

func backUp(ctx context.Context, acct export.Account, url, dir string, repositories ...string) error {
	bucket, err := blob.OpenBucket(ctx, url) // import the driver of the URL, such as gocloud.dev/blob/s3blob
	if err != nil {
		return err
	}
	defer bucket.Close()
	manifest, err := export.Run(ctx, acct, export.Options{
		Repositories: repositories,
		Dir:          dir, // of the journal
		Store:        blobstore.New(bucket),
		Stream:       true,
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d repositories in the bucket\n", manifest.Covered, manifest.Requested)
	return nil
}
