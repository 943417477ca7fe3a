package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/report"
)

// A verified archive, as JSON.
type verified struct {
	File       string           `json:"file"`
	OK         bool             `json:"ok"`
	Summary    *archive.Summary `json:"summary"`
	Faults     []report.Fault   `json:"faults"`
	MoreFaults int              `json:"more_faults"`
}

func (a *app) verify() *cobra.Command {
	var opts archive.VerifyOptions
	cmd := &cobra.Command{
		Use:   "verify ARCHIVE|MANIFEST... [flags]",
		Short: "Check archives down to Git's own checksums",
		Long: `Verify reads each archive to its end, and prints the name of the archive if it has
no faults. The name is a path, the URL of an object in a bucket, or - for standard
input. For a manifest.json, verify checks every archive of the run, with the SHA-256
in the manifest. Exit status 1 means that an archive has faults, or cannot be read.`,
		Example: "  ghmigrate verify backups/*/orgs/*/*/manifest.json\n  ghmigrate verify migration-79.tar.gz",
		Args:    atLeastOne("the name of an archive or of a manifest.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSHA256(opts.SHA256, len(args)); err != nil {
				return err
			}
			if slices.ContainsFunc(args, isManifest) && (opts.SHA256 != "" || len(opts.Repositories) > 0) {
				return misused("--sha256 and --repos are for archives: a manifest has both")
			}
			failed := false
			for _, name := range args {
				ok, err := a.verifyNamed(cmd.Context(), name, opts)
				if err != nil {
					return err
				}
				failed = failed || !ok
			}
			if failed {
				return exitError(statusFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&opts.SHA256, "sha256", "", "the expected SHA-256 of the archive, in `HEX`")
	cmd.Flags().Var((*nameList)(&opts.Repositories), "repos", "the `REPOSITORIES` that the archive must contain, as OWNER/NAME")
	return a.jsonFlag(cmd, "the findings")
}

// verifyNamed verifies an archive, or the archives of a manifest.
func (a *app) verifyNamed(ctx context.Context, name string, opts archive.VerifyOptions) (ok bool, err error) {
	if !isManifest(name) {
		return a.verifyArchive(ctx, name, opts)
	}
	r, err := backups.OpenObject(ctx, name)
	if err != nil {
		return false, a.complainUnread(ctx, err)
	}
	manifest, err := backups.ReadManifest(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return false, a.complainUnread(ctx, fmt.Errorf("%s: %w", name, err))
	}
	ok = true
	seen := map[string]bool{}
	for _, row := range manifest.Repositories {
		if !row.OK() || seen[row.Archive] {
			continue
		}
		seen[row.Archive] = true
		good, err := a.verifyArchive(ctx, beside(name, row.Archive), rowOptions(manifest, &row))
		if err != nil {
			return false, err
		}
		ok = ok && good
	}
	return ok, nil
}

// complainUnread prints why an archive or a manifest cannot be read, so that verify
// continues with the others. It returns err if verify has to end.
func (a *app) complainUnread(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, backups.ErrPlace) {
		return err
	}
	a.complain(err.Error(), a.advice(err)...)
	return nil
}

// rowOptions returns the options for the archive of a row: its SHA-256, its
// repositories, and the parts that the export left out.
func rowOptions(m *export.Manifest, row *export.Row) archive.VerifyOptions {
	has := func(option string) bool {
		return slices.Contains(row.Options, option) || slices.Contains(row.Dropped, option)
	}
	opts := archive.VerifyOptions{
		SHA256:             row.SHA256,
		ExcludeMetadata:    has("exclude_metadata"),
		ExcludeGitData:     has("exclude_git_data"),
		ExcludeAttachments: has("exclude_attachments"),
		ExcludeReleases:    has("exclude_releases"),
	}
	for _, other := range m.Repositories {
		if other.OK() && other.Archive == row.Archive {
			opts.Repositories = append(opts.Repositories, other.Repository)
		}
	}
	return opts
}

func (a *app) verifyArchive(ctx context.Context, name string, opts archive.VerifyOptions) (ok bool, err error) {
	r, err := a.openArchive(ctx, name)
	if err != nil {
		return false, a.complainUnread(ctx, err)
	}
	summary, err := archive.Verify(ctx, r, &opts)
	v := verified{File: name, Summary: summary}
	v.Faults, v.MoreFaults, err = report.Faults(err)
	if err = errors.Join(err, r.Close()); err != nil {
		return false, a.complainUnread(ctx, fmt.Errorf("%s: %w", name, err))
	}
	v.OK = len(v.Faults) == 0
	if v.OK || a.json {
		return v.OK, a.print(name, v)
	}
	a.complainFaults(name, v.Faults, v.MoreFaults)
	return false, nil
}
