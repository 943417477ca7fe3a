package ghmigratetest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// An unpackedArchive has the header and the files of an archive.
type unpackedArchive struct {
	gzip    gzip.Header
	entries []*tar.Header     // in the order of the archive
	files   map[string][]byte // contents by name
}

// fetch downloads and unpacks the archive of a migration.
func (c client) fetch(id int64) unpackedArchive {
	c.t.Helper()
	return unpack(c.t, c.do("GET", c.signed(id), "").body)
}

func unpack(t *testing.T, data string) unpackedArchive {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(data))
	require.NoError(t, err)
	whole, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Zero(t, len(whole)%10240, "GNU tar's padding")
	u := unpackedArchive{gzip: z.Header, files: make(map[string][]byte)}
	r := tar.NewReader(bytes.NewReader(whole))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return u
		}
		require.NoError(t, err)
		u.entries = append(u.entries, h)
		if h.Typeflag == tar.TypeReg {
			u.files[strings.TrimPrefix(h.Name, "./")], err = io.ReadAll(r)
			require.NoError(t, err)
		}
	}
}

// writeTo writes the directories and files below dir.
func (u unpackedArchive) writeTo(t *testing.T, dir string) {
	t.Helper()
	for _, h := range u.entries {
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(name, 0o700))
			continue
		}
		require.NoError(t, os.WriteFile(name, u.files[strings.TrimPrefix(h.Name, "./")], 0o600))
	}
}

// top returns the sorted names of the files and directories at the top level.
func (u unpackedArchive) top() []string {
	var names []string
	for name := range u.files {
		first, _, _ := strings.Cut(name, "/")
		if !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	slices.Sort(names)
	return names
}

// records returns the records of all files of a kind.
func (u unpackedArchive) records(t *testing.T, kind string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for n := 1; ; n++ {
		data, ok := u.files[fmt.Sprintf("%s_%06d.json", kind, n)]
		if !ok {
			return all
		}
		var shard []map[string]any
		require.NoError(t, json.Unmarshal(data, &shard))
		require.LessOrEqual(t, len(shard), 100)
		all = append(all, shard...)
	}
}

func TestArchivesHaveGitHubsLayout(t *testing.T) {
	c := newServer(t)
	long := "octo/" + strings.Repeat("long-", 19) + "name"
	c.AddRepository("octo/hello", ghmigratetest.WithIssues(250), ghmigratetest.WithAttachment("picture.png", []byte("PNG")))
	c.AddRepository(long, ghmigratetest.Private(), ghmigratetest.WithAttachment("notes.unknown", nil))
	id := c.exported(`{"repositories":["octo/hello","` + long + `"]}`)
	res := c.do("GET", c.signed(id), "")
	u := unpack(t, res.body)

	assert.Equal(t, []byte{0x1f, 0x8b, 8, 0}, []byte(res.body[:4]), "no name and no comment")
	assert.EqualValues(t, 3, res.body[9], "Unix")
	modified, err := http.ParseTime(res.header.Get("Last-Modified"))
	require.NoError(t, err)
	assert.True(t, modified.Equal(u.gzip.ModTime), "%v, %v", modified, u.gzip.ModTime)

	made := map[string]bool{"./": true}
	for i, h := range u.entries {
		assert.True(t, strings.HasPrefix(h.Name, "./"), h.Name)
		assert.Equal(t, tar.FormatGNU, h.Format)
		if h.Typeflag == tar.TypeDir {
			made[h.Name] = true
		}
		if i > 0 {
			assert.True(t, made["./"+strings.TrimPrefix(path.Dir(strings.TrimSuffix(h.Name, "/"))+"/", "./")], "the directory of %s has no entry before it", h.Name)
		}
	}
	assert.Equal(t, "./", u.entries[0].Name)
	assert.Equal(t, "./schema.json", u.entries[len(u.entries)-1].Name)
	assert.True(t, slices.ContainsFunc(u.entries, func(h *tar.Header) bool { return len(h.Name) > 100 }))

	assert.Equal(t, []string{
		"attachments", "attachments_000001.json", "issue_comments_000001.json", "issue_comments_000002.json",
		"issue_comments_000003.json", "issues_000001.json", "issues_000002.json", "issues_000003.json",
		"organizations_000001.json", "repositories", "repositories_000001.json", "schema.json", "users_000001.json",
	}, u.top())
	assert.Regexp(t, `^\{"version":"1\.0\.1","github_sha":"[0-9a-f]{40}"\}$`, string(u.files["schema.json"]))
	assert.True(t, bytes.HasPrefix(u.files["issues_000001.json"],
		[]byte("[\n  {\n    \"type\": \"issue\",\n    \"url\": \"https://github.com/octo/hello/issues/1\",\n")))
	assert.Contains(t, string(u.files["issues_000001.json"]), "    \"assignees\": [\n\n    ],\n")
	assert.Contains(t, string(u.files["issues_000001.json"]), `a < b && c`)
	assert.False(t, bytes.HasSuffix(u.files["issues_000001.json"], []byte("\n")))

	assert.Len(t, u.records(t, "issues"), 251)
	assert.Len(t, u.records(t, "issue_comments"), 251)
	repositories := u.records(t, "repositories")
	assert.Equal(t, "tarball://root/repositories/octo/hello.git", repositories[0]["git_url"])
	assert.Equal(t, []any{false, true}, []any{repositories[0]["private"], repositories[1]["private"]})
	attachments := u.records(t, "attachments")
	require.Len(t, attachments, 2)
	assert.Equal(t, "image/png", attachments[0]["asset_content_type"])
	assert.Equal(t, "application/octet-stream", attachments[1]["asset_content_type"])
	file := strings.TrimPrefix(attachments[0]["asset_url"].(string), "tarball://root/")
	assert.Equal(t, "PNG", string(u.files[file]))

	// Every reference is the URL of a record.
	urls := make(map[any]bool)
	for _, kind := range []string{"users", "organizations", "repositories", "issues"} {
		for _, r := range u.records(t, kind) {
			urls[r["url"]] = true
		}
	}
	for kind, fields := range map[string][]string{
		"repositories": {"owner"}, "issues": {"repository", "user"},
		"issue_comments": {"issue", "user"}, "attachments": {"issue", "user"},
	} {
		for _, r := range u.records(t, kind) {
			for _, field := range fields {
				assert.True(t, urls[r[field]], "%s of %v", field, r["url"])
			}
		}
	}
}

func TestArchivesOmitExcludedContent(t *testing.T) {
	const all = "attachments attachments_000001.json issue_comments_000001.json issues_000001.json organizations_000001.json " +
		"releases releases_000001.json repositories repositories_000001.json schema.json users_000001.json"
	for option, absent := range map[string]string{
		"lock_repositories":      "",
		"exclude_owner_projects": "",
		"exclude_git_data":       "repositories",
		"exclude_attachments":    "attachments attachments_000001.json",
		"exclude_releases":       "releases releases_000001.json",
		"exclude_metadata":       "attachments attachments_000001.json issue_comments_000001.json issues_000001.json releases releases_000001.json users_000001.json",
	} {
		c := newServer(t)
		c.AddRepository("octo/hello", ghmigratetest.WithAttachment("a", []byte("b")), ghmigratetest.Payload(10))
		u := c.fetch(c.exported(`{"repositories":["octo/hello"],"` + option + `":true}`))
		var want []string
		for name := range strings.FieldsSeq(all) {
			if !slices.Contains(strings.Fields(absent), name) {
				want = append(want, name)
			}
		}
		assert.Equal(t, want, u.top(), option)
	}

	c := newServer(t)
	c.AddRepository("octo/hello")
	c.AddRepository("octocat/mine")
	u := c.fetch(c.exported(`{"repositories":[],"org_metadata_only":true}`))
	assert.Equal(t, []string{"organizations_000001.json", "schema.json", "users_000001.json"}, u.top())
	id := c.start("/user", `{"repositories":["octocat/mine"]}`)
	c.Clock().Advance(time.Minute)
	u = unpack(t, c.do("GET", c.do("GET", "/user/migrations/"+itoa(id)+"/archive", "").header.Get("Location"), "").body)
	assert.Equal(t, []string{"repositories", "repositories_000001.json", "schema.json", "users_000001.json"}, u.top())
}

func TestArchivesPassVerification(t *testing.T) {
	for name, want := range map[string]archive.VerifyOptions{
		"lock_repositories":      {},
		"exclude_owner_projects": {},
		"exclude_git_data":       {ExcludeGitData: true},
		"exclude_attachments":    {ExcludeAttachments: true},
		"exclude_releases":       {ExcludeReleases: true},
		"exclude_metadata":       {ExcludeMetadata: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newServer(t)
			c.AddRepository("octo/hello", ghmigratetest.WithIssues(120), ghmigratetest.WithAttachment("a", []byte("b")), ghmigratetest.Payload(100_000))
			c.AddRepository("octo/git", ghmigratetest.FromGit(newGit(t)))
			c.AddRepository("octo/other")
			id := c.exported(`{"repositories":["octo/hello","octo/git"],"` + name + `":true}`)
			data := c.do("GET", c.signed(id), "").body
			want.Repositories = []string{"octo/hello", "octo/git"}
			want.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(data)))
			summary, err := archive.Verify(t.Context(), strings.NewReader(data), &want)
			require.NoError(t, err)

			var found []string
			for _, r := range summary.Repositories {
				assert.True(t, r.Record, r.Name)
				assert.Equal(t, !want.ExcludeGitData, r.Git, r.Name)
				found = append(found, r.Name)
			}
			assert.ElementsMatch(t, want.Repositories, found)
			assert.Empty(t, summary.Unknown)
			records := map[string]int64{
				"organization": 1, "user": 1, "repository": 2, "issue": 120, "issue_comment": 120, "attachment": 1, "release": 1,
			}
			dangling := map[string]int64{}
			if want.ExcludeMetadata {
				records = map[string]int64{"organization": 1, "repository": 2}
				dangling["user"] = 3 // a member of the organization, a collaborator of each repository
			}
			if want.ExcludeAttachments {
				delete(records, "attachment")
			}
			if want.ExcludeReleases {
				delete(records, "release")
			}
			assert.Equal(t, records, summary.Records)
			assert.Equal(t, dangling, summary.Dangling)

			want.Repositories = append(want.Repositories, "octo/other")
			_, err = archive.Verify(t.Context(), strings.NewReader(data), &want)
			require.ErrorContains(t, err, "octo/other")
		})
	}
}

func TestPayload(t *testing.T) {
	const size = 3<<20 + 1
	var payloads [][]byte
	for _, name := range []string{"octo/hello", "octo/hello", "octo/other"} {
		c := newServer(t)
		c.AddRepository(name, ghmigratetest.Payload(size))
		id := c.exported(`{"repositories":["` + name + `"]}`)
		res := c.do("GET", c.signed(id), "")
		assert.Greater(t, len(res.body), size, "the payload does not compress")
		u := unpack(t, res.body)
		release := u.records(t, "releases")[0]
		asset := release["release_assets"].([]any)[0].(map[string]any)["asset_url"].(string)
		payload := u.files[strings.TrimPrefix(asset, "tarball://root/")]
		assert.Len(t, payload, size)
		payloads = append(payloads, payload)
	}
	assert.Equal(t, sha256.Sum256(payloads[0]), sha256.Sum256(payloads[1]))
	assert.NotEqual(t, sha256.Sum256(payloads[0]), sha256.Sum256(payloads[2]))
}

func TestCloseRemovesTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	c := newServer(t)
	c.AddRepository("octo/hello")
	kept, deleted := c.exported(hello), c.exported(hello)
	c.fetch(kept)
	c.fetch(deleted)
	archives := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "*", "archive-*"))
		require.NoError(t, err)
		return len(found)
	}
	assert.Equal(t, 2, archives())
	c.do("DELETE", c.path(deleted)+"/archive", "")
	assert.Equal(t, 1, archives())
	c.Close()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestAnArchiveThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	c := newServer(t)
	c.AddRepository("octo/hello")
	location := c.signed(c.exported(hello))
	require.NoError(t, os.RemoveAll(dir))
	res := c.do("GET", location, "")
	assert.Equal(t, http.StatusInternalServerError, res.status)
	assert.Contains(t, res.body, "<Code>InternalError</Code>")
	require.NoError(t, os.Mkdir(dir, 0o700))
	assert.Equal(t, http.StatusOK, c.do("GET", location, "").status)
}
