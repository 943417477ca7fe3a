package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// An s3 is a server with the API of S3 and one bucket.
type s3 struct {
	t        *testing.T
	backend  *s3mem.Backend
	server   *httptest.Server
	uploaded atomic.Int64 // bytes received
}

func newS3(t *testing.T) *s3 {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("octo-backups"))
	api := gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	s := &s3{t: t, backend: backend}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			r.Body = &countingBody{r.Body, &s.uploaded}
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	return s
}

// A countingBody counts the bytes that are read.
type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// url returns the URL of the bucket for --out.
func (s *s3) url(prefix string) string {
	return "s3://octo-backups" + prefix + "?region=us-east-1&use_path_style=true&endpoint=" + s.server.URL
}

func (s *s3) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=hunter2", "AWS_EC2_METADATA_DISABLED=true"}
}

// keys returns the keys of the objects in the bucket.
func (s *s3) keys() []string {
	s.t.Helper()
	return objectKeys(s.t, s.backend)
}

// objectKeys returns the keys of the objects in the bucket of a backend.
func objectKeys(t *testing.T, backend *s3mem.Backend) (keys []string) {
	t.Helper()
	list, err := backend.ListBucket("octo-backups", nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	for _, object := range list.Contents {
		keys = append(keys, object.Key)
	}
	return keys
}

// TestBucket exports an organization into a bucket three times, inspects and prunes
// the runs, and restores a repository.
func TestBucket(t *testing.T) {
	t.Parallel()
	fake, bucket := newFake(t), newS3(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	u := newUser(t, fake, bucket.env()...)
	out := bucket.url("/github")
	org := []string{"--org", "octo-org"}

	u.do(append([]string{"preflight", "--out", out}, org...)...)
	var archives []string
	for range 3 {
		line := u.do(append([]string{"export", "--all", "--out", out}, org...)...)
		_, location, _ := strings.Cut(line, "  ")
		archives = append(archives, location)
		assert.Regexp(t, `^s3://octo-backups/github/127\.0\.0\.1:\d+/orgs/octo-org/\d+T\d+Z-\w+/migration-\d+\.tar\.gz\?`, location)
	}
	var found []string
	for _, key := range bucket.keys() {
		found = append(found, filepath.Base(key))
	}
	assert.Equal(t, []string{"manifest.json", "migration-79.tar.gz", "manifest.json", "migration-80.tar.gz", "manifest.json", "migration-81.tar.gz", "trial.json"}, found)
	assert.Empty(t, filesBelow(t, u.path("state"), ".tar.gz"), "no copy on disk")

	assert.Contains(t, u.do("inspect", out), archives[2])
	assert.Equal(t, "page.html", u.do("inspect", out, "--html", "page.html"))
	assert.Contains(t, u.read("page.html"), "2 of 2 repositories exported")

	removed := u.do("prune", "--out", out, "--keep-last", "1")
	assert.Len(t, strings.Split(removed, "\n"), 2, removed)
	assert.Len(t, bucket.keys(), 3)
	assert.Len(t, filesBelow(t, u.path("state"), "journal"), 1, "prune removes the journals of removed runs")

	assert.Equal(t, archives[2], u.do("verify", archives[2]))
	repositories := strings.Split(u.do("extract", archives[2], "unpacked"), "\n")
	require.Len(t, repositories, 2)
	clone := exec.CommandContext(t.Context(), "git", "clone", "-q", repositories[0], u.path("clone"))
	text, err := clone.CombinedOutput()
	require.NoError(t, err, string(text))

	one := u.do("download", "--org", "octo-org", u.do("start", "--org", "octo-org", "a"), "--out", bucket.url("/single"))
	assert.True(t, strings.HasPrefix(one, "s3://octo-backups/single/migration-82.tar.gz?"), one)
	u.do("verify", one)
}

// filesBelow returns the files below a folder whose names have the suffix.
func filesBelow(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, suffix) {
			found = append(found, name)
		}
		return err
	}))
	return found
}

// TestUploadIsKilled kills an export while it uploads an archive. The bucket has no
// archive then, and the next call uploads it.
func TestUploadIsKilled(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"streamed": nil, "staged": {"--stage"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, bucket := newFake(t, ghmigratetest.WithStorageRate(8<<20)), newS3(t)
			fake.AddRepository("octo-org/large", ghmigratetest.Payload(24<<20))
			u := newUser(t, fake, bucket.env()...)
			args := append([]string{"export", "--org", "octo-org", "--all", "--out", bucket.url(""), "--progress", "lines"}, flags...)
			res := u.stop(os.Kill, args, func(string) bool { return bucket.uploaded.Load() > 6<<20 })
			assert.NotContains(t, fmt.Sprint(bucket.keys()), "migration-79", res.stderr)

			line := u.do(args...)
			_, location, _ := strings.Cut(line, "  ")
			assert.Equal(t, location, u.do("verify", location))
			assert.Len(t, fake.Migrations(), 1)
			assert.Empty(t, filesBelow(t, u.path("state"), ".tar.gz"))
			assert.True(t, slices.ContainsFunc(bucket.keys(), func(key string) bool { return strings.HasSuffix(key, "/manifest.json") }))
		})
	}
}

func TestBucketDoesNotExist(t *testing.T) {
	fake, bucket := newFake(t), newS3(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake, bucket.env()...)
	nowhere := strings.Replace(bucket.url(""), "octo-backups", "nobodys", 1)
	for _, command := range [][]string{{"preflight"}, {"export", "--all"}} {
		u.fails(1, append(command, "--org", "octo-org", "--out", nowhere), "there is no bucket nobodys at this address")
	}
	assert.Empty(t, fake.Migrations())
	u.fails(1, []string{"verify", bucket.url("/no.tar.gz")}, "no.tar.gz")
}
