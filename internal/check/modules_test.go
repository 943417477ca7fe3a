package check_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever adds a module wants it kept up to date.
func TestDependabotKnowsEveryModule(t *testing.T) {
	checkout(t)
	config, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || name != "." && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if entry.Name() == "go.mod" {
			module := strings.TrimSuffix("/"+filepath.ToSlash(filepath.Dir(name)), ".")
			assert.Contains(t, string(config), "\n      - "+module+"\n")
		}
		return err
	})
	require.NoError(t, err)
}
