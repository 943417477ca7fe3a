package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestBacksUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup.tar.gz")
	require.NoError(t, backUp(t.Context(), path))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	_, err = archive.Verify(f, &archive.VerifyOptions{Repositories: []string{"octo-org/hello-world"}})
	require.NoError(t, err)
}
