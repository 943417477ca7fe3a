package browse

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A damaged posting must not lead to an ID that an idSet cannot hold.
func TestPostingsEndAtDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string][]byte{
		"truncated": {0x80},
		"negative":  append(binary.AppendUvarint(nil, math.MaxUint64), 1),
		"large":     append(binary.AppendUvarint(nil, maxRecordID), 1),
	} {
		ids := append([]byte{1, 2}, damage...)
		assert.Equal(t, []int64{1, 3}, slices.Collect(postingIDs(ids)), name)
	}
}
