package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate/internal/netx"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// run runs the workers until the context is canceled or a worker fails.
func run(ctx context.Context, o *options, getenv func(string) string, log *slog.Logger) error {
	accounts, err := newAccounts(os.Environ(), getenv, log)
	if err != nil {
		return err
	}
	bucket, err := openBucket(ctx, o.bucket)
	if err != nil {
		return err
	}
	defer func() { _ = bucket.Close() }()
	if err := os.MkdirAll(o.scratch, 0o700); err != nil { //nolint:gosec // the operator names the folder
		return fmt.Errorf("--scratch: %w", err)
	}
	if err := sweep(o.scratch, time.Now().Add(-scratchAge), log); err != nil {
		log.Warn("remove old folders", "error", err)
	}
	m := new(monitor)
	if o.metrics != "" {
		if m, err = listen(ctx, o.metrics, log); err != nil {
			return fmt.Errorf("--metrics: %w", err)
		}
		defer func() { _ = m.server.Close() }()
	}
	conn, err := o.Dial(ctx, client.Options{Logger: sdklog.NewStructuredLogger(log), MetricsHandler: m.metrics})
	if err != nil {
		return err
	}
	defer conn.Close()
	failed := make(chan error, 2)
	workers := o.workers(conn, &temporal.Activities{Account: accounts.account, Bucket: bucket, Scratch: o.scratch}, func(err error) { failed <- err })
	started := 0
	defer func() { stop(workers[:started], log) }()
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return err
		}
		started++
	}
	m.working.Store(true)
	defer m.working.Store(false)
	log.Info("working", "queue", o.queue, "requests", o.requests, "transfers", o.transfers)
	select {
	case <-ctx.Done():
		log.Info("stopping, and handing transfers over")
		return nil
	case err := <-failed:
		return err
	}
}

// bucketTimeout limits the check of the bucket.
const bucketTimeout = 30 * time.Second

// openBucket opens the bucket, and checks that the worker has access to it.
func openBucket(ctx context.Context, url string) (*blob.Bucket, error) {
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("--bucket: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	ok, err := bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("the bucket does not exist, or the credentials give no access to it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--bucket: %w", netx.CleanURLError(err)), bucket.Close())
	}
	return bucket, nil
}

// heartbeatThrottle is the time between two heartbeats that the SDK sends to the server.
// A cancel takes up to this time to reach a transfer.
const heartbeatThrottle = 5 * time.Second

// workers returns a worker for requests and a worker for transfers, unless the flags
// exclude one.
func (o *options) workers(conn client.Client, a *temporal.Activities, fail func(error)) (workers []worker.Worker) {
	opts := worker.Options{
		WorkerStopTimeout: o.drain, OnFatalError: fail,
		MaxHeartbeatThrottleInterval: heartbeatThrottle, DefaultHeartbeatThrottleInterval: heartbeatThrottle,
	}
	if o.requests > 0 {
		opts.MaxConcurrentActivityExecutionSize = o.requests
		w := worker.New(conn, o.queue, opts)
		temporal.Register(w, a)
		workers = append(workers, w)
	}
	if o.transfers > 0 {
		opts.MaxConcurrentActivityExecutionSize, opts.DisableWorkflowWorker = o.transfers, true
		w := worker.New(conn, temporal.TransferQueue(o.queue), opts)
		temporal.RegisterTransfers(w, a)
		workers = append(workers, w)
	}
	return workers
}

// stop stops all workers at the same time.
func stop(workers []worker.Worker, log *slog.Logger) {
	begun := time.Now()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(w.Stop)
	}
	wg.Wait()
	log.Info("stopped", "after", time.Since(begun).Round(time.Millisecond).String())
}
