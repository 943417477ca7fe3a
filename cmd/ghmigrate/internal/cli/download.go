package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
)

// A downloaded archive, as JSON.
type downloaded struct {
	ID      int64  `json:"id"`
	Path    string `json:"path"` // or the URL
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Resumed int64  `json:"resumed"` // bytes that earlier calls had fetched
}

func (a *app) download() *cobra.Command {
	var out, file string
	var signed bool
	cmd := &cobra.Command{
		Use:   "download ID... [flags]",
		Short: "Download the archives of migrations",
		Long: `Download fetches the archive of each migration to migration-ID.tar.gz, and prints
its path, or its URL in a bucket. The file appears when all its bytes are synced to
disk. Run the command again to resume an interrupted download; a download into a
bucket starts from the beginning.

With --print-url, download prints the signed URL of the archive instead. The URL is a
secret: for five minutes, anybody who has it can fetch the archive.`,
		Example: "  ghmigrate download --org octo-org 79\n  ghmigrate download --org octo-org 79 --out s3://octo-backups/single",
		Args:    atLeastOne("the ID of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case file != "" && len(args) > 1:
				return misused("--file is for a single migration")
			case file != "" && cmd.Flags().Changed("out"):
				return misused("--file and --out exclude each other")
			case signed && (file != "" || cmd.Flags().Changed("out")):
				return misused("--print-url fetches nothing: leave out --file and --out")
			}
			return a.eachMigration(cmd.Context(), args, func(acct *account, id int64) error {
				if signed {
					return a.printURL(cmd.Context(), acct, id)
				}
				return a.downloadTo(cmd.Context(), acct, id, out, file)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", ".", "write archives into this `DIR`, or into the bucket with this URL")
	flags.StringVar(&file, "file", "", "write a single archive to `FILE`")
	flags.BoolVar(&signed, "print-url", false, "print the signed URL, which is a secret, instead of fetching the archive")
	return a.accountFlags(a.jsonFlag(cmd, "the archives"))
}

func (a *app) printURL(ctx context.Context, acct *account, id int64) error {
	signed, err := acct.archiveURL(ctx, id)
	if err != nil {
		return err
	}
	return a.print(signed.Reveal(), map[string]any{"id": id, "url": signed.Reveal(), "expires": signed.Expires()})
}

// downloadTo fetches an archive into the file, or into the folder or bucket out if
// file is empty.
func (a *app) downloadTo(ctx context.Context, acct *account, id int64, out, file string) error {
	name := fmt.Sprintf("migration-%d.tar.gz", id)
	out, err := backups.LocalPath(out)
	if err != nil {
		return err
	}
	if backups.IsURL(out) {
		return a.streamTo(ctx, acct, id, out, name)
	}
	if file == "" {
		if err := os.MkdirAll(out, 0o700); err != nil {
			return err
		}
		file = filepath.Join(out, name)
	}
	update := a.show.Transfer(filepath.Base(file))
	result, err := acct.DownloadArchive(ctx, id, file, &ghmigrate.DownloadOptions{Progress: update})
	a.show.End()
	switch {
	case ctx.Err() != nil && err != nil:
		return statusError{err, statusUnfinished, "Run it again to continue."}
	case err != nil:
		return err
	}
	return a.print(result.Path, downloaded{id, result.Path, result.Size, result.SHA256, result.Resumed})
}

// streamTo downloads an archive into a bucket, without a copy on disk.
func (a *app) streamTo(ctx context.Context, acct *account, id int64, out, name string) (err error) {
	place, err := backups.Open(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	stream, err := acct.OpenArchive(ctx, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	counted := &counting{ArchiveStream: stream, update: a.show.Transfer(name)}
	if err := place.Store().Put(ctx, name, counted, stream.Size()); err != nil {
		return err
	}
	a.show.End()
	location := place.Location(name)
	return a.print(location, downloaded{ID: id, Path: location, Size: counted.bytes, SHA256: stream.SHA256()})
}

// A counting stream reports its progress.
type counting struct {
	*ghmigrate.ArchiveStream
	update func(bytes, size int64)
	bytes  int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ArchiveStream.Read(p)
	c.bytes += int64(n)
	c.update(c.bytes, c.Size())
	return n, err
}
