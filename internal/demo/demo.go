// Package demo has a demonstration: it exports repositories of a fake GitHub in this
// process to a temporary folder, inspects the archive, and restores a repository.
// At the end it removes the folder.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/fakegithub"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

const (
	org        = "octo-org"
	repository = "octo-org/checkout"
	other      = "octo-org/hello-world"
	payload    = 8 << 20 // bytes of the archive, and bytes a second: the download takes a second
)

// A demo is a run of the demonstration.
type demo struct {
	out, errw io.Writer
	dir       string
}

// Run exports two repositories of a fake GitHub, prints the content of the archive,
// and restores a repository with git. It writes results to out and all other lines
// to errw. Progress, if not nil, is called for each event of the export instead of
// writing a line.
func Run(ctx context.Context, out, errw io.Writer, progress func(export.Event)) (err error) {
	d := &demo{out: out, errw: errw}
	d.say("This is a demonstration with a fake GitHub in this process. It needs no token.")
	d.dir, err = os.MkdirTemp("", "ghmigrate-")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(d.dir))
		d.say("The folder %s was removed.", d.dir)
	}()
	if progress == nil {
		progress = d.event
	}
	exported, err := d.export(ctx, progress)
	if err != nil {
		return err
	}
	if err := d.inspect(ctx, exported); err != nil {
		return err
	}
	return d.restore(ctx, exported)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.errw, format+"\n", args...) }

// event writes a line for an event, except for the progress of a download.
func (d *demo) event(e export.Event) {
	switch e.Kind {
	case export.EventProgress, export.EventEnded:
	case export.EventDownloaded:
		d.say("%s  batch %s: downloaded %s, verifying", e.Time.Format(time.TimeOnly), e.Job, table.Size(e.Size))
	default:
		d.say("%s  %s", e.Time.Format(time.TimeOnly), e)
	}
}

// export exports the repositories and returns the path of the archive.
func (d *demo) export(ctx context.Context, progress func(export.Event)) (string, error) {
	fake := ghmigratetest.NewServer(
		ghmigratetest.InMemory(),
		ghmigratetest.WithExportDuration(0),
		ghmigratetest.WithStorageRate(payload),
	)
	defer fake.Close()
	content := []ghmigratetest.RepositoryOption{ghmigratetest.WithIssues(25), ghmigratetest.Payload(payload)}
	for n := 1; n <= 3; n++ {
		content = append(content, ghmigratetest.WithAttachment(fmt.Sprintf("screenshot-%d.png", n), bytes.Repeat([]byte("PNG"), n*n*1000)))
	}
	checkout, err := fakegithub.AddCheckout(fake, repository, content...)
	if err != nil {
		d.say("The repository %s has generated content: %v.", repository, err)
	} else {
		d.say("The repository %s is a clone of %s.", repository, checkout)
	}
	fake.AddRepository(other, ghmigratetest.WithIssues(2))

	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(fake.Token()),
		ghmigrate.WithBaseURL(fake.URL()),
		ghmigrate.WithHTTPClient(fake.Client()),
	)
	if err != nil {
		return "", err
	}
	manifest, err := export.Run(ctx, export.OrgAccount(client, org), export.Options{
		Repositories:   []string{repository, other},
		Dir:            filepath.Join(d.dir, "backups"),
		Start:          ghmigrate.StartMigrationRequest{LockRepositories: true},
		DeleteArchives: true,
		Progress:       progress,
	})
	if err != nil {
		return "", err
	}
	row := manifest.Repositories[0]
	path := filepath.Join(manifest.Dir, row.Archive)
	d.say("%d of %s in one archive, %s:", manifest.Covered, table.Plural(manifest.Requested, "repository"), table.Size(row.Size))
	fmt.Fprintf(d.out, "%s  %s\n", row.SHA256, path)
	return path, nil
}

// inspect prints the content of the archive.
func (d *demo) inspect(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file is only read
	found, err := report.Of(ctx, filepath.Base(path), f, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out)
	return found.Write(d.out)
}

// restore unpacks the archive and clones a repository from it.
func (d *demo) restore(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file is only read
	unpacked := filepath.Join(d.dir, "unpacked")
	if _, err := archive.Extract(ctx, f, unpacked, nil); err != nil {
		return err
	}
	from, to := filepath.Join(unpacked, "repositories", filepath.FromSlash(repository)+".git"), filepath.Join(d.dir, "restored")
	d.say("\nRestoring %s: git clone %s %s", repository, from, to)
	if err := d.git(ctx, "clone", "--quiet", "--no-checkout", from, to); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			d.say("git is not installed, so no repository is cloned.")
			return nil
		}
		return err
	}
	return d.git(ctx, "-C", to, "log", "--oneline", "--no-decorate", "--max-count=3")
}

// git runs git and prints its output.
func (d *demo) git(ctx context.Context, args ...string) error {
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // the arguments are paths that this package made
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	_, err := d.out.Write(out.Bytes())
	return err
}
