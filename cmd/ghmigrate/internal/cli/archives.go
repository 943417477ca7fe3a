package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

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
		Long: `Verify reads archives to their ends, and prints the name of each one that has no
fault. The name is a path, the URL of an object in a bucket, or - for standard
input. For a manifest.json, verify checks every archive of the run, and its SHA-256,
too. Exit status 1 means that an archive has faults.`,
		Example: "  ghmigrate verify backups/*/orgs/*/*/manifest.json\n  ghmigrate verify migration-79.tar.gz",
		Args:    some("the name of an archive or of a manifest.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSum(opts.SHA256, len(args)); err != nil {
				return err
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
	cmd.Flags().StringVar(&opts.SHA256, "sha256", "", "what the SHA-256 of the archive has to be, in `HEX`")
	cmd.Flags().StringSliceVar(&opts.Repositories, "repos", nil, "the `REPOSITORIES` that have to be in the archive, as OWNER/NAME")
	return a.jsonFlag(cmd, "the findings")
}

func checkSum(sum string, archives int) error {
	if sum == "" {
		return nil
	}
	if archives != 1 {
		return misused("--sha256 is for a single archive")
	}
	if data, err := hex.DecodeString(sum); err != nil || len(data) != 32 {
		return misused("--sha256 is %q: want 64 hexadecimal digits", sum)
	}
	return nil
}

// verifyNamed verifies an archive, or the archives of a manifest.
func (a *app) verifyNamed(ctx context.Context, name string, opts archive.VerifyOptions) (ok bool, err error) {
	if !isManifest(name) {
		return a.verifyArchive(ctx, name, opts)
	}
	if opts.SHA256 != "" || len(opts.Repositories) > 0 {
		return false, misused("--sha256 and --repos are for archives: the manifest tells both")
	}
	r, err := backups.OpenObject(ctx, name)
	if err != nil {
		return false, err
	}
	manifest, err := backups.ReadManifest(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
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

// rowOptions returns how an archive of a run is verified.
func rowOptions(m *export.Manifest, row *export.Row) archive.VerifyOptions {
	has := func(option string) bool {
		return strings.Contains(strings.Join(append(row.Options, row.Dropped...), " ")+" ", option+" ")
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

// isManifest reports whether a path or URL names a manifest.
func isManifest(name string) bool { return baseName(name) == "manifest.json" }

// baseName returns the last element of a path or of a URL's path.
func baseName(name string) string {
	if backups.IsURL(name) {
		name, _, _ = strings.Cut(name, "?")
		return path.Base(name)
	}
	return filepath.Base(name)
}

// beside names another file in the folder of one.
func beside(name, base string) string {
	if !backups.IsURL(name) {
		return filepath.Join(filepath.Dir(name), base)
	}
	location, query, hasQuery := strings.Cut(name, "?")
	location = location[:strings.LastIndex(location, "/")+1] + base
	if hasQuery {
		location += "?" + query
	}
	return location
}

func (a *app) verifyArchive(ctx context.Context, name string, opts archive.VerifyOptions) (ok bool, err error) {
	r, err := a.openArchive(ctx, name)
	if err != nil {
		return false, err
	}
	summary, err := archive.Verify(ctx, r, &opts)
	v := verified{File: name, Summary: summary}
	v.Faults, v.MoreFaults, err = report.Faults(err)
	if err = errors.Join(err, r.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	v.OK = len(v.Faults) == 0
	if v.OK || a.json {
		return v.OK, a.print(name, v)
	}
	a.complainFaults(name, v.Faults, v.MoreFaults)
	return false, nil
}

func (a *app) complainFaults(name string, faults []report.Fault, more int) {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Text)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	a.complain(fmt.Sprintf("%s has faults", name), indented(lines)...)
}

// openArchive opens an archive by its path or URL; - is standard input.
func (a *app) openArchive(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	return backups.OpenObject(ctx, name)
}

// An extractedArchive, as JSON.
type extractedArchive struct {
	verified
	Extracted string `json:"extracted"` // the folder
}

func (a *app) extract() *cobra.Command {
	var opts archive.VerifyOptions
	cmd := &cobra.Command{
		Use:   "extract ARCHIVE DIR [flags]",
		Short: "Unpack an archive, and check it",
		Long: `Extract unpacks an archive into a new or empty folder, verifies it on the way, and
prints the path of each repository that git clone takes. Nothing in the archive can
write outside of the folder, and no hook or configuration of it is kept. The archive
is a path, the URL of an object in a bucket, or - for standard input.`,
		Example: "  ghmigrate extract migration-79.tar.gz unpacked\n  git clone unpacked/repositories/octo-org/hello-world.git",
		Args:    exactly(2, "the name of an archive and a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSum(opts.SHA256, 1); err != nil {
				return err
			}
			return a.extractTo(cmd.Context(), args[0], args[1], opts)
		},
	}
	cmd.Flags().StringVar(&opts.SHA256, "sha256", "", "what the SHA-256 of the archive has to be, in `HEX`")
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
