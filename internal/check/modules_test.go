package check_test

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDependabotUpdatesEveryModule looks for every module in the configuration of
// Dependabot.
func TestDependabotUpdatesEveryModule(t *testing.T) {
	checkout(t)
	config, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	for _, name := range filesOf(t, "go.mod") {
		module := strings.TrimSuffix("/"+path.Dir(name), ".")
		assert.Contains(t, string(config), "\n      - "+module+"\n")
	}
}
