package check_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkout makes the root of the repository the working directory. It skips the test
// in the module cache, which has no other module of the repository.
func checkout(t *testing.T) {
	t.Helper()
	t.Chdir("../..")
	if _, err := os.Stat("examples/go.mod"); err != nil {
		t.Skip("no checkout of the repository: ", err)
	}
}

// filesOf returns the files of the repository whose names end with a suffix, with
// slashes. It leaves out test data, other people's code and hidden folders, except for
// .github.
func filesOf(t *testing.T, suffix string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		switch hidden := strings.HasPrefix(base, ".") && name != "." && name != ".github"; {
		case entry.IsDir() && (hidden || base == "node_modules" || base == "testdata"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(base, suffix):
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	}))
	require.NotEmpty(t, names, "no %s files", suffix)
	return names
}
