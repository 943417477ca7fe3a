package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/report"
)

// An extractedArchive, as JSON.
type extractedArchive struct {
	verified
	Extracted string `json:"extracted"` // the folder
}

func (a *app) extract() *cobra.Command {
	var opts archive.VerifyOptions
	cmd := &cobra.Command{
		Use:   "extract ARCHIVE DIR [flags]",
		Short: "Unpack and verify an archive",
		Long: `Extract unpacks and verifies an archive in one pass, into a new or empty folder. It
prints the path of each bare repository, for git clone. Extract writes nothing outside
of the folder, and leaves out hooks and the Git configuration of the archive. The
archive is a path, the URL of an object in a bucket, or - for standard input.`,
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
	x := extractedArchive{verified{File: name, Summary: summary}, dir}
	x.Faults, x.MoreFaults, err = report.Faults(err)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	x.OK = len(x.Faults) == 0
	if a.json {
		err = a.print("", x)
	} else if summary != nil {
		for _, repo := range summary.Repositories {
			if repo.Git {
				err = errors.Join(err, a.print(filepath.Join(dir, "repositories", filepath.FromSlash(repo.Name)+".git"), nil))
			}
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
