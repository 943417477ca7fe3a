package table_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/internal/table"
)

func TestTable(t *testing.T) {
	x := table.New("<>")
	x.Row("NAME", "SIZE", "NOTE")
	x.Row("é", "10", "")
	x.Row("a\x1b[31m", "7", "red")
	x.Note("%d rows of %s", 2, "a\nb\x1b[31m")
	assert.Equal(t, "NAME    SIZE  NOTE\né         10\na\uFFFD[31m     7  red\n2 rows of a\uFFFDb\uFFFD[31m\n", x.String())
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1023: "1023 B", 1024: "1.0 KiB", 10189: "10 KiB", 10188: "9.9 KiB", 1<<20 - 1: "1.0 MiB", 9646899: "9.2 MiB",
		20 << 30: "20 GiB", math.MaxInt64: "8.0 EiB", -1: "0 B",
	} {
		assert.Equal(t, want, table.Size(n), n)
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		assert.Equal(t, want, table.Count(n))
	}
	assert.Equal(t, "1 repository", table.Plural(1, "repository"))
	assert.Equal(t, "1,000 repositories", table.Plural(1000, "repository"))
	assert.Equal(t, "0 archives", table.Plural(0, "archive"))
}
