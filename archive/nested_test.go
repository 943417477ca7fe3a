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

// nested returns a file of one record: a link, and text inside depth nested objects.
func nested(depth int, text string) string {
	return `[{"type":"issue","url":"https://github.com/octo-org/app/issues/1","link":"tarball://root/schema.json","x":` +
		strings.Repeat(`{"a":`, depth) + text + strings.Repeat("}", depth) + "}]"
}

// A kilobyte of an archive can be a large record that is nested deeply. Reading it in
// quadratic time would take many minutes.
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

// In the format of GitHub, each line of such a record would begin with 10,000 spaces.
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
