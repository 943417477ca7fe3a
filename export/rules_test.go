package export_test

// One failed job, repository or response costs exactly that.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// refuse has starts that hold one of the repositories refused, with the index of
// each or without.
func refuse(server *ghmigratetest.Server, indexed bool, names ...string) {
	server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
		if r.Method != http.MethodPost {
			return ghmigratetest.Fault{}, false
		}
		var details []string
		for i, part := range strings.Split(between(string(r.Body), `"repositories":[`, `]`), ",") {
			if slices.Contains(names, strings.Trim(part, `"`)) {
				details = append(details, fmt.Sprintf(`{"resource":"Migration","field":"repositories","index":%d,"code":"invalid_value"}`, i))
			}
		}
		body := `{"message":"Validation Failed"}`
		if indexed {
			body = `{"message":"Validation Failed","errors":[` + strings.Join(details, ",") + `]}`
		}
		return ghmigratetest.Fault{Status: http.StatusUnprocessableEntity, Body: body}, len(details) > 0
	})
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestRepositoriesThatGitHubRefusesByNameCostOneStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 10)
		refuse(server, true, names[3], names[7])
		begun := time.Now()
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		assert.Equal(t, []string{names[3], names[7]}, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the repository does not exist any more")
		assert.Equal(t, 8, m.Covered)
		assert.Equal(t, 2, posts(server))
		assert.Less(t, time.Since(begun), time.Minute, "nothing waits")
	})
}

func TestABatchThatIsRefusedWithoutANameIsHalvedIfOthersAreAccepted(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 16)
		refuse(server, false, names[5])
		begun := time.Now()
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 8})
		assert.Equal(t, names[5:6], namesOf(partial(t, err).Repositories))
		assert.Equal(t, 15, m.Covered)
		assert.Less(t, time.Since(begun), 10*time.Minute)
	})
}

func TestRefusalsOfEverythingForAWhileDivideNothing(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 16)
		begun := time.Now()
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			return ghmigratetest.Fault{Status: 422, Body: `{"message":"The endpoint has been spammed"}`}, r.Method == http.MethodPost && time.Since(begun) < 8*time.Minute
		})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 4})
		require.NoError(t, err)
		assert.Equal(t, 4, m.Starts)
		assert.Less(t, posts(server), 40, "GitHub is asked once a minute or so")
	})
}

// lacking leaves a repository out of the lists of migrations until its test lets
// it in.
type lackingAccount struct {
	export.Account
	name string
	of   int64
}

func (a lackingAccount) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		for repo, err := range a.Account.ListRepositories(ctx, id, opts) {
			if (err != nil || id != a.of || repo.FullName != a.name) && !yield(repo, err) {
				return
			}
		}
	}
}

func TestALostStartIsFoundThoughARepositoryIsNotInIt(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Applied: true})
		m, err := run(t, t.Context(), server, lackingAccount{octo(t, server), names[1], 79}, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.Equal(t, 1, m.Adopted)
		assert.Equal(t, 2, m.Starts, "the repository is exported once more, alone")
		assert.Equal(t, names[1:2], server.Migrations()[1].Repositories)
	})
}

// bad makes exports fail quickly that hold one of the repositories.
func bad(server *ghmigratetest.Server, names ...string) {
	server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
		if slices.ContainsFunc(m.Repositories, func(n string) bool { return slices.Contains(names, n) }) {
			return ghmigratetest.Fate{Fails: true, Duration: 10 * time.Second}
		}
		return ghmigratetest.Fate{Duration: 20 * time.Minute}
	})
}

func TestBadRepositoriesAreNoIncidentHoweverQuicklyTheyFail(t *testing.T) {
	for name, test := range map[string]struct {
		repositories, batch int
		bad                 []int
	}{
		"three of forty":              {40, 1, []int{0, 1, 2}},
		"three of forty, in batches":  {40, 4, []int{0, 4, 8}},
		"four in one batch":           {100, 100, []int{10, 35, 60, 85}},
		"one in each batch":           {60, 20, []int{3, 30, 55}},
		"the first ten of forty":      {40, 1, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"a batch of bad ones, at end": {24, 8, []int{16, 17, 18, 19, 20, 21, 22, 23}},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, test.repositories)
				var poison []string
				for _, i := range test.bad {
					poison = append(poison, names[i])
				}
				bad(server, poison...)
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch})
				p := partial(t, err)
				require.NoError(t, p.Err)
				assert.Equal(t, poison, namesOf(p.Repositories))
				assert.Equal(t, len(names)-len(poison), m.Covered)
				batches := (test.repositories + test.batch - 1) / test.batch
				assert.LessOrEqual(t, m.Starts, batches+31*len(poison))
			})
		})
	}
}

// damageEntry changes a byte of the first entry of an archive whose name has a
// part.
func damageEntry(t *testing.T, archive []byte, part string) []byte {
	t.Helper()
	return changeEntry(t, archive, part, func(data []byte) []byte {
		data[len(data)/2] ^= 0xff
		return data
	})
}

// changeEntry changes the first such entry, or removes it if change returns nil.
func changeEntry(t *testing.T, archive []byte, part string, change func([]byte) []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	r, w := tar.NewReader(z), tar.NewWriter(zw)
	damaged := false
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		if !damaged && strings.Contains(h.Name, part) && len(data) > 0 {
			damaged = true
			if data = change(data); data == nil {
				continue
			}
		}
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.True(t, damaged, "no entry %s", part)
	require.NoError(t, w.Close())
	require.NoError(t, zw.Close())
	return out.Bytes()
}

// A lost file is named by a record of its repository.
func TestALostAttachmentCondemnsItsRepositoryAlone(t *testing.T) {
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
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.Equal(t, names[4:], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Faults[0], "link to an entry that is not in the archive")
		assert.Equal(t, 4, m.Covered)
		assert.Equal(t, 2, m.Starts, "the others, and the faulty one once more")
	})
}

func TestADamagedObjectCondemnsItsRepositoryAlone(t *testing.T) {
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
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.Equal(t, names[2:3], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Faults[0], names[2]+".git/objects/")
		assert.Equal(t, 4, m.Covered)
		assert.Equal(t, 2, m.Starts, "the others, and the damaged one once more")
	})
}

// slowly stores nothing for a long time.
type slowly struct{ takes time.Duration }

func (s slowly) Put(ctx context.Context, name string, r io.Reader, _ int64) error {
	if strings.HasSuffix(name, ".tar.gz") {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

func TestLocksDoNotWaitForASlowStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 12), t.TempDir())
		opts.BatchSize, opts.Store = 2, slowly{10 * time.Hour}
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 10 * time.Minute, LocksAfter: 11 * time.Minute} // after the end
		})
		begun := time.Now()
		checked := false
		time.AfterFunc(20*time.Minute, func() {
			checked = true
			assert.False(t, anyLocked(server, opts.Repositories), "after %v", time.Since(begun))
		})
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.True(t, checked)
		assert.Greater(t, time.Since(begun), 10*time.Hour)
	})
}

func TestAStoreThatIsDownKeepsNoExportFromItsEnd(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 12), t.TempDir())
		store := newMemoryStore()
		down := true
		store.fail = func() bool { return down && len(store.objects) > 0 }
		opts.BatchSize, opts.Store = 2, store
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		require.ErrorContains(t, p.Err, "the bucket is on fire")
		assert.Zero(t, m.Ended, "the next call goes on")
		assert.Equal(t, 6, m.Starts, "all were exported")
		assert.Empty(t, m.Locked)
		assert.Contains(t, m.Repositories[0].Error, "the next run continues it")

		down = false
		m, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Equal(t, 6, m.Starts)
	})
}

func TestStuckExportsDoNotStarveOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 30), t.TempDir())
		opts.BatchSize, opts.Patience = 1, time.Hour
		stuck := opts.Repositories[:10]
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if slices.Contains(stuck, m.Repositories[0]) {
				return ghmigratetest.Fate{Duration: -1}
			}
			return ghmigratetest.Fate{Duration: 5 * time.Minute}
		})
		begun := time.Now()
		early := 0
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventOver && time.Since(begun) < 3*time.Hour {
				early++
			}
		}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		p := partial(t, err)
		require.NoError(t, p.Err)
		assert.Equal(t, 20, early)
		assert.Equal(t, stuck, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "more than a day")
		assert.Equal(t, stuck, m.Locked, "GitHub unlocks nothing before the end")
	})
}

func TestOutagesThatAreFarApartAreNotOneLongOne(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		begun := time.Now()
		server.InjectFunc(func(ghmigratetest.Request, int) (ghmigratetest.Fault, bool) {
			hour := time.Since(begun) / time.Hour
			return ghmigratetest.ServerError(503), hour%4 == 3 && time.Since(begun)%time.Hour < 50*time.Minute
		})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
		require.NoError(t, err)
		assert.Equal(t, 2, m.Starts)
	}, ghmigratetest.WithExportDuration(13*time.Hour))
}

func TestRefusalsThatPassEndNothing(t *testing.T) {
	for name, fault := range map[string]ghmigratetest.Fault{
		"401": {Status: 401, Body: `{"message":"Bad credentials"}`},
		"403": {Status: 403, Body: `{"message":"Forbidden"}`},
		"404": {Status: 404, Body: `{"message":"Not Found"}`},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := locked(addRepositories(server, 3), t.TempDir())
				opts.BatchSize, opts.DeleteArchives = 1, true
				begun := time.Now()
				server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					since := time.Since(begun)
					return fault, r.Origin == ghmigratetest.API && (since < 40*time.Second || since%(3*time.Minute) < 45*time.Second)
				})
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err)
				assert.Equal(t, 3, m.Starts)
				assert.False(t, anyLocked(server, opts.Repositories))
			}, ghmigratetest.WithExportDuration(20*time.Minute))
		})
	}
}

// choosy downloads some migrations only.
type choosy struct {
	export.Account
	refuse func(id int64) error
}

func (a choosy) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	if err := a.refuse(id); err != nil {
		return nil, fmt.Errorf("download archive of migration %d: %w", id, err)
	}
	return a.Account.DownloadArchive(ctx, id, path, opts)
}

func TestAnArchiveThatCannotBeFetchedIsDivided(t *testing.T) {
	for name, reason := range map[string]error{
		"refused by storage":     &ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"},
		"too large for the disk": syscall.ENOSPC,
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 12)
				acct := choosy{octo(t, server), func(id int64) error {
					for _, m := range server.Migrations() {
						if m.ID == id && slices.Contains(m.Repositories, names[1]) && len(m.Repositories) > 1 {
							return reason
						}
					}
					return nil
				}}
				begun := time.Now()
				m, err := run(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 4, Concurrency: 1})
				require.NoError(t, err)
				assert.Equal(t, 3+2+2, m.Starts, "halves, and halves again")
				assert.Less(t, time.Since(begun), time.Hour)
			})
		})
	}
}

func TestAnArchiveOfOneRepositoryThatCannotBeFetchedIsNamed(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 3)
		acct := choosy{octo(t, server), func(id int64) error {
			for _, m := range server.Migrations() {
				if m.ID == id && slices.Contains(m.Repositories, names[1]) {
					return &ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"}
				}
			}
			return nil
		}}
		m, err := run(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
		p := partial(t, err)
		require.NoError(t, p.Err, "the run is finished")
		require.Equal(t, names[1:2], namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "cannot be downloaded: ")
		assert.Contains(t, p.Repositories[0].Error, "AccessDenied")
		assert.Equal(t, 2, m.Covered)
	})
}

func TestAnAccountWithoutRepositoriesIsExportedAtOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 1)
		dir := t.TempDir()
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: []string{}, Dir: dir})
		require.NoError(t, err)
		assert.NotZero(t, m.Ended)
		assert.Empty(t, m.Repositories)
		assert.Zero(t, posts(server))
		_, err = export.Run(t.Context(), octo(t, server), export.Options{Dir: dir})
		require.ErrorContains(t, err, "no repositories, and no unfinished run to continue")
	})
}

func TestPollsAreConditional(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1})
		require.NoError(t, err)
		polls, unchanged := 0, 0
		for _, r := range requests(server, http.MethodGet, "/orgs/octo/migrations") {
			if r.Path != "/orgs/octo/migrations" {
				continue
			}
			polls++
			if r.Status == http.StatusNotModified {
				unchanged++
			}
		}
		assert.Greater(t, unchanged, polls*8/10, "of %d polls", polls)
	}, ghmigratetest.WithExportDuration(3*time.Hour))
}
