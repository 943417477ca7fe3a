package export_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestBadOptionsAreRefusedBeforeAnyRequest(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	good := []string{"octo/hello"}
	for name, test := range map[string]struct {
		opts export.Options
		want string
	}{
		"no Dir":                   {export.Options{Repositories: good}, "Dir is empty"},
		"a file at Dir":            {export.Options{Repositories: good, Dir: file}, "not a directory"},
		"a file above Dir":         {export.Options{Repositories: good, Dir: filepath.Join(file, "runs")}, "not a directory"},
		"a repetition":             {export.Options{Repositories: []string{"octo/a", "octo/b", "octo/a"}, Dir: dir}, `Repositories[2] is "octo/a", which is a repetition of "octo/a"`},
		"repeated in another case": {export.Options{Repositories: []string{"octo/a", "Octo/A"}, Dir: dir}, `Repositories[1] is "Octo/A", which is a repetition of "octo/a"`},
		"without owner":            {export.Options{Repositories: []string{"hello"}, Dir: dir}, `Repositories[0] is "hello": want "owner/name"`},
		"without name":             {export.Options{Repositories: []string{"octo/"}, Dir: dir}, `want "owner/name"`},
		"two slashes":              {export.Options{Repositories: []string{"octo/a/b"}, Dir: dir}, `want "owner/name"`},
		"a dot":                    {export.Options{Repositories: []string{"octo/.."}, Dir: dir}, `want "owner/name"`},
		"a newline":                {export.Options{Repositories: []string{"octo/a\n"}, Dir: dir}, `want "owner/name"`},
		"another owner":            {export.Options{Repositories: []string{"octo/a", "mona/b"}, Dir: dir}, `Repositories[1] is "mona/b", which does not belong to octo`},
		"a negative size":          {export.Options{Repositories: good, Dir: dir, BatchSize: -1}, "BatchSize is -1"},
		"a size that is too large": {export.Options{Repositories: good, Dir: dir, BatchSize: 1001}, "BatchSize is 1001"},
		"negative concurrency":     {export.Options{Repositories: good, Dir: dir, Concurrency: -1}, "Concurrency is -1"},
		"negative transfers":       {export.Options{Repositories: good, Dir: dir, Transfers: -1}, "Transfers is -1"},
		"repositories in Start":    {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{Repositories: good}}, "Start has Repositories"},
		"metadata of the org only": {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{OrgMetadataOnly: true}}, "OrgMetadataOnly"},
		"nothing to export":        {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{ExcludeMetadata: true, ExcludeGitData: true}}, "nothing would be left"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				m, err := export.Run(t.Context(), octo(t, server), test.opts)
				require.ErrorContains(t, err, test.want)
				assert.Nil(t, m)
				assert.Empty(t, server.Requests())
			})
		})
	}
}

func TestPlanDividesInOrder(t *testing.T) {
	names := make([]string, 250)
	for i := range names {
		names[i] = "octo/r" + strings.Repeat("x", i%50) + string(rune('a'+i/50))
	}
	_, jobs, err := export.Plan(export.Options{Repositories: names})
	require.NoError(t, err)
	var all []string
	for i, job := range jobs {
		assert.Equal(t, strconv.Itoa(i+1), job.ID)
		assert.LessOrEqual(t, len(job.Repositories), 100)
		all = append(all, job.Repositories...)
	}
	assert.Equal(t, names, all)
	assert.Len(t, jobs, 3)
}
