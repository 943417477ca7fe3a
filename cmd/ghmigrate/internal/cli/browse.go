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
attachments, with a search over all texts, and git clone of each repository.

The argument is the path of an archive, of the manifest.json or the folder of a run,
of a folder of runs, whose newest finished run is shown, or of a folder of archives.

Browse prints the address of the first page, and serves the pages until Ctrl-C. Only
this computer reaches them, and only with the token in the address. The pages have no
scripts, load nothing from other sites, and change nothing.

The first call reads the archive, makes an index, and unpacks it beside the index, in
the user's cache folder. Later calls open at once. To remove all of that, remove the
folder that -v prints.

With --export, browse writes the pages as files into a new or empty folder, for a web
server or for keeping, and serves nothing. Exit status 0 means that it was stopped by
Ctrl-C, or has written all files; 3 that it was stopped before that.`

// browseMemory is the limit of Go's memory, in bytes. SQLite has some more.
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
			if flags.port < 0 || flags.port > 65535 {
				return misused("--port is %d: want 1 to 65535", flags.port)
			}
			if flags.export != "" && cmd.Flags().Changed("port") {
				return misused("--export and --port exclude each other")
			}
			return a.browseNamed(cmd.Context(), args[0], flags)
		},
	}
	cmd.Flags().IntVar(&flags.port, "port", 0, "the `PORT` on 127.0.0.1, so that bookmarks stay good; 0 picks one")
	cmd.Flags().StringVar(&flags.export, "export", "", "write the pages as files into `DIR`, and print the name of the first")
	cmd.Flags().StringVar(&flags.cache, "cache", "", "keep the index in `DIR`, not in the user's cache folder")
	cmd.Flags().StringVar(&flags.run, "run", "", "the `NAME` of a run that is not the newest")
	cmd.Flags().StringVar(&a.org, "org", "", "the runs of the organization `NAME`")
	return cmd
}

func (a *app) browseNamed(ctx context.Context, name string, flags browseFlags) (err error) {
	archives, err := a.browsed(ctx, name, flags.run)
	if err != nil {
		return err
	}
	if flags.export != "" {
		if err := browse.CheckExport(flags.export); err != nil {
			return err
		}
	}
	opts := browse.Options{Archives: archives, Cache: flags.cache, Progress: a.show.Transfer, Say: a.show.Say}
	// The index needs far less. The limit keeps the garbage of a large archive small.
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
	a.show.Say("open the address in a browser; Ctrl-C ends")
	return server.Serve(ctx)
}

// browsed returns the paths of the archives that an argument names.
func (a *app) browsed(ctx context.Context, name, wanted string) ([]string, error) {
	if backups.IsURL(name) || name == "-" {
		return nil, misused("browse reads an archive several times: download it first")
	}
	if isArchive(name) {
		if wanted != "" || a.org != "" {
			return nil, misused("--run and --org are for a folder of runs")
		}
		return []string{name}, nil
	}
	if loose, err := looseArchives(name); err != nil || len(loose) > 0 {
		return loose, err
	}
	root, run := runsOf(name)
	if run != "" && wanted != "" {
		return nil, misused("--run is for a folder of runs, not for one run")
	}
	if run == "" {
		run = wanted
	}
	place, err := backups.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = place.Close() }()
	account := ""
	if a.org != "" {
		account = "orgs/" + a.org
	}
	runs, err := place.Runs(ctx, account)
	if err != nil {
		return nil, err
	}
	accounts := shown(byAccount(runs), run)
	switch len(accounts) {
	case 0:
		return nil, fmt.Errorf("no runs and no archives in %s", name)
	case 1:
	default:
		return nil, misused("%s has runs of %d accounts: name one with --org, or the folder of a run", name, len(accounts))
	}
	newest := accounts[0][len(accounts[0])-1]
	archives := archivesOf(place, newest)
	if len(archives) == 0 {
		return nil, fmt.Errorf("the run %s has no archives", place.Location(newest.Path("")))
	}
	return archives, nil
}

// archivesOf returns the archives of a run, without archives that its manifest does not
// count.
func archivesOf(place *backups.Place, run *backups.Run) []string {
	counted := map[string]bool{}
	if run.Manifest != nil {
		for _, row := range run.Manifest.Repositories {
			if row.OK() {
				counted[row.Archive] = true
			}
		}
	}
	var all []string
	for name := range run.Files {
		if strings.HasSuffix(name, ".tar.gz") && (run.Manifest == nil || counted[name]) {
			all = append(all, place.Location(run.Path(name)))
		}
	}
	slices.Sort(all)
	return all
}

// looseArchives returns the archives in a folder that is not one of runs.
func looseArchives(dir string) ([]string, error) {
	if isManifest(dir) {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil // backups reads it, or says why not
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
