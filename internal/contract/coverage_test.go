package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

// TestCoverage prints the table of coverage, and checks that README shows the same table.
func TestCoverage(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	rows := []string{
		"| product | API version | operations | parameters | properties of requests | properties of responses | failures | properties of the webhook |",
		"|---|---|---|---|---|---|---|---|",
	}
	var lacking []string
	for _, d := range descriptions(t) {
		exchanges := exchangesWith(t, d)
		cells := []string{d.Product, d.Version}
		for _, check := range []func(*contract.Description, []*contract.Exchange) (contract.Count, []string){
			contract.CheckOperations, contract.CheckParameters, contract.CheckBodies, contract.CheckFields,
			func(d *contract.Description, exchanges []*contract.Exchange) (count contract.Count, problems []string) {
				synctest.Test(t, func(t *testing.T) { // the library retries a 401 after a second
					count, problems = contract.CheckFailures(t.Context(), d, exchanges)
				})
				return count, problems
			},
			func(d *contract.Description, _ []*contract.Exchange) (contract.Count, []string) {
				return contract.CheckEventFields(d)
			},
		} {
			count, _ := check(d, exchanges)
			assert.Equal(t, count.All, count.Got, d.Name())
			cells = append(cells, count.String())
		}
		rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
		if names := contract.Lacking(d, descriptions(t)); len(names) > 0 {
			lacking = append(lacking, fmt.Sprintf("%s does not have: %s", d.Name(), strings.Join(names, ", ")))
		}
	}
	table := strings.Join(rows, "\n")
	fmt.Fprintln(t.Output(), table)
	fmt.Fprintln(t.Output(), strings.Join(lacking, "\n"))
	if !strings.Contains(string(readme), table) {
		t.Error("the table in README differs from this one")
	}
}
