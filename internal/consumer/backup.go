package consumer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/archive"
)

// Exports has the methods of *ghmigrate.UserMigrations that BackUp calls, so that a
// test needs no server.
type Exports interface {
	Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	Wait(ctx context.Context, id int64) (*ghmigrate.Migration, error)
	ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error]
	DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error)
	UnlockRepository(ctx context.Context, id int64, repo string) error
	DeleteArchive(ctx context.Context, id int64) error
}

// BackUp exports repositories of the user, and stores the verified archive at path. It
// then unlocks the repositories and deletes GitHub's archive.
func BackUp(ctx context.Context, exports Exports, path string, repositories ...string) (*archive.Summary, error) {
	m, err := exports.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: repositories, LockRepositories: true})
	if err != nil {
		return nil, err
	}
	summary, err := fetch(ctx, exports, m.ID, path, repositories)
	return summary, errors.Join(err, unlock(ctx, exports, m.ID))
}

// fetch waits for an export, downloads and verifies its archive, and deletes the
// archive at GitHub.
func fetch(ctx context.Context, exports Exports, id int64, path string, repositories []string) (*archive.Summary, error) {
	if _, err := exports.Wait(ctx, id); err != nil {
		return nil, err
	}
	result, err := exports.DownloadArchive(ctx, id, path, nil)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(result.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the file is only read
	summary, err := archive.Verify(ctx, f, &archive.VerifyOptions{Repositories: repositories, SHA256: result.SHA256})
	if err != nil {
		return summary, err
	}
	return summary, exports.DeleteArchive(ctx, id)
}

// unlock unlocks the repositories of a migration.
func unlock(ctx context.Context, exports Exports, id int64) error {
	for repository, err := range exports.ListRepositories(ctx, id, nil) {
		if err != nil {
			return err
		}
		if err := exports.UnlockRepository(ctx, id, repository.Name); err != nil && !errors.Is(err, ghmigrate.ErrNotFound) {
			return fmt.Errorf("unlock %s: %w", repository.FullName, err)
		}
	}
	return nil
}
