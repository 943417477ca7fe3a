package archive_test

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestTypesOfRecordsHaveAPlural(t *testing.T) {
	t.Parallel()
	for kind, prefix := range map[string]string{
		"user": "users", "repository": "repositories", "discussion_category": "discussion_categories",
		"protected_branch": "protected_branches", "issue": "issues", "release": "releases",
		"repository_file": "repository_files", "public_key": "public_keys",
	} {
		assert.Equal(t, prefix, archive.Plural(kind))
		assert.Equal(t, kind, archive.Singular(prefix))
	}
}

func TestEntriesHaveNoWrappingDirectory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ names, want []string }{
		"GitHub's":                   {[]string{"./", "./schema.json"}, []string{"schema.json"}},
		"without ./":                 {[]string{"schema.json", "users_000001.json"}, []string{"schema.json", "users_000001.json"}},
		"a directory":                {[]string{"x/", "x/schema.json", "x/a"}, []string{"schema.json", "a"}},
		"a directory, ./":            {[]string{"./x/", "./x/./attachments/", "./x/attachments/1"}, []string{"attachments", "attachments/1"}},
		"no entry for it":            {[]string{"x/users_000001.json", "x/a", "x/"}, []string{"users_000001.json", "a"}},
		"evidence at the top":        {[]string{"schema.json", "x/", "x/schema.json"}, []string{"schema.json", "x", "x/schema.json"}},
		"evidence deeper":            {[]string{"repositories/", "repositories/o/schema.json"}, []string{"repositories", "repositories/o/schema.json"}},
		"repositories first":         {[]string{"x/", "x/repositories/", "x/repositories/o/", "x/schema.json"}, []string{"repositories", "repositories/o", "schema.json"}},
		"a known name before it":     {[]string{"x/log", "x/schema.json"}, []string{"log", "schema.json"}},
		"an unknown directory alone": {[]string{"x/"}, []string{"x"}},
		"two directories":            {[]string{"x/", "x/y/", "x/y/schema.json"}, []string{"x", "x/y", "x/y/schema.json"}},
		"odd slashes":                {[]string{".//a", "b//c", "d/./e"}, []string{"a", "b/c", "d/e"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := entriesNamed(t, test.names)
			assert.Empty(t, faults)
			assert.Equal(t, test.want, got)
		})
	}
}

// entriesNamed reads an archive with files of these names.
func entriesNamed(t *testing.T, names []string) (entries, faults []string) {
	t.Helper()
	var members []tarred
	for _, name := range names {
		members = append(members, tarred{name: name})
	}
	return everything(readerOf(t, bytes.NewReader(archiveOf(t, members...)), archive.Limits{}).Entries(), nameOf)
}

// Entries outside the wrapping directory are faults, before and after the first
// schema.json or record file.
func TestEntriesOutsideTheWrappingDirectoryAreFaults(t *testing.T) {
	t.Parallel()
	const outside = ": outside the wrapping directory"
	for name, test := range map[string]struct{ names, want, faults []string }{
		"unknown ones": {
			[]string{"readme", "y/", "x/", "x/schema.json", "x/a", "y/b", "x"},
			[]string{"readme", "y", "schema.json", "a"},
			[]string{"readme" + outside, "y" + outside, "y/b" + outside, "x: a file in place of the wrapping directory"},
		},
		"known ones": {
			[]string{"repositories/o/a.git/HEAD", "x/users_000001.json", "attachments/1/a", "x/a"},
			[]string{"repositories/o/a.git/HEAD", "users_000001.json", "a"},
			[]string{"repositories" + outside, "attachments/1/a" + outside},
		},
		"a known name in another directory first": {
			[]string{"y/log/a", "x/schema.json", "y/log/b", "x/a"},
			[]string{"log/a", "schema.json", "a"},
			[]string{"y" + outside, "y/log/b" + outside},
		},
		"a known name in a directory that wraps nothing": {
			[]string{"y/log/a", "schema.json", "y/log/b", "users_000001.json"},
			[]string{"log/a", "schema.json", "y/log/b", "users_000001.json"},
			[]string{"y: treated as the wrapping directory, but schema.json is outside of it"},
		},
		"records at the top": {
			[]string{"old/schema.json", "users_000001.json", "schema.json", "old/a"},
			[]string{"schema.json", "users_000001.json", "schema.json", "old/a"},
			[]string{"old: treated as the wrapping directory, but users_000001.json is outside of it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := entriesNamed(t, test.names)
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.faults, faults)
		})
	}
}

func TestEntriesRefuseNamesThatLeadOut(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "/etc//passwd"}, tarred{name: "../a"}, tarred{name: "a/../../b"}, tarred{name: "a/../b"},
		tarred{name: ".."}, tarred{name: "a/..", content: "x"}, tarred{name: "..a/b..c"}, tarred{name: "\x1b[2J/../x"},
	)
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{"..a/b..c"}, got)
	assert.Equal(t, []string{
		"/etc//passwd: the name is absolute",
		`../a: the name contains ".."`,
		`a/../../b: the name contains ".."`,
		`a/../b: the name contains ".."`,
		`..: the name contains ".."`,
		`a/..: the name contains ".."`,
		`"\x1b[2J/../x": the name contains ".."`,
	}, faults)
}

// A caller takes the other repositories of an archive for sound if a fault names one.
func TestFaultsOfNamesThatLeadOutNameNoRepository(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x/", 200)
	for _, name := range []string{
		"x/../repositories/o/a.git/HEAD", "repositories/o/a.git/../b.git/HEAD", "repositories/../a.git/HEAD",
		"repositories/o/a.git/" + long + "../../b", "repositories/../a.git/" + strings.Repeat("x", 5000),
		"/repositories/o/a.git/HEAD", "repositories/o/a.git/HEAD",
	} {
		file := archiveOf(t, tarred{name: "export/schema.json", content: `{"version":"1.0.1"}`}, tarred{name: name})
		_, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
		faults := faultsOf(t, err).Faults
		require.Len(t, faults, 1, name)
		assert.True(t, strings.HasPrefix(name, strings.TrimSuffix(faults[0].Entry, "…")), "the fault names %s", faults[0].Entry)
		assert.Empty(t, faults[0].Repository, name)
	}
}

func TestEntriesRefuseLongNames(t *testing.T) {
	t.Parallel()
	fits := "attachments/1/" + strings.Repeat("é", (4096-len("attachments/1/"))/2)
	file := archiveOf(t, tarred{name: fits}, tarred{name: fits + "x"}, tarred{name: strings.Repeat("a/", 50_000)}, tarred{name: strings.Repeat("a/", 255) + "x"}, tarred{name: "b"})
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{fits, "b"}, got)
	assert.Equal(t, []string{
		fits[:300] + "…: the name has 4097 bytes, more than 4096",
		strings.Repeat("a/", 150) + "…: the name has 100000 bytes, more than 4096",
		strings.Repeat("a/", 150) + "…: the name has more than 255 parts",
	}, faults)
}

func TestEntriesRefuseFilesInPlaceOfTheRoot(t *testing.T) {
	t.Parallel()
	link := func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc" }
	file := archiveOf(t,
		tarred{name: "export/schema.json"}, tarred{name: "export/"}, tarred{name: "export", change: link},
		tarred{name: "./export", content: "x"}, tarred{name: ".", content: "x"}, tarred{name: "export/a"},
	)
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{"schema.json", "a"}, got)
	assert.Equal(t, []string{
		"export: a symbolic link in place of the wrapping directory",
		"export: a file in place of the wrapping directory",
		".: a file in place of the wrapping directory",
	}, faults)
}

// Callers may use the names of repositories in paths.
func TestRepositoryNamesAreNeverDots(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".", ".."} {
		file := archiveOf(t,
			tarred{name: "schema.json", content: `{"version":"1.0.1"}`},
			tarred{name: "repositories/octo-org/" + name + ".git/HEAD", content: "ref: refs/heads/main\n"},
		)
		summary, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
		require.ErrorContains(t, err, "not in a bare repository")
		assert.Empty(t, summary.Repositories)
		require.Error(t, archive.NewWriter(io.Discard, nil).AddRepository("octo-org/"+name, emptyRepository()))
	}
}
