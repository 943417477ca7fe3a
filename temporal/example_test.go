package temporal_test

import (
	"context"
	"log"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// A worker that gets its tokens in another way, or has a codec or interceptors.
func ExampleRegister() { //nolint:testableexamples // it needs a server
	ctx := context.Background()
	conn, err := client.Dial(client.Options{}) // DataConverter: a codec that encrypts
	if err != nil {
		log.Fatal(err)
	}
	bucket, err := blob.OpenBucket(ctx, "s3://backups?region=eu-central-1")
	if err != nil {
		log.Fatal(err)
	}
	github, err := ghmigrate.NewClient(ghmigrate.WithToken(os.Getenv("GITHUB_TOKEN")), ghmigrate.WithMaxRateLimitWait(0))
	if err != nil {
		log.Fatal(err)
	}
	activities := &temporal.Activities{
		Account: func(_ context.Context, order temporal.Order) (export.Account, error) {
			return export.OrgAccount(github, order.Organization), nil
		},
		Bucket:  bucket,
		Scratch: "/var/lib/ghmigrate",
	}

	const queue = "ghmigrate"
	requests := worker.New(conn, queue, worker.Options{})
	temporal.Register(requests, activities)
	transfers := worker.New(conn, temporal.TransferQueue(queue), worker.Options{
		DisableWorkflowWorker:              true,
		MaxConcurrentActivityExecutionSize: 4, // archives at the same time
	})
	temporal.RegisterTransfers(transfers, activities)
	if err := transfers.Start(); err != nil {
		log.Fatal(err)
	}
	if err := requests.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
	transfers.Stop()
}
