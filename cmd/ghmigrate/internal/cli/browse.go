package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

const browseHelp = `Browse shows an archive, or all archives of a run, in a web browser: repositories,
issues, pull requests with their reviews, releases, milestones, discussions and
attachments. It has a full-text search, and serves each repository for git clone.

The argument is the path of one of these:

  - an archive
  - a folder of archives
  - the folder or the manifest.json of a run
  - a folder of runs: browse shows the newest finished run

Browse prints the address of the first page, and serves the pages until Ctrl-C. Only
this computer can reach the server, and only with the token in the address. The pages
have no scripts, load nothing from other sites, and change nothing.

The first call unpacks the archive and makes an index, in the user's cache folder.
Later calls open the index. To free the space, remove the folder that -v prints.

With --export, browse serves nothing. It writes the pages as files into a new or empty
folder, for a web server or for keeping. Exit status 0 means that all files are
written, or that Ctrl-C stopped the server; 3 means that Ctrl-C stopped browse earlier.`

// browseMemory is the memory limit of the Go runtime, in bytes. SQLite's memory does
// not count.
const browseMemory = 176 << 20

type browseFlags struct {
	port       int
	export     string
	cache, run string
}

func (a *app) browse() *cobra.Command {
	var flags browseFlags
	cmd := &cobra.Command{
		Use:   "browse ARCHIVE|DIR|MANIFEST [flags]",
		Short: "Read and search an archive in a web browser",
		Long:  browseHelp,
		Example: "  ghmigrate browse migration-79.tar.gz\n" +
			"  ghmigrate browse backups --org octo-org\n" +
			"  ghmigrate browse migration-79.tar.gz --export pages",
		Args: exactly(1, "the name of an archive or of a folder of runs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.port > 65535 {
				return misused("--port is %d: want 1 to 65535", flags.port)
			}
			if flags.export != "" && cmd.Flags().Changed("port") {
				return misused("--export and --port exclude each other")
			}
			return a.browseNamed(cmd.Context(), args[0], flags)
		},
	}
	cmd.Flags().IntVar(&flags.port, "port", 0, "listen on this `PORT` of 127.0.0.1, so that bookmarks stay valid; 0 picks one")
	cmd.Flags().StringVar(&flags.export, "export", "", "write the pages as files into `DIR`, and print the path of the first page")
	cmd.Flags().StringVar(&flags.cache, "cache", "", "keep the index in `DIR` instead of the user's cache folder")
	cmd.Flags().StringVar(&flags.run, "run", "", "show the run with this `NAME`, not the newest")
	cmd.Flags().StringVar(&a.org, "org", "", "show the runs of the organization `NAME`")
	return cmd
}

func (a *app) browseNamed(ctx context.Context, name string, flags browseFlags) (err error) {
	archives, err := a.archivePaths(ctx, name, flags.run)
	if err != nil {
		return err
	}
	if flags.export != "" {
		if err := browse.CheckExport(flags.export); err != nil {
			return err
		}
	}
	opts := browse.Options{Archives: archives, Cache: flags.cache, Progress: a.show.Transfer, Say: a.show.Say}
	// The index needs far less. With a limit, Go collects garbage earlier.
	debug.SetMemoryLimit(browseMemory)
	library, err := browse.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, library.Close()) }()
	if a.log != nil {
		a.log.Debug("index", "folder", library.Folder())
	}
	if flags.export != "" {
		first, err := library.Export(ctx, flags.export, opts)
		if err != nil {
			return err
		}
		return a.print(first, nil)
	}
	server, err := library.Listen(ctx, flags.port, a.log)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if err := a.print(server.URL(), nil); err != nil {
		return err
	}
	a.show.Say("open the address in a browser; Ctrl-C stops the server")
	return server.Serve(ctx)
}

// archivePaths returns the paths of the archives that the argument of browse names.
func (a *app) archivePaths(ctx context.Context, name, wanted string) ([]string, error) {
	name, err := backups.LocalPath(name)
	if err != nil {
		return nil, err
	}
	if backups.IsURL(name) || name == "-" {
		return nil, misused("browse reads an archive several times: download it first")
	}
	if isArchive(name) {
		if wanted != "" || a.org != "" {
			return nil, misused("--run and --org are for a folder of runs")
		}
		return []string{name}, nil
	}
	if archives, err := archivesInFolder(name); err != nil || len(archives) > 0 {
		return archives, err
	}
	place, accounts, err := a.openRuns(ctx, name, wanted)
	if err != nil {
		return nil, err
	}
	defer func() { _ = place.Close() }()
	switch len(accounts) {
	case 0:
		return nil, fmt.Errorf("no runs and no archives in %s", name)
	case 1:
	default:
		return nil, misused("%s has runs of %d accounts: name one with --org, or the folder of a run", name, len(accounts))
	}
	newest := accounts[0][len(accounts[0])-1]
	archives := archivesOfRun(place, newest)
	if len(archives) == 0 {
		return nil, fmt.Errorf("the run %s has no archives", place.Location(newest.Path("")))
	}
	return archives, nil
}

// archivesOfRun returns the archives of a run. Of a finished run, it returns only the
// archives that the manifest names for a repository.
func archivesOfRun(place *backups.Place, run *backups.Run) []string {
	inManifest := map[string]bool{}
	if run.Manifest != nil {
		for _, row := range run.Manifest.Repositories {
			if row.OK() {
				inManifest[row.Archive] = true
			}
		}
	}
	var all []string
	for name := range run.Files {
		if strings.HasSuffix(name, ".tar.gz") && (run.Manifest == nil || inManifest[name]) {
			all = append(all, place.Location(run.Path(name)))
		}
	}
	slices.Sort(all)
	return all
}

// archivesInFolder returns the archives in a folder that is not the folder of a run.
func archivesInFolder(dir string) ([]string, error) {
	if isManifest(dir) {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a run, or an error that backups reports
	}
	if abs, err := filepath.Abs(dir); err == nil && backups.IsRunName(filepath.Base(abs)) {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if e.Type().IsRegular() && (strings.HasSuffix(e.Name(), ".tar.gz") || strings.HasSuffix(e.Name(), ".tgz")) {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all, nil
}
