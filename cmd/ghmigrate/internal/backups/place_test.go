package backups_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
)

// files returns the files of a place with the runs of two accounts.
func files(t *testing.T) map[string]string {
	t.Helper()
	manifest, err := json.Marshal(export.Manifest{Account: "api.github.com/orgs/octo-org"})
	require.NoError(t, err)
	all := map[string]string{}
	for _, account := range []string{"api.github.com/orgs/octo-org", "127.0.0.1_8080/users/mona"} {
		for _, run := range []string{"20261119T020000Z-aaaaaa", "20261120T020000Z-bbbbbb"} {
			all[account+"/"+run+"/migration-79.tar.gz"] = "archive"
			all[account+"/"+run+"/manifest.json"] = string(manifest)
		}
		all[account+"/20261121T020000Z-cccccc/migration-80.tar.gz"] = "archive"
		all[account+"/lock"] = ""
		all[account+"/mine/notes.txt"] = "notes"
	}
	return all
}

// writeFiles writes the files into a folder.
func writeFiles(t *testing.T, dir string) {
	t.Helper()
	for name, text := range files(t) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// places runs a test with a folder and with a bucket.
func places(t *testing.T, test func(t *testing.T, place *backups.Place)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		writeFiles(t, dir)
		place, err := backups.Open(t.Context(), dir)
		require.NoError(t, err)
		test(t, place)
	})
	t.Run("bucket", func(t *testing.T) {
		bucket := memblob.OpenBucket(nil)
		for name, text := range files(t) {
			require.NoError(t, bucket.WriteAll(t.Context(), name, []byte(text), nil))
		}
		place := backups.InBucket(bucket)
		test(t, place)
		require.NoError(t, place.Close())
	})
}

func TestRuns(t *testing.T) {
	places(t, func(t *testing.T, place *backups.Place) {
		for account, want := range map[string]int{
			"": 6, "orgs/octo-org": 3, "orgs/OCTO-org": 3, "api.github.com/orgs/octo-org": 3, "127.0.0.1:8080/users/mona": 3, "users/mona": 3,
			"octo-org": 3, "orgs/other": 0, "cto-org": 0,
		} {
			runs, err := place.Runs(t.Context(), account)
			require.NoError(t, err)
			assert.Len(t, runs, want, account)
		}
		runs, err := place.Runs(t.Context(), "orgs/octo-org")
		require.NoError(t, err)
		assert.NotNil(t, runs[0].Manifest)
		assert.NotNil(t, runs[1].Manifest)
		assert.Nil(t, runs[2].Manifest, "not finished")
		assert.Equal(t, "20261120T020000Z-bbbbbb", runs[1].Name)
		assert.EqualValues(t, 7, runs[1].Size())

		r, err := place.Read(t.Context(), runs[1].Path("migration-79.tar.gz"))
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		assert.Equal(t, "archive", string(data))
	})
}

func TestRemove(t *testing.T) {
	places(t, func(t *testing.T, place *backups.Place) {
		state := t.TempDir()
		runs, err := place.Runs(t.Context(), "orgs/octo-org")
		require.NoError(t, err)
		journal := filepath.Join(place.Dir(state, runs[0].Account), runs[0].Name)
		if place.IsBucket() {
			require.NoError(t, os.MkdirAll(journal, 0o700))
		}
		require.NoError(t, place.Remove(t.Context(), state, runs[0]))
		assert.NoDirExists(t, journal)
		left, err := place.Runs(t.Context(), "")
		require.NoError(t, err)
		assert.Len(t, left, 5)
		require.NoError(t, place.Remove(t.Context(), state, runs[1]))
		if !place.IsBucket() {
			assert.FileExists(t, place.Location("api.github.com/orgs/octo-org/mine/notes.txt"))
			assert.FileExists(t, place.Location("api.github.com/orgs/octo-org/lock"))
		}
	})
}

func TestDamagedManifest(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "20261120T020000Z-bbbbbb")
	require.NoError(t, os.MkdirAll(run, 0o700))
	for _, text := range []string{"", "{", "[]", "{}"} {
		require.NoError(t, os.WriteFile(filepath.Join(run, "manifest.json"), []byte(text), 0o600))
		place, err := backups.Open(t.Context(), dir)
		require.NoError(t, err)
		_, err = place.Runs(t.Context(), "")
		require.ErrorContains(t, err, "not a manifest", "prune must not treat the run as unfinished")
	}
}

func TestInvalidPlaces(t *testing.T) {
	for _, url := range []string{"ftp://host/x", "gs://bucket", "s3://", "s3:///prefix", "azblob:///x", "s3://%zz:hunter2@x", "file://", "file://backups", "file://b/x"} {
		_, err := backups.Open(t.Context(), url)
		require.ErrorIs(t, err, backups.ErrPlace, url)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err := backups.OpenObject(t.Context(), "s3://bucket/folder/")
	require.ErrorContains(t, err, "names no object")
	_, err = backups.OpenObject(t.Context(), filepath.Join(t.TempDir(), "nothing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFileURLIsAFolder(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, host := range []string{"", "localhost"} {
		url := "file://" + host + "/" + dir[len(filepath.ToSlash(filepath.VolumeName(dir)))+1:]
		place, err := backups.Open(t.Context(), url)
		require.NoError(t, err)
		assert.False(t, place.IsBucket())
		assert.Nil(t, place.Store())
		path, err := backups.LocalPath(url)
		require.NoError(t, err)
		assert.Equal(t, place.Location(""), path)
	}
	for _, name := range []string{"s3://bucket/file", "backups", "file:backups", "s3://%zz", "-"} {
		path, err := backups.LocalPath(name)
		require.NoError(t, err)
		assert.Equal(t, name, path)
	}
}

// TestRunsBehindLinks moves folders away, and leaves links to them.
func TestRunsBehindLinks(t *testing.T) {
	const account = "api.github.com/orgs/octo-org"
	for name, linked := range map[string]string{
		"the place": "", "a host": "api.github.com", "an account": account, "a run": account + "/20261119T020000Z-aaaaaa",
	} {
		t.Run(name, func(t *testing.T) {
			dir, elsewhere := filepath.Join(t.TempDir(), "backups"), filepath.Join(t.TempDir(), "elsewhere")
			writeFiles(t, dir)
			move := filepath.Join(dir, filepath.FromSlash(linked))
			require.NoError(t, os.Rename(move, elsewhere))
			link(t, elsewhere, move)
			place, err := backups.Open(t.Context(), dir)
			require.NoError(t, err)
			runs, err := place.Runs(t.Context(), "")
			require.NoError(t, err)
			assert.Len(t, runs, 6)

			runs, err = place.Runs(t.Context(), "orgs/octo-org")
			require.NoError(t, err)
			require.Len(t, runs, 3)
			assert.Equal(t, filepath.Join(dir, filepath.FromSlash(account), "20261119T020000Z-aaaaaa"), place.Location(runs[0].Path("")))
			assert.NotNil(t, runs[0].Manifest)
			require.NoError(t, place.Remove(t.Context(), "", runs[0]))
			left, err := place.Runs(t.Context(), "")
			require.NoError(t, err)
			assert.Len(t, left, 5)
		})
	}
}

func TestLinksThatLeadToNoMoreRuns(t *testing.T) {
	const run = "20261119T020000Z-aaaaaa"
	above := t.TempDir()
	dir := filepath.Join(above, "backups")
	writeFiles(t, dir)
	writeFiles(t, filepath.Join(above, "other"))
	account := filepath.Join(dir, "api.github.com", "orgs", "octo-org")
	require.NoError(t, os.WriteFile(filepath.Join(above, "outside.tar.gz"), []byte("outside"), 0o600))
	link(t, dir, filepath.Join(dir, "loop"))
	link(t, above, filepath.Join(dir, "above"))
	link(t, filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling"))
	link(t, filepath.Join(account, run), filepath.Join(account, "20301119T020000Z-again"))
	link(t, filepath.Join(above, "outside.tar.gz"), filepath.Join(account, run, "linked.tar.gz"))

	place, err := backups.Open(t.Context(), dir)
	require.NoError(t, err)
	runs, err := place.Runs(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, runs, 6)
	runs, err = place.Runs(t.Context(), "orgs/octo-org")
	require.NoError(t, err)
	assert.NotContains(t, runs[0].Files, "linked.tar.gz", "removing a run would leave another run's link dangling")
}

// link makes a symbolic link, which Windows may refuse.
func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip(err)
	}
}

func TestEachBucketHasItsOwnJournals(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	t.Setenv("AZURE_STORAGE_KEY", "aHVudGVyMg==")
	dir := func(url, variable, value string) string {
		t.Setenv(cmp.Or(variable, "UNUSED"), value)
		place, err := backups.Open(t.Context(), url)
		require.NoError(t, err)
		defer place.Close()
		dir := place.Dir("state", "api.github.com/orgs/octo-org")
		assert.NotContains(t, dir, "hunter2")
		return dir
	}
	seen := map[string]bool{}
	for _, place := range []struct{ url, variable, value string }{
		{"s3://b?region=r", "", ""},
		{"s3://b/x?region=r", "", ""},
		{"s3://b?region=r&endpoint=http://a.example.com", "", ""},
		{"s3://b?region=r&endpoint=http://b.example.com", "", ""},
		{"s3://b?region=r&endpoint=http://b.example.com&prefix=p/", "", ""},
		{"s3://b?region=r", "AWS_ENDPOINT_URL", "http://c.example.com"},
		{"s3://b?region=r", "AWS_ENDPOINT_URL_S3", "http://d.example.com"},
		{"azblob://b", "AZURE_STORAGE_ACCOUNT", "one"},
		{"azblob://b", "AZURE_STORAGE_ACCOUNT", "two"},
		{"azblob://b?storage_account=three", "AZURE_STORAGE_ACCOUNT", "two"},
		{"azblob://b?storage_account=two&domain=blob.core.chinacloudapi.cn", "", ""},
		{"azblob://b", "AZURE_STORAGE_CONNECTION_STRING", "AccountName=four;AccountKey=hunter2"},
		{"azblob://b", "AZURE_STORAGE_CONNECTION_STRING", "AccountName=five;AccountKey=hunter2"},
	} {
		key := dir(place.url, place.variable, place.value)
		assert.False(t, seen[key], "%v shares %s", place, key)
		seen[key] = true
		if place.variable != "" {
			t.Setenv(place.variable, "")
		}
	}
	assert.Equal(t, dir("s3://b?region=r&endpoint=http://a", "", ""), dir("s3://b?endpoint=http://a&use_path_style=true&region=other", "", ""),
		"the other parameters do not name another bucket")
}

func TestRemoveStopsWithItsContext(t *testing.T) {
	places(t, func(t *testing.T, place *backups.Place) {
		runs, err := place.Runs(t.Context(), "")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, place.Remove(ctx, "", runs[0]), context.Canceled)
		left, err := place.Runs(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, runs, left)
	})
}
