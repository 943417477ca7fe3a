package archive_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// nested returns a record with a link, and with a text inside so many objects.
func nested(depth int, text string) string {
	return `[{"type":"issue","url":"https://github.com/octo-org/app/issues/1","link":"tarball://root/schema.json","x":` +
		strings.Repeat(`{"a":`, depth) + text + strings.Repeat("}", depth) + "}]"
}

// A kilobyte of an archive can be a record that is nested deeply and large inside.
// Quadratic time would be many minutes.
func TestVerifyReadsNestedValuesOnce(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "schema.json", content: `{"version":"1.0.1"}`},
		tarred{name: "issues_000001.json", content: nested(9_000, strings.Repeat(" ", 12<<20)+"1")},
	)
	summary, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"issue": 1}, summary.Records)
}

// Written as GitHub does, each line of such a record would begin with 10,000 spaces.
func TestWriterDoesNotInflateNestedValues(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "issues_000001.json", content: nested(5_000, "["+strings.Repeat("1,", 200_000)+"1]")})
	r, err := archive.NewReader(bytes.NewReader(file), nil)
	require.NoError(t, err)
	var b bytes.Buffer
	w := archive.NewWriter(&b, nil)
	for record, err := range r.Records() {
		require.NoError(t, err)
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	again, err := archive.NewReader(&b, nil)
	require.NoError(t, err)
	for e, err := range again.Entries() {
		require.NoError(t, err)
		if e.Kind == archive.KindRecords {
			assert.Less(t, e.Size, int64(1<<20))
			_, err := io.Copy(io.Discard, e)
			require.NoError(t, err)
		}
	}
}

// Callers make paths of the names of repositories.
func TestARepositoryIsNotADirectoryAbove(t *testing.T) {
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

func TestNilAndZeroValues(t *testing.T) {
	t.Parallel()
	w := archive.NewWriter(nil, nil)
	require.EqualError(t, w.Close(), "the io.Writer is nil")
	require.ErrorContains(t, archive.NewWriter(io.Discard, nil).AddRepository("octo-org/app", nil), "the fs.FS is nil")
	_, err := new(archive.Entry).Read(make([]byte, 1))
	require.Error(t, err)
	for _, err := range new(archive.Entry).Records() {
		t.Error("a zero entry has no records", err)
	}
}
