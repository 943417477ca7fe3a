package browse

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestBoundedReferences checks that a page looks up each reference, link and image once.
// It looks up a bounded number of them, and none after the time for Markdown.
func TestBoundedReferences(t *testing.T) {
	t.Parallel()
	p := &repositoryPage{markdownBegun: time.Now().Add(time.Hour)} // the time does not end
	calls := 0
	lookUp := func(text string) string { calls++; return "to " + text }
	link, image := p.bounded("link", lookUp), p.bounded("image", lookUp)
	for range 2 {
		for i := range maxReferences - 1 {
			assert.Equal(t, "to "+strconv.Itoa(i), link(strconv.Itoa(i)))
		}
	}
	assert.Equal(t, maxReferences-1, calls)
	assert.Equal(t, "to 1", image("1"))
	assert.Empty(t, image("2"))
	assert.Equal(t, maxReferences, calls)

	late := &repositoryPage{markdownBegun: time.Now().Add(-2 * markdownTime)}
	assert.Empty(t, late.bounded("link", lookUp)("1"))
	assert.Equal(t, maxReferences, calls)
	r := late.resolver()
	assert.Empty(t, r.link("https://github.com/octo-org/app/issues/1")) // without a store, a look-up panics
	assert.Empty(t, r.image("https://github.com/octo-org/app/issues/1"))
	assert.Empty(t, r.reference("#1"))
}
