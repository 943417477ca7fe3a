package check_test

import (
	"os"
	"testing"
)

// checkout makes the root of the repository the working directory. It skips
// the test where only the library is: in the module cache there is no other
// module of the repository.
func checkout(t *testing.T) {
	t.Helper()
	t.Chdir("../..")
	if _, err := os.Stat("examples/go.mod"); err != nil {
		t.Skip("no checkout of the repository: ", err)
	}
}
