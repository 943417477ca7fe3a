package ghmigratetest_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestFaultsAreDocumented checks that docs/fake.md has every field of a fault, and
// that ReadFaults reads every fault in it.
func TestFaultsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "docs", "fake.md"))
	require.NoError(t, err)
	text := string(data)
	for _, typ := range []reflect.Type{reflect.TypeFor[ghmigratetest.Fault](), reflect.TypeFor[ghmigratetest.Fate]()} {
		for field := range typ.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
				assert.Regexp(t, "(?m)^\\| (`\\w+`, )?`"+name+"`", text)
			}
		}
	}
	faults := regexp.MustCompile("(?m)\\| `(\\{.*\\})` \\|$").FindAllStringSubmatch(text, -1)
	assert.Greater(t, len(faults), 20)
	for _, fault := range faults {
		_, err := ghmigratetest.ReadFaults(strings.NewReader("[" + fault[1] + "]"))
		require.NoError(t, err, fault[1])
	}
}
