package browse

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQueryPlans checks that SQLite reads the rows of a list in the order of an index, and
// no other rows.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	db, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "index.db"), false)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), createTables+createIndexes)
	require.NoError(t, err)
	for where, want := range map[string]string{
		`repo = ? AND kind = ? AND ` + isItem + ` ORDER BY created DESC, id DESC`:               "INDEX record_newest (repo=? AND kind=?)",
		`repo = ? AND kind = ? AND ` + isItem + ` AND state = ? ORDER BY created DESC, id DESC`: "INDEX record_list (repo=? AND kind=? AND state=?)",
		`repo = ? AND kind = ? AND number = ? AND ` + isItem + ` AND number <> 0`:               "INDEX record_number (repo=? AND kind=? AND number=?)",
		`author = ? AND ` + isItem + ` ORDER BY created DESC, id DESC`:                          "INDEX record_author (author=?)",
		`milestone = ? AND milestone <> 0 ORDER BY created DESC, id DESC`:                       "INDEX record_milestone (milestone=?)",
		`repo = ? AND kind = ? AND ` + isOther + ` ORDER BY id`:                                 "INDEX record_repo (repo=? AND kind=?)",
		`thread = ? AND thread <> 0 AND kind IN (?, ?)`:                                         "INDEX record_thread (thread=? AND kind=?)",
		`key = ? AND key <> 0 ORDER BY kind`:                                                    "INDEX record_key (key=?)",
	} {
		args := slices.Repeat([]any{1}, strings.Count(where, "?"))
		rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN SELECT `+entryColumns+` FROM record WHERE `+where, args...)
		require.NoError(t, err)
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan += detail + "\n"
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		assert.Contains(t, plan, want, where)
		assert.NotContains(t, plan, "TEMP B-TREE", where)
	}
}
