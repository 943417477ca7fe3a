// Objectstorage exports repositories of an organization into a bucket, without a
// copy on disk: with the token in GITHUB_TOKEN, or, without one, from a fake GitHub
// that it brings along.
//
//	objectstorage -org octo-org -dir runs -bucket file:///mnt/backups octo-org/hello octo-org/world
//
// For s3://, gs:// and azblob:// import gocloud.dev/blob/s3blob, gcsblob or
// azureblob as well.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/examples/internal/progress"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func main() {
	org := flag.String("org", "octo-org", "whose repositories")
	dir := flag.String("dir", "", "where the journal is; required with a token")
	bucket := flag.String("bucket", "mem://", "where archives go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Getenv("GITHUB_TOKEN"), *org, *dir, *bucket, flag.Args(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "objectstorage:", err)
		os.Exit(1)
	}
}

// run prints what the bucket then has to stdout, and to stderr how it got there.
func run(ctx context.Context, token, org, dir, url string, repositories []string, stdout, stderr io.Writer) error {
	show := progress.New(stderr, progress.IsTerminal(stderr))
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(token))
	if token == "" {
		show.Say("GITHUB_TOKEN is not set: this is a fake GitHub, and the bucket %s.", url)
		if dir, err = os.MkdirTemp("", "ghmigrate-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		fake := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
		defer fake.Close()
		repositories = []string{org + "/hello", org + "/world"}
		for _, name := range repositories {
			fake.AddRepository(name)
		}
		client, err = ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()),
			ghmigrate.WithHTTPClient(fake.Client()))
	}
	if err != nil {
		return err
	}
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return fmt.Errorf("open the bucket: %w", err)
	}
	defer func() { _ = bucket.Close() }()
	manifest, err := export.Run(ctx, export.OrgAccount(client, org), export.Options{
		Repositories: repositories,
		Dir:          dir,
		Store:        blobstore.New(bucket),
		Stream:       true,
		Progress:     show.Event,
	})
	show.End()
	if err != nil {
		return err
	}
	show.Say("%d of %s in the bucket:", manifest.Covered, progress.Repositories(manifest.Requested))
	for objects := bucket.List(nil); ; {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%8s  %s\n", progress.Size(object.Size), object.Key)
	}
}
