package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// An extractedArchive, as JSON.
type extractedArchive struct {
	verified
	Extracted string   `json:"extracted"` // the folder
	Paths     []string `json:"paths"`     // of the bare repositories in the folder
}

func (a *app) extract() *cobra.Command {
	var opts archive.VerifyOptions
	cmd := &cobra.Command{
		Use:   "extract ARCHIVE DIR [flags]",
		Short: "Unpack and verify an archive",
		Long: `Extract unpacks and verifies an archive in one pass, into a new or empty folder. It
prints the path of each bare repository that it has unpacked, for git clone; the path
of a wiki ends in .wiki.git. Extract writes nothing outside of the folder, and leaves
out hooks and the Git configuration of the archive. The archive is a path, the URL of
an object in a bucket, or - for standard input.`,
		Example: "  ghmigrate extract migration-79.tar.gz unpacked\n  git clone unpacked/repositories/octo-org/hello-world.git",
		Args:    exactly(2, "the name of an archive and a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSHA256(opts.SHA256, 1); err != nil {
				return err
			}
			return a.extractTo(cmd.Context(), args[0], args[1], opts)
		},
	}
	cmd.Flags().StringVar(&opts.SHA256, "sha256", "", "the expected SHA-256 of the archive, in `HEX`")
	return a.jsonFlag(cmd, "the findings")
}

func (a *app) extractTo(ctx context.Context, name, dir string, opts archive.VerifyOptions) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	r, err := a.openArchive(ctx, name)
	if err != nil {
		return err
	}
	summary, err := archive.Extract(ctx, r, dir, &opts)
	x := extractedArchive{verified{File: name, Summary: summary}, dir, nil}
	x.Faults, x.MoreFaults, err = report.Faults(err)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	x.OK = len(x.Faults) == 0
	if x.Paths, err = bareRepositories(dir); err != nil {
		return err
	}
	if a.json {
		err = a.print("", x)
	} else {
		for _, repository := range x.Paths {
			err = errors.Join(err, a.print(repository, nil))
		}
	}
	if err != nil {
		return err
	}
	if !x.OK {
		if !a.json {
			a.complainFaults(name, x.Faults, x.MoreFaults)
		}
		return exitError(statusFailed)
	}
	return nil
}

// bareRepositories returns the paths of the bare repositories and wikis in the folder of
// an extracted archive. The folder has only the entries that Extract accepted. It skips
// names with characters that are not printable: a line break would forge a path.
func bareRepositories(dir string) ([]string, error) {
	found := []string{} // not nil, which is null as JSON
	names, err := fs.Glob(os.DirFS(dir), "repositories/*/*.git")
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Lstat(path); err == nil && info.IsDir() && table.Printable(name) == name {
			found = append(found, path)
		}
	}
	return found, err
}
