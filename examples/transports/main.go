// Transports sends the requests of a client through two third-party round trippers:
// otelhttp, and a watcher of rate limits. It exports a repository of a fake GitHub,
// prints the spans, and checks that no span holds a credential.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "transports:", err)
		os.Exit(1)
	}
}

const org, repository = "octo-org", "octo-org/hello-world"

func run(ctx context.Context, stdout io.Writer) error {
	fake := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Second))
	defer fake.Close()
	fake.AddRepository(repository)
	fake.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Second))
	wire, ok := fake.Client().Transport.(*http.Transport) // for GitHub, use http.DefaultTransport
	if !ok {
		return errors.New("the fake GitHub has another transport")
	}
	api, err := url.Parse(fake.URL())
	if err != nil {
		return err
	}

	spans := tracetest.NewInMemoryExporter() // for a collector, use otlptracehttp.New
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	limits := 0
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(fake.Token()),
		ghmigrate.WithBaseURL(fake.URL()),
		ghmigrate.WithHTTPClient(&http.Client{Transport: newStack(wire, api, tracing, func() { limits++ })}),
		ghmigrate.WithPollInterval(time.Second/2, time.Second),
	)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Exporting %s from a fake GitHub, through otelhttp and go-github-ratelimit.\n\n", repository)
	if err := export(ctx, client, tracing); err != nil {
		return err
	}

	printSpans(stdout, spans.GetSpans())
	fmt.Fprintf(stdout, "\nRate limits: %d. The client has waited for them.\n", limits)
	return checkSecrets(stdout, fake.Requests(), fake.Token(), spans.GetSpans())
}

// export exports and downloads a repository, in one span.
func export(ctx context.Context, client *ghmigrate.Client, tracing *sdktrace.TracerProvider) error {
	dir, err := os.MkdirTemp("", "ghmigrate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, span := tracing.Tracer("transports").Start(ctx, "export "+repository)
	defer span.End()
	m, err := client.OrgMigrations.Start(ctx, org, ghmigrate.StartMigrationRequest{Repositories: []string{repository}})
	if err != nil {
		return err
	}
	if _, err := client.OrgMigrations.Wait(ctx, org, m.ID); err != nil {
		return err
	}
	_, err = client.OrgMigrations.DownloadArchive(ctx, org, m.ID, filepath.Join(dir, "archive.tar.gz"), nil)
	return err
}

// printSpans prints the spans of requests.
func printSpans(w io.Writer, spans tracetest.SpanStubs) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SPAN\tSTATUS\tURL")
	for _, span := range spans {
		attributes := map[string]string{}
		for _, a := range span.Attributes {
			attributes[string(a.Key)] = a.Value.String()
		}
		full, isRequest := attributes["url.full"]
		if !isRequest {
			continue // the span of the export
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", span.Name, attributes["http.response.status_code"], full)
	}
	_ = table.Flush()
}
