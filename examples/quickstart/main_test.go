package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestBacksUp(t *testing.T) {
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	t.Setenv("GITHUB_TOKEN", github.Token())
	t.Setenv("GITHUB_API_URL", github.URL())
	t.Chdir(t.TempDir())

	require.NoError(t, backUp(t.Context()))
	f, err := os.Open("backup.tar.gz")
	require.NoError(t, err)
	defer f.Close()
	_, err = archive.Verify(t.Context(), f, &archive.VerifyOptions{Repositories: []string{"octo-org/hello-world"}})
	require.NoError(t, err)
}
