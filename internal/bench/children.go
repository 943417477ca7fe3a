package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/ghmigrate/ghmigrate"
)

const (
	organization = "octo-org"
	migration    = 79
)

// download is this library: download BASE-URL PATH CONCURRENCY. It prints what
// it got.
func download(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("want a base URL, a path and a number: %q", args)
	}
	concurrency, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(args[0]), ghmigrate.WithToken("made-up"))
	if err != nil {
		return err
	}
	result, err := client.OrgMigrations.DownloadArchive(ctx, organization, migration, args[1], &ghmigrate.DownloadOptions{Concurrency: concurrency})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// plainCopy is what a program does that does not use this library: copy URL PATH.
func plainCopy(ctx context.Context, args []string, _ io.Reader, _ io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("want a URL and a path: %q", args)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("storage answered %s", res.Status)
	}
	file, err := os.Create(args[1]) //nolint:gosec // the path is what it is given
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(file, res.Body); err != nil {
		return err
	}
	return file.Sync()
}
