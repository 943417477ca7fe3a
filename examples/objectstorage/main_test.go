package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestExportsIntoABucket(t *testing.T) {
	dir := t.TempDir()
	for name, url := range map[string]string{
		"in memory":   "mem://",
		"in a folder": "file:///" + strings.TrimPrefix(filepath.ToSlash(dir), "/") + "?no_tmp_dir=true",
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.NoError(t, run(t.Context(), "", "octo-org", "", url, nil, &stdout, &stderr))
			assert.Regexp(t, `^ +\d+ B  \S+/orgs/octo-org/\d{8}T\d{6}Z-\w{6}/manifest.json\n +[\d.]+ KiB  \S+/migration-79.tar.gz\n +\d+ B  \S+/orgs/octo-org/trial.json\n$`, stdout.String())
			assert.Contains(t, stderr.String(), "  batch 1: stored\n")
			assert.Contains(t, stderr.String(), "\n2 of 2 repositories in the bucket:\n")
		})
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*", "orgs", "octo-org", "*", "migration-79.tar.gz"))
	require.NoError(t, err)
	require.Len(t, archives, 1)
	f, err := os.Open(archives[0])
	require.NoError(t, err)
	defer f.Close()
	summary, err := archive.Verify(t.Context(), f, &archive.VerifyOptions{Repositories: []string{"octo-org/hello", "octo-org/world"}})
	require.NoError(t, err)
	assert.Empty(t, summary.Unknown)
}

func TestABucketThatIsNone(t *testing.T) {
	err := run(t.Context(), "", "octo-org", "", "nope://", nil, io.Discard, io.Discard)
	assert.ErrorContains(t, err, `no driver registered for "nope"`)
}
