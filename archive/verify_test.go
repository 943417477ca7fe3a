package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestVerifyDescribesTheArchive(t *testing.T) {
	t.Parallel()
	file := smallArchive(t)
	sum := sha256.Sum256(file)
	opts := &archive.VerifyOptions{Repositories: []string{"Octocat/APP"}, SHA256: strings.ToUpper(hex.EncodeToString(sum[:]))}
	summary, err := archive.Verify(t.Context(), bytes.NewReader(file), opts)
	require.NoError(t, err)

	require.Len(t, summary.Repositories, 1)
	assert.Positive(t, summary.Repositories[0].GitBytes)
	summary.Repositories[0].GitBytes = 0
	assert.Positive(t, summary.Unpacked)
	summary.Unpacked = 0
	assert.Positive(t, summary.Entries)
	summary.Entries = 0
	assert.Equal(t, &archive.Summary{
		SHA256:       hex.EncodeToString(sum[:]),
		Size:         int64(len(file)),
		Schema:       archive.Schema{Version: "1.0.1", GitHubSHA: "0123456789abcdef0123456789abcdef01234567"},
		Records:      map[string]int64{"user": 1, "repository": 1, "issue": 1, "attachment": 1},
		Unknown:      map[string]int64{},
		Misfits:      map[string]string{},
		Repositories: []archive.RepositorySummary{{Name: "octocat/app", Record: true, Git: true, Objects: 3, Refs: 2}},
		Dangling:     map[string]int64{},
	}, summary)
}

func TestVerifyNamesTheEntryOfEveryFault(t *testing.T) {
	t.Parallel()
	const (
		bare  = "repositories/octocat/app.git"
		users = "users_000001.json"

		release = `[{"type":"release","url":"r","release_assets":[{"asset_url":"tarball://root/releases/1/app.zip"}]}]`
	)
	file := smallArchive(t)
	for name, test := range map[string]struct {
		damage func(*layout)
		opts   archive.VerifyOptions
		want   map[string]string // a part of the fault of each entry
	}{
		"nothing": {
			damage: func(*layout) {},
		},
		"a byte in a pack": {
			damage: func(l *layout) { l.find(bare+"/objects/pack/", ".pack").body[40] ^= 1 },
			want:   map[string]string{bare + "/objects/pack/*.pack": "checksum"},
		},
		"a byte in an index": {
			damage: func(l *layout) { l.find(bare+"/objects/pack/", ".idx").body[1040] ^= 1 },
			want:   map[string]string{bare + "/objects/pack/*.idx": "checksum"},
		},
		"a byte in a reverse index": {
			damage: func(l *layout) { l.find(bare+"/objects/pack/", ".rev").body[15] ^= 1 },
			want:   map[string]string{bare + "/objects/pack/*.rev": "checksum"},
		},
		"a pack without its index": {
			damage: func(l *layout) { l.remove(bare+"/objects/pack/", ".idx") },
			want:   map[string]string{bare + "/objects/pack/*.idx": "missing"},
		},
		"an index without its pack": {
			damage: func(l *layout) { l.remove(bare+"/objects/pack/", ".pack") },
			want:   map[string]string{bare + "/objects/pack/*.pack": "missing"},
		},
		"a byte in a loose object": {
			damage: func(l *layout) { l.loose().body[5] ^= 1 },
			want:   map[string]string{bare + "/objects/*/*": ""},
		},
		"a loose object of another name": {
			damage: func(l *layout) {
				m := l.loose()
				m.name = m.name[:len(m.name)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(m.name, "0")]
			},
			want: map[string]string{bare + "/objects/*/*": "its name is not the hash", bare + "/refs/tags/loose": "missing"},
		},
		"a ref to a missing object": {
			damage: func(l *layout) {
				l.find(bare+"/refs/tags/loose", "").body = []byte("0123456789012345678901234567890123456789\n")
			},
			want: map[string]string{bare + "/refs/tags/loose": "missing"},
		},
		"an invalid ref": {
			damage: func(l *layout) { l.find(bare+"/refs/tags/loose", "").body = []byte("hello\n") },
			want:   map[string]string{bare + "/refs/tags/loose": ""},
		},
		"packed refs to missing objects": {
			damage: func(l *layout) {
				m := l.find(bare+"/packed-refs", "")
				i := bytes.IndexByte(m.body, '\n') + 1
				copy(m.body[i:], "0123456789")
			},
			want: map[string]string{bare + "/packed-refs": "missing"},
		},
		"invalid packed refs": {
			damage: func(l *layout) { l.find(bare+"/packed-refs", "").body = []byte("hello\n") },
			want:   map[string]string{bare + "/packed-refs": ""},
		},
		"no HEAD": {
			damage: func(l *layout) { l.remove(bare+"/HEAD", "") },
			want:   map[string]string{bare + "/HEAD": "missing"},
		},
		"no refs": {
			damage: func(l *layout) { l.remove(bare+"/packed-refs", ""); l.remove(bare+"/refs/tags/loose", "") },
			want:   map[string]string{bare: "it has objects and no refs"},
		},
		"no refs but a commit in HEAD": {
			damage: func(l *layout) {
				refs := l.find(bare+"/packed-refs", "").body
				commit := refs[bytes.IndexByte(refs, '\n')+1:][:40]
				l.find(bare+"/HEAD", "").body = append(bytes.Clone(commit), '\n')
				l.remove(bare+"/packed-refs", "")
				l.remove(bare+"/refs/tags/loose", "")
			},
		},
		"alternates": {
			damage: func(l *layout) { l.add(bare+"/objects/info/alternates", "/srv/objects\n") },
			want:   map[string]string{bare + "/objects/info/alternates": ""},
		},
		"a partial clone": {
			damage: func(l *layout) { l.add(bare+"/objects/pack/pack-x.promisor", "") },
			want:   map[string]string{bare + "/objects/pack/pack-x.promisor": "a partial clone"},
		},
		"a file in place of a directory, with a control character": {
			damage: func(l *layout) { l.add("a\x1b]", ""); l.add("a\x1b]/b", "") },
			want:   map[string]string{"a\x1b]/b": `it is in "a\x1b]", which is a file`}, // quoted, so that no terminal interprets it
		},
		"a shard that ends early": {
			damage: func(l *layout) { m := l.find(users, ""); m.body = m.body[:len(m.body)-1] },
			want:   map[string]string{users: ""},
		},
		"data after a shard": {
			damage: func(l *layout) { m := l.find(users, ""); m.body = append(m.body, ']') },
			want:   map[string]string{users: ""},
		},
		"a shard that is not an array": {
			damage: func(l *layout) { l.find(users, "").body = []byte(`{"type":"user"}`) },
			want:   map[string]string{users: ""},
		},
		"an empty shard": {
			damage: func(l *layout) { l.find(users, "").body = nil },
			want:   map[string]string{users: ""},
		},
		"a record without a type": {
			damage: func(l *layout) {
				m := l.find(users, "")
				m.body = bytes.Replace(m.body, []byte("type"), []byte("tyqe"), 1)
			},
			want: map[string]string{users: "without a type"},
		},
		"a record of bad syntax": {
			damage: func(l *layout) { m := l.find(users, ""); m.body = bytes.Replace(m.body, []byte(":"), []byte(";"), 1) },
			want:   map[string]string{users: ""},
		},
		"no schema": {
			damage: func(l *layout) { l.remove("schema.json", "") },
			want:   map[string]string{"schema.json": "not in the archive"},
		},
		"another schema": {
			damage: func(l *layout) { l.find("schema.json", "").body = []byte(`{"version":"2.0.0"}`) },
			want:   map[string]string{"schema.json": `version "2.0.0"`},
		},
		"an invalid schema": {
			damage: func(l *layout) { l.find("schema.json", "").body = []byte(`{"version"`) },
			want:   map[string]string{"schema.json": ""},
		},
		"a schema without a version": {
			damage: func(l *layout) { l.find("schema.json", "").body = []byte(`{}`) },
			want:   map[string]string{"schema.json": `version ""`},
		},
		"a directory for a schema": {
			damage: func(l *layout) {
				l.remove("schema.json", "")
				l.members = append(l.members, &member{name: "schema.json/", typeflag: tar.TypeDir})
			},
			want: map[string]string{"schema.json": "not in the archive"},
		},
		"an attachment that is missing": {
			damage: func(l *layout) { l.remove("attachments/1/shot.png", "") },
			want:   map[string]string{"attachments_000001.json": "tarball://root/attachments/1/shot.png"},
		},
		"attachments that were left out": {
			damage: func(l *layout) { l.remove("attachments/", "") },
			opts:   archive.VerifyOptions{ExcludeAttachments: true},
		},
		"an asset of a release that is missing": {
			damage: func(l *layout) { l.add("releases_000001.json", release) },
			want:   map[string]string{"releases_000001.json": "tarball://root/releases/1/app.zip"},
		},
		"assets of releases that were left out": {
			damage: func(l *layout) { l.add("releases_000001.json", release) },
			opts:   archive.VerifyOptions{ExcludeReleases: true},
		},
		"a directory for an attachment": {
			damage: func(l *layout) {
				l.remove("attachments/1/shot.png", "")
				l.members = append(l.members, &member{name: "attachments/1/shot.png/", typeflag: tar.TypeDir})
			},
			want: map[string]string{"attachments_000001.json": "tarball://root/attachments/1/shot.png"},
		},
		"a file for a repository": {
			damage: func(l *layout) {
				l.remove(bare, "")
				l.add(bare, "x")
			},
			want: map[string]string{bare + "/HEAD": "missing", "repositories_000001.json": "tarball://root/" + bare},
		},
		"an attachment that is missing, of a record that does not fit": {
			damage: func(l *layout) {
				l.remove("attachments/1/shot.png", "")
				l.replace("attachments_000001.json", `"shot.png"`, "7")
			},
			want: map[string]string{"attachments_000001.json": "tarball://root/attachments/1/shot.png"},
		},
		"an asset that is missing, of a release that does not fit": {
			damage: func(l *layout) {
				l.add("releases_000001.json", strings.Replace(release, `"url":"r"`, `"name":7`, 1))
			},
			want: map[string]string{"releases_000001.json": "tarball://root/releases/1/app.zip"},
		},
		"a repository whose record does not fit": {
			damage: func(l *layout) { l.replace("repositories_000001.json", `"labels": [`, `"labels": [7`) },
			opts:   archive.VerifyOptions{Repositories: []string{"octocat/app"}},
		},
		"a link out of the archive": {
			damage: func(l *layout) { l.replace("attachments_000001.json", "root/attachments", "root/../attachments") },
			want:   map[string]string{"attachments_000001.json": "out of the archive"},
		},
		"a link out of the archive, to attachments that were left out": {
			damage: func(l *layout) {
				l.remove("attachments/", "")
				l.replace("attachments_000001.json", "root/attachments", "root/attachments/../..")
			},
			opts: archive.VerifyOptions{ExcludeAttachments: true},
			want: map[string]string{"attachments_000001.json": "out of the archive"},
		},
		"a link with an absolute path": {
			damage: func(l *layout) { l.replace("attachments_000001.json", "root/attachments", "root//attachments") },
			want:   map[string]string{"attachments_000001.json": "out of the archive"},
		},
		"a link to another root": {
			damage: func(l *layout) { l.replace("attachments_000001.json", "root/attachments", "toor/attachments") },
			want:   map[string]string{"attachments_000001.json": "out of the archive"},
		},
		"a link that is percent-encoded": {
			damage: func(l *layout) { l.replace("attachments_000001.json", "/shot.png", "/%73hot.png") },
		},
		"links before their entries": {
			damage: func(l *layout) { l.moveToEnd("attachments/1/shot.png"); l.moveToEnd(bare + "/") },
		},
		"links after their entries": {
			damage: func(l *layout) { l.moveToEnd("attachments_000001.json"); l.moveToEnd("repositories_000001.json") },
		},
		"no entries for directories": {
			damage: func(l *layout) {
				l.members = slices.DeleteFunc(l.members, func(m *member) bool { return m.typeflag == tar.TypeDir })
			},
			opts: archive.VerifyOptions{Repositories: []string{"octocat/app"}},
		},
		"a repository whose entries are scattered": {
			damage: func(l *layout) {
				slices.SortFunc(l.members, func(a, b *member) int { return strings.Compare(path.Base(b.name), path.Base(a.name)) })
			},
			opts: archive.VerifyOptions{Repositories: []string{"octocat/app"}},
		},
		"a requested repository that is missing": {
			damage: func(*layout) {},
			opts:   archive.VerifyOptions{Repositories: []string{"octocat/app", "octocat/other", "OCTOCAT/other"}},
			want:   map[string]string{"": "repository octocat/other is not in the archive"},
		},
		"a repository without its record": {
			damage: func(l *layout) { l.remove("repositories_000001.json", "") },
			opts:   archive.VerifyOptions{Repositories: []string{"octocat/app"}},
			want:   map[string]string{"": "repository octocat/app has no record"},
		},
		"metadata that was left out": {
			damage: func(l *layout) { l.remove("", "_000001.json") },
			opts:   archive.VerifyOptions{Repositories: []string{"octocat/app"}, ExcludeMetadata: true},
		},
		"a repository without its Git data": {
			damage: func(l *layout) { l.remove("repositories/", "") },
			opts:   archive.VerifyOptions{Repositories: []string{"Octocat/App"}},
			want: map[string]string{
				bare:                       "not in the archive",
				"repositories_000001.json": "tarball://root/" + bare,
			},
		},
		"Git data that were left out": {
			damage: func(l *layout) { l.remove("repositories/", "") },
			opts:   archive.VerifyOptions{Repositories: []string{"octocat/app"}, ExcludeGitData: true},
		},
		"an empty repository": {
			damage: func(l *layout) {
				l.remove(bare+"/", "")
				l.members = append(l.members, &member{name: bare + "/", typeflag: tar.TypeDir})
			},
			want: map[string]string{bare + "/HEAD": "missing"},
		},
		"repositories in other places": {
			damage: func(l *layout) {
				l.add("backup/app.git/HEAD", "x")
				l.add("backup/app.git/config", "x")
				l.add("gists/1/HEAD", "x")
				l.add("app/objects/pack/pack-x.pack", "x")
				l.add("bare/objects/ab/"+strings.Repeat("c", 38), "x")
				l.add("HEAD", "x")
				l.add("repositories/octocat/plain/HEAD", "x")
				l.add("repositories/a/group/app.git/HEAD", "x")
				l.add("attachments/1/app.git/HEAD", "x")
				l.add("attachments/2/HEAD", "x") // a name that an attachment may have
				l.add("novelties/objects/x", "x")
			},
			want: map[string]string{
				"backup/app.git": "not in a bare repository", "gists/1": "not in a bare repository", "app": "not in a bare repository",
				"bare": "not in a bare repository", "HEAD": "not in a bare repository", "repositories/octocat/plain": "not in a bare repository",
				"repositories/a/group": "not in a bare repository", "attachments/1/app.git": "not in a bare repository",
			},
		},
		"an archive in a directory of another": {
			damage: func(l *layout) {
				l.add("x/schema.json", "{")
				l.add("x/issues_000001.json", "[")
				for _, name := range []string{"HEAD", "config", "refs/heads/main"} {
					l.add("x/repositories/octocat/app.git/"+name, "x")
				}
				l.add("log/issues.log", "x")
				l.add("novelties/log/x", "x")
				l.add("attachments/1/issues_000001.json", "x") // a name that an attachment may have
			},
			want: map[string]string{
				"x/schema.json": "readers ignore it", "x/issues_000001.json": "readers ignore it", "x/repositories": "readers ignore it",
			},
		},
		"misnamed files of records": {
			damage: func(l *layout) {
				for _, name := range []string{"issues_00001.json", "Issues_000001.json", "issues_000001.JSON", "issues-1.json"} {
					l.add(name, "[")
				}
				l.add("urls.json", "{}")
				l.add("novelty.json", "{}")
			},
			want: map[string]string{
				"issues_00001.json": "readers ignore it", "Issues_000001.json": "readers ignore it",
				"issues_000001.JSON": "readers ignore it", "issues-1.json": "readers ignore it",
			},
		},
		"files beside repositories": {
			damage: func(l *layout) {
				l.add("repositories/octocat/lib/HEAD", "x")
				l.add("repositories/octocat/lib/config", "x")
				l.add("repositories/octocat/notes", "x")
				l.add("repositories/octocat/"+strings.Repeat("x", 252)+".git/HEAD", "x")
			},
			want: map[string]string{
				"repositories/octocat/lib": "not in a bare", "repositories/octocat/notes": "not in a bare", "repositories/octocat/x*": "not in a bare",
			},
		},
		"the same name twice": {
			damage: func(l *layout) { l.add(users, "[]") },
			want:   map[string]string{users: "same name"},
		},
		"the same directory twice": {
			damage: func(l *layout) {
				l.members = append(l.members, &member{name: "repositories/", typeflag: tar.TypeDir})
			},
		},
		"a file that is a directory": {
			damage: func(l *layout) { l.add("attachments/1", "x") },
			want:   map[string]string{"attachments/1": "same name"},
		},
		"files in a file": {
			damage: func(l *layout) { l.add("attachments/1/shot.png/x", "x"); l.add("attachments/1/shot.png/y", "y") },
			want:   map[string]string{"attachments/1/shot.png/x": "is a file", "attachments/1/shot.png/y": "is a file"},
		},
		"a symbolic link": {
			damage: func(l *layout) {
				l.members = append(l.members, &member{name: "attachments/2", typeflag: tar.TypeSymlink, link: "/etc/passwd"})
			},
			want: map[string]string{"attachments/2": ""},
		},
		"a name that leads out": {
			damage: func(l *layout) { l.add("../evil", "x") },
			want:   map[string]string{"../evil": ""},
		},
		"a name that is absolute": {
			damage: func(l *layout) { l.add("/etc/passwd", "x") },
			want:   map[string]string{"/etc/passwd": ""},
		},
		"a wrong SHA-256": {
			damage: func(*layout) {},
			opts:   archive.VerifyOptions{SHA256: strings.Repeat("0", 64)},
			want:   map[string]string{"": "SHA-256"},
		},
		"many things at once": {
			damage: func(l *layout) {
				l.remove("schema.json", "")
				l.remove(bare+"/HEAD", "")
				l.find(bare+"/objects/pack/", ".pack").body[40] ^= 1
				l.replace("issues_000001.json", "]", "")
				l.remove("attachments/1/shot.png", "")
			},
			opts: archive.VerifyOptions{Repositories: []string{"octocat/other"}},
			want: map[string]string{
				"schema.json":                 "not in",
				bare + "/HEAD":                "missing",
				bare + "/objects/pack/*.pack": "checksum",
				"issues_000001.json":          "",
				"attachments_000001.json":     "shot.png",
				"":                            "octocat/other",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := readLayout(t, file)
			test.damage(l)
			summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &test.opts)
			require.NotNil(t, summary)
			requireFaults(t, err, test.want)
		})
	}
}

func TestFaultsNameTheRecord(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	const shard = "attachments_000002.json"
	records := []string{
		`{"type":"attachment","url":"a","asset_url":"tarball://root/attachments/2/lost.png"}`,
		`{"url":"b"}`,
		`{"type":"attachment","url":"c","asset_url":"tarball://root/../lost.png"}`,
		`{"type":"attachment","url":"d","user":7}`,
		`{"type":"attachment","url":"e","user":"` + strings.Repeat("x", 1000) + `","created_at":"then"}`,
		`{"type":"user","url":"f","login":["` + strings.Repeat("y", 1000) + `"]}`,
	}
	l.add(shard, "["+strings.Join(records, ",")+"]")
	summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
	faults := faultsOf(t, err)
	second := 1 + len(records[0]) + 1
	third := second + len(records[1]) + 1
	var got []string
	for _, fault := range faults.Faults {
		got = append(got, fault.Error())
	}
	assert.Equal(t, []string{
		fmt.Sprintf("%s at byte %d: record without a type", shard, second),
		fmt.Sprintf("%s at byte %d: link that leads out of the archive: %q", shard, third, "tarball://root/../lost.png"),
		fmt.Sprintf("%s at byte %d: link to an entry that is not in the archive: %q", shard, 1, "tarball://root/attachments/2/lost.png"),
	}, got)
	assert.Equal(t, map[string]int64{"attachment": 2, "user": 1, "": 1}, summary.Unknown)
	require.Len(t, summary.Misfits, 2)
	assert.Contains(t, summary.Misfits["attachment"], "user")
	assert.Contains(t, summary.Misfits["user"], "login")
	for _, reason := range summary.Misfits {
		assert.Less(t, len(reason), 400)
	}
}

func TestFaultsNameTheRepository(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	const lost = `"tarball://root/attachments/2/lost.png"`
	want := map[string]string{
		`{"type":"issue_comment","url":"https://github.com/octocat/app/issues/1#issuecomment-1","x":` + lost + `}`:                                     "octocat/app",
		`{"type":"attachment","url":"https://github.com/user-attachments/assets/1","issue":"https://ghes.example/octo/lib/issues/2","x":` + lost + `}`: "octo/lib",
		`{"type":"attachment","url":"https://github.com/user-attachments/assets/2","x":` + lost + `}`:                                                  "",
		`{"type":"release","url":"https://github.com/octocat/app/releases/tag/v1","x":` + lost + `}`:                                                   "octocat/app",
		`{"type":"repository","url":"https://github.com/octocat/app","git_url":"tarball://root/repositories/octocat/app.git","x":` + lost + `}`:        "octocat/app",
		`{"type":"sprint","url":"https://github.com/octo/tool/sprints/1","x":` + lost + `}`:                                                            "octo/tool",
		`{"type":"project","url":"https://github.com/orgs/octo/projects/1","x":` + lost + `}`:                                                          "",
		`{"type":"user","url":"https://github.com/octocat","x":` + lost + `}`:                                                                          "",
		`{"type":"team","url":"https://github.com/orgs/octo/teams/all","x":` + lost + `}`:                                                              "",
		`{"url":"https://github.com/octocat/app/things/1"}`:                                                                                            "octocat/app",
		`{"type":"label","url":"https://github.com/octocat/app/labels/bug","x":"tarball://root/../lost.png"}`:                                          "octocat/app",
	}
	records := slices.Sorted(maps.Keys(want))
	at := map[int64]string{}
	offset := int64(1)
	for _, record := range records {
		at[offset] = want[record]
		offset += int64(len(record)) + 1
	}
	l.add("things_000001.json", "["+strings.Join(records, ",")+"]")
	_, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &archive.VerifyOptions{Repositories: []string{"octo/gone"}})
	got, others := map[int64]string{}, map[string]string{}
	for _, fault := range faultsOf(t, err).Faults {
		if fault.Entry == "things_000001.json" {
			got[fault.Offset] = fault.Repository
		} else {
			others[fault.Error()] = fault.Repository
		}
	}
	assert.Equal(t, at, got)
	assert.Equal(t, map[string]string{"archive: repository octo/gone is not in the archive": "octo/gone"}, others)

	l = readLayout(t, smallArchive(t))
	l.find("repositories/octocat/app.git/HEAD", "").body = []byte("nothing")
	_, err = archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
	for _, fault := range faultsOf(t, err).Faults {
		assert.Equal(t, "octocat/app", fault.Repository, "of Git data: %v", fault)
	}
}

// After damage to the container, Verify reports requested repositories as missing, and
// nothing else.
func TestVerifyReportsOnlyRequestedRepositoriesAfterDamage(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	l.moveToEnd("attachments/")
	l.moveToEnd("schema.json")
	whole, err := unpack(l.file(t))
	require.NoError(t, err)
	end := bytes.Index(whole, []byte("./repositories/octocat/app.git/objects/pack/pack-"))
	end -= end % 512
	for name, cut := range map[string][]byte{
		"truncated":       whole[:end],
		"a damaged block": slices.Concat(whole[:end], []byte("x"), whole[end+1:]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := archive.VerifyOptions{Repositories: []string{"octocat/app", "octocat/lib"}, SHA256: strings.Repeat("0", 64)}
			_, err := archive.Verify(t.Context(), bytes.NewReader(gzipOf(t, cut)), &opts)
			faults := faultsOf(t, err)
			require.Len(t, faults.Faults, 3, "%v", err)
			assert.Empty(t, faults.Faults[0].Entry)
			assert.GreaterOrEqual(t, faults.Faults[0].Offset, int64(end))
			require.EqualError(t, faults.Faults[1], "archive: repository octocat/lib is not in the readable part of the archive")
			assert.Contains(t, faults.Faults[2].Error(), "SHA-256")
		})
	}
}

func TestVerifyChecksTheEndOfTheTar(t *testing.T) {
	t.Parallel()
	whole, err := unpack(smallArchive(t))
	require.NoError(t, err)
	end := len(bytes.TrimRight(whole, "\x00"))
	end += 512 - end%512
	require.Less(t, end+1024, len(whole))
	for name, test := range map[string]struct {
		tar  []byte
		want error // nil for any fault
	}{
		"no more than two blocks": {tar: whole[:end+1024]},
		"no end":                  {tar: whole[:end], want: io.ErrUnexpectedEOF},
		"half an end":             {tar: whole[:end+512], want: io.ErrUnexpectedEOF},
		"a byte in the end":       {tar: slices.Concat(whole[:end+100], []byte("x"), whole[end+101:]), want: tar.ErrHeader},
		"a byte after the end":    {tar: slices.Concat(whole[:end+1024], []byte("x"), make([]byte, 511))},
		"another tar":             {tar: slices.Concat(whole, whole)},
		"a damaged header":        {tar: slices.Concat([]byte("x"), whole[1:]), want: tar.ErrHeader},
		"nothing":                 {tar: nil, want: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			summary, err := archive.Verify(t.Context(), bytes.NewReader(gzipOf(t, test.tar)), nil)
			require.NotNil(t, summary)
			if name == "no more than two blocks" {
				require.NoError(t, err)
				return
			}
			faults := faultsOf(t, err)
			require.NotEmpty(t, faults.Faults)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
		})
	}
}

func TestVerifyReturnsTheErrorOfItsReader(t *testing.T) {
	t.Parallel()
	file := smallArchive(t)
	broken := errors.New("the network is gone")
	for n := 0; n < len(file); n += 13 {
		r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
		summary, err := archive.Verify(t.Context(), r, &archive.VerifyOptions{Repositories: []string{"octocat/other"}})
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		_, ok := errors.AsType[*archive.FaultError](err)
		require.False(t, ok, "after %d bytes: %v", n, err)
		require.Equal(t, int64(n), summary.Size)
		require.Empty(t, summary.SHA256)
	}
}

func TestVerifyCountsDanglingReferences(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	l.add("issue_comments_000001.json", `[
	{"type":"issue_comment","url":"c1","issue":"https://github.com/octocat/app/issues/1","user":"https://github.com/octocat"},
	{"type":"issue_comment","url":"c2","issue":"https://github.com/octocat/app/issues/2","user":"https://github.com/hubot"},
	{"type":"issue_comment","url":"c2","pull_request":"https://github.com/octocat/app/pull/3","user":"https://github.com/hubot"},
	{"type":"issue_comment","url":"c3","issue":"https://github.com/octocat/app/issues/1","user":null},
	{"type":"repository","url":"https://github.com/octocat/b","owner":"https://github.com/octocat","name":"b","labels":[{"url":"l"},{"url":"l"}]},
	{"type":"novel","url":"n1","issue":"https://github.com/octocat/app/issues/4"}
	]`)
	file := l.file(t)
	summary, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"issue": 1, "pull_request": 1, "user": 2}, summary.Dangling)
	assert.Equal(t, int64(1), summary.Duplicates)
	assert.Equal(t, map[string]int64{"novel": 1}, summary.Unknown)

	summary, err = archive.Verify(t.Context(), bytes.NewReader(file), &archive.VerifyOptions{SkipReferences: true})
	require.NoError(t, err)
	assert.Nil(t, summary.Dangling)
	assert.Zero(t, summary.Duplicates)
}

// requireFaults requires one fault for each pattern in want. The pattern matches the
// entry of the fault, and the fault contains the text.
func requireFaults(t *testing.T, err error, want map[string]string) {
	t.Helper()
	if len(want) == 0 {
		require.NoError(t, err)
		return
	}
	faults := faultsOf(t, err)
	assert.Len(t, faults.Faults, len(want), "%v", faults.Faults)
	for pattern, text := range want {
		assert.True(t, slices.ContainsFunc(faults.Faults, func(f *archive.Fault) bool {
			ok, err := path.Match(pattern, f.Entry)
			require.NoError(t, err)
			return ok && strings.Contains(f.Err.Error(), text)
		}), "%s: %s: not in %v", pattern, text, faults.Faults)
	}
}

// The Summary marks incomplete histories, because most of them are not faults.
func TestSummaryMarksIncompleteHistories(t *testing.T) {
	t.Parallel()
	const git, wiki = "repositories/octocat/app.git/", "repositories/octocat/app.wiki.git/"
	pull := func(repository, merged string) string {
		return `[{"type":"pull_request","url":"p","repository":"https://github.com/` + repository + `","merged_at":` + merged + `}]`
	}
	const empty = "repositories/octocat/empty.git/HEAD"
	for name, test := range map[string]struct {
		change func(l *layout, head string)
		want   map[string]string
	}{
		"whole":         {func(*layout, string) {}, nil},
		"shallow":       {func(l *layout, head string) { l.add(git+"shallow", head+"\n") }, map[string]string{"octocat/app": "shallow"}},
		"not truncated": {func(l *layout, _ string) { l.add(git+"shallow", "") }, nil},
		"shallow wiki": {func(l *layout, head string) {
			for _, m := range l.members {
				if rest, ok := strings.CutPrefix(m.name, git); ok && m.typeflag == tar.TypeReg {
					l.add(wiki+rest, string(m.body))
				}
			}
			l.add(wiki+"shallow", head+"\n")
		}, map[string]string{"octocat/app": "shallow"}},
		"a promisor": {func(l *layout, _ string) { l.add(git+"objects/pack/pack-x.promisor", "") }, map[string]string{"octocat/app": "partial"}},
		"merged, and objects": {func(l *layout, _ string) {
			l.add("pull_requests_000001.json", pull("octocat/app", `"2024-01-02T03:04:05Z"`))
		}, nil},
		"not merged, and no objects": {func(l *layout, _ string) {
			l.add(empty, "ref: refs/heads/main\n")
			l.add("pull_requests_000001.json", pull("octocat/empty", "null"))
		}, nil},
		"merged, and no objects": {func(l *layout, _ string) {
			l.add(empty, "ref: refs/heads/main\n")
			l.add("pull_requests_000001.json", pull("Octocat/Empty", `"2024-01-02T03:04:05Z"`))
		}, map[string]string{"octocat/empty": "emptied"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := readLayout(t, smallArchive(t))
			lines := strings.Fields(string(l.find(git+"packed-refs", "").body))
			test.change(l, lines[len(lines)-2])
			summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
			if name != "a promisor" {
				require.NoError(t, err)
			}
			var got map[string]string
			for _, r := range summary.Repositories {
				text, err := json.Marshal(r)
				require.NoError(t, err)
				for _, key := range []string{"shallow", "partial", "emptied"} {
					if strings.Contains(string(text), `"`+key+`":true`) {
						got = map[string]string{r.Name: key}
					}
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}
