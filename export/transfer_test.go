package export_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestAnExpiredArchiveIsExportedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := locked(names, t.TempDir())
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := runAs(t, ctx, server, octo(t, server), opts)
		require.Error(t, err)
		time.Sleep(10 * 24 * time.Hour)
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 2, m.Starts)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
		assert.False(t, server.Locked(names[0]))
	})
}

func TestADeletedMigrationIsStartedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted && e.Migration == 79 {
				server.Forget(79)
			}
		}
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.EqualValues(t, 80, m.Repositories[0].Migration)
	})
}

// Run deletes no archive at GitHub whose copy on disk has changed.
func TestAnArchiveThatChangedOnDiskIsDownloadedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), DeleteArchives: true}
		downloads := 0
		opts.Progress = func(e export.Event) {
			switch e.Kind {
			case export.EventDownloaded:
				if downloads++; downloads == 1 {
					require.NoError(t, damageFile(fileOfRun(t, opts.Dir, "*.tar.gz")))
				}
			case export.EventDamaged:
				assert.False(t, server.Migrations()[0].ArchiveDeleted)
			default:
			}
		}
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 2, downloads)
		assert.Len(t, server.Migrations(), 1)
		assert.True(t, server.Migrations()[0].ArchiveDeleted)
	})
}

func TestADamagedArchiveIsDownloadedThreeTimes(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		downloads := 0
		acct := downloadingAccount{Account: octo(t, server), after: func(path string) error {
			if downloads++; downloads < 3 {
				return damageFile(path)
			}
			return nil
		}}
		_, err := runAs(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		assert.Equal(t, 3, downloads)
		assert.Len(t, server.Migrations(), 1)
	})
}

func TestAnArchiveThatChangesBeforeItIsStoredIsDownloadedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store}
		damaged := false
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventVerified && !damaged {
				require.NoError(t, damageFile(fileOfRun(t, opts.Dir, "*.tar.gz")))
				damaged = true
			}
		}
		begun := time.Now()
		_, err := run(t, server, opts)
		require.NoError(t, err)
		assert.True(t, damaged)
		assert.Less(t, time.Since(begun), 30*time.Minute)
	})
}

func TestAnArchiveThatIsMissingOnDiskIsDownloadedAgain(t *testing.T) {
	for name, store := range map[string]export.Store{"no Store": nil, "Store": newMemoryStore()} {
		for _, at := range []export.EventKind{export.EventDownloaded, export.EventVerified} {
			t.Run(name+", "+string(at), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					names := addRepositories(server, 1)
					ctx, cancel := context.WithCancel(t.Context())
					opts := locked(names, t.TempDir())
					opts.DeleteArchives, opts.Store = true, store
					opts.Progress = func(e export.Event) {
						if e.Kind == at {
							cancel()
						}
					}
					_, err := runAs(t, ctx, server, octo(t, server), opts)
					require.Error(t, err)
					require.NoError(t, os.Remove(fileOfRun(t, opts.Dir, "*.tar.gz")))

					opts.Progress = nil
					m, err := run(t, server, opts)
					require.NoError(t, err)
					assert.True(t, server.Migrations()[0].ArchiveDeleted)
					if store == nil {
						assert.FileExists(t, filepath.Join(m.Dir, m.Repositories[0].Archive))
					}
				})
			})
		}
	}
}

func TestABatchWhoseArchiveCannotBeDownloadedIsDivided(t *testing.T) {
	for name, reason := range map[string]error{
		"refused by storage":     &ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"},
		"too large for the disk": syscall.ENOSPC,
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 12)
				acct := downloadingAccount{Account: octo(t, server), before: func(id int64) error {
					for _, m := range server.Migrations() {
						if m.ID == id && slices.Contains(m.Repositories, names[1]) && len(m.Repositories) > 1 {
							return reason
						}
					}
					return nil
				}}
				begun := time.Now()
				m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 4, Concurrency: 1})
				require.NoError(t, err)
				assert.Equal(t, 3+2+2, m.Starts, "halves, and halves again")
				assert.Less(t, time.Since(begun), time.Hour)
			})
		})
	}
}

// Storage may refuse the archives for a minute, and downloads at the same time may fill
// the disk although there is room for each.
func TestAnArchiveThatCannotBeDownloadedForAMinuteIsDownloadedLater(t *testing.T) {
	for name, test := range map[string]struct {
		reason       error
		fails        func(active, attempt int) bool
		atMostAtOnce int
	}{
		"refused by storage": {&ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"}, func(_, attempt int) bool { return attempt <= 2 }, 3},
		"a full disk":        {syscall.ENOSPC, func(active, _ int) bool { return active > 1 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 9)
				var mu sync.Mutex
				active, peak, attempts := 0, 0, map[int64]int{}
				acct := downloadingAccount{Account: octo(t, server), before: func(id int64) error {
					mu.Lock()
					active++
					attempts[id]++
					attempt := attempts[id]
					mu.Unlock()
					time.Sleep(10 * time.Second)
					mu.Lock()
					defer mu.Unlock()
					defer func() { active-- }()
					if test.fails(active, attempt) {
						return test.reason
					}
					peak = max(peak, active)
					return nil
				}}
				m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1})
				require.NoError(t, err)
				assert.Equal(t, 9, m.Starts)
				assert.Equal(t, test.atMostAtOnce, peak)
			})
		})
	}
}

func TestARepositoryWhoseArchiveCannotBeDownloadedIsListed(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		acct := downloadingAccount{Account: octo(t, server), before: func(id int64) error {
			for _, m := range server.Migrations() {
				if m.ID == id && slices.Contains(m.Repositories, names[1]) {
					return &ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"}
				}
			}
			return nil
		}}
		m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
		p := partial(t, err)
		require.NoError(t, p.Err, "the run is finished")
		require.Equal(t, names[1:2], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "cannot be downloaded: ")
		assert.Contains(t, p.Repositories[0].Error, "AccessDenied")
		assert.Equal(t, 2, m.Covered)
	})
}

// Run leaves an archive that GitHub refuses to the next call, and exports all other
// batches.
func TestADeniedArchiveDoesNotStopOtherJobs(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/archive", Status: http.StatusForbidden, Body: `{"message":"no"}`, Times: -1})
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: time.Duration(m.ID-78) * time.Hour}
		})
		m, err := run(t, server, export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1})
		require.ErrorIs(t, err, ghmigrate.ErrForbidden)
		require.NotErrorIs(t, err, context.Canceled)
		assert.Equal(t, 2, m.Covered)
	})
}

// damageFile changes a byte of a file, and not its size.
func damageFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o600)
}

// damageEntry changes a byte of the first entry of an archive whose name contains a
// part.
func damageEntry(t *testing.T, archive []byte, part string) []byte {
	t.Helper()
	return changeEntry(t, archive, part, func(data []byte) []byte {
		data[len(data)/2] ^= 0xff
		return data
	})
}

// changeEntry changes the first entry of an archive whose name contains a part. It
// removes the entry if change returns nil.
func changeEntry(t *testing.T, archive []byte, part string, change func([]byte) []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	r, w := tar.NewReader(z), tar.NewWriter(zw)
	changed := false
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		if !changed && strings.Contains(h.Name, part) && len(data) > 0 {
			changed = true
			if data = change(data); data == nil {
				continue
			}
		}
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.True(t, changed, "no entry %s", part)
	require.NoError(t, w.Close())
	require.NoError(t, zw.Close())
	return out.Bytes()
}

// The record of an issue links to the lost file, and so condemns its repository.
func TestALostAttachmentCondemnsOnlyItsRepository(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.AddRepository("octo/attached", ghmigratetest.WithIssues(1), ghmigratetest.WithAttachment("shot.png", []byte("a picture")))
		names = append(names, "octo/attached")
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if !slices.Contains(m.Repositories, "octo/attached") {
				return ghmigratetest.Fate{}
			}
			return ghmigratetest.Fate{Damage: func(archive []byte) []byte {
				return changeEntry(t, archive, "/shot.png", func([]byte) []byte { return nil })
			}}
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.Equal(t, names[4:], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Faults[0], "link to an entry that is not in the archive")
		assert.Equal(t, 4, m.Covered)
		assert.Equal(t, 2, m.Starts, "the others, and the faulty one once more")
	})
}

func TestADamagedObjectCondemnsOnlyItsRepository(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if !slices.Contains(m.Repositories, names[2]) {
				return ghmigratetest.Fate{}
			}
			return ghmigratetest.Fate{Damage: func(archive []byte) []byte {
				return damageEntry(t, archive, "repositories/"+names[2]+".git/objects/")
			}}
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.Equal(t, names[2:3], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Faults[0], names[2]+".git/objects/")
		assert.Equal(t, 4, m.Covered)
		assert.Equal(t, 2, m.Starts, "the others, and the damaged one once more")
	})
}

func TestRepositoriesThatTheArchiveLacksAreExportedOnceMore(t *testing.T) {
	for name, again := range map[string]bool{"and then there": false, "and missing again": true} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 5)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					if len(m.Repositories) == 5 || again {
						return ghmigratetest.Fate{Missing: names[2:3]}
					}
					return ghmigratetest.Fate{}
				})
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
				migrations := server.Migrations()
				require.Len(t, migrations, 2)
				assert.Equal(t, names[2:3], migrations[1].Repositories)
				assert.False(t, migrations[0].ArchiveDeleted, "the archive is not complete")
				if !again {
					require.NoError(t, err)
					assert.EqualValues(t, 80, m.Repositories[2].Migration)
					return
				}
				p := partial(t, err)
				require.NoError(t, p.Err)
				require.Equal(t, names[2:3], namesOf(p.Repositories))
				row := p.Repositories[0]
				assert.Equal(t, []bool{true, true, false}, []bool{row.Requested, row.InMigration, row.InArchive})
				assert.Equal(t, "GitHub has left it out of the archive of migration 80", row.Error)
			})
		})
	}
}

func TestAFaultyArchiveIsExportedAgainAndNeverDeleted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Damage: func(archive []byte) []byte { archive[len(archive)-5] ^= 1; return archive }}
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
		p := partial(t, err)
		assert.Equal(t, names, namesOf(p.Repositories))
		assert.Equal(t, 4, m.Starts, "the batch twice, and then each repository")
		assert.NotEmpty(t, m.Repositories[0].Faults)
		assert.NotEmpty(t, m.Repositories[0].Archive)
		for _, migration := range server.Migrations() {
			assert.False(t, migration.ArchiveDeleted)
		}
	})
}

func TestAStreamedArchiveTouchesNoDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := locked(addRepositories(server, 4), t.TempDir())
		opts.BatchSize, opts.Store, opts.Stream, opts.DeleteArchives = 2, store, true, true
		server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1000})
		m, err := run(t, server, opts)
		require.NoError(t, err)
		for _, row := range m.Repositories {
			assert.Len(t, store.get(m.Run+"/"+row.Archive), int(row.Size))
			assert.True(t, row.Deleted)
		}
		entries, err := os.ReadDir(m.Dir)
		require.NoError(t, err)
		assert.Len(t, entries, 2, "the journal and the manifest")
	})
}

// If a transfer ends early, Put gets an error from its reader, and the Store keeps no
// object.
func TestAnInterruptedStreamLeavesNoObjectInTheStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store, Stream: true}
		ctx, cancel := context.WithCancel(t.Context())
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventProgress {
				cancel()
			}
		}
		m, err := runAs(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, store.get(m.Run+"/migration-79.tar.gz"))
		opts.Progress = nil
		m, err = run(t, server, opts)
		require.NoError(t, err)
		assert.NotEmpty(t, store.get(m.Run+"/migration-79.tar.gz"))
		assert.Len(t, server.Migrations(), 1)
	})
}

// A disk may fail to read an archive that has faults. The archive is on disk
// nevertheless.
func TestAFailedReadOfAFaultyArchiveIsNotDamage(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 2), Dir: t.TempDir()}
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Damage: func(archive []byte) []byte {
				return changeEntry(t, archive, "users_", func(data []byte) []byte {
					data[0] = '?'
					return data
				})
			}}
		})
		downloads, failed := 0, false
		acct := downloadingAccount{Account: octo(t, server), before: func(id int64) error {
			if id == 79 {
				downloads++
			}
			return nil
		}}
		m, err := export.Run(t.Context(), acct, export.OnDisk(opts, failingReads{fail: &failed}))
		require.Error(t, err)
		assert.True(t, failed)
		assert.Equal(t, 1, downloads)
		assert.Contains(t, m.Repositories[0].Error, "has faults")
	})
}

// failingReads is a disk that once fails to read the last bytes of an archive.
type failingReads struct {
	unsyncedDisk
	fail *bool
}

func (d failingReads) Open(name string) (durable.File, error) {
	f, err := d.unsyncedDisk.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	return failingFile{f, info.Size() - 10, d.fail}, err
}

type failingFile struct {
	durable.File
	readable int64
	failed   *bool
}

func (f failingFile) ReadAt(p []byte, at int64) (int, error) {
	switch {
	case *f.failed:
		return f.File.ReadAt(p, at)
	case at >= f.readable:
		*f.failed = true
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p[:min(int64(len(p)), f.readable-at)], at)
}
