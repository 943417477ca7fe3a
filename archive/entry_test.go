package archive_test

import (
	"bytes"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A sequence that is pulled can outlive its entry: it must not take the next one's
// records for its own.
func TestRecordsOfAnEntryEndWhenTheLoopGoesOn(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`},
		tarred{name: "users_000002.json", content: `[{"type":"user","url":"u3"},{"type":"user","url":"u4"}]`})
	var pull func() (archive.Record, error, bool)
	var got []string
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		if pull == nil {
			next, stop := iter.Pull2(e.Records())
			t.Cleanup(stop)
			pull = next
			r, err, _ := pull()
			require.NoError(t, err)
			assert.Equal(t, "u1", r.Key())
			continue
		}
		for r, err := range e.Records() {
			require.NoError(t, err)
			got = append(got, r.Key())
			_, err, more := pull()
			if more {
				require.EqualError(t, err, "read users_000001.json: the loop over the archive has gone on: an entry is read before the next")
			}
		}
	}
	assert.Equal(t, []string{"u3", "u4"}, got)
}
