package browse_test

import (
	"archive/tar"
	"compress/gzip"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crawl follows every link of the pages, and returns the pages by their paths. It fails
// the test if a link leads to no page.
func (v visitor) crawl() map[string]string {
	v.t.Helper()
	address := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	token := "/" + strings.Split(v.server.URL(), "/")[3] + "/"
	pages, queue := map[string]string{}, []string{""}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if _, seen := pages[path]; seen {
			continue
		}
		resp, body := v.get(path)
		pages[path] = body
		require.Equal(v.t, http.StatusOK, resp.StatusCode, path)
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range address.FindAllStringSubmatch(body, -1) {
			to, inside := strings.CutPrefix(strings.ReplaceAll(m[1], "&amp;", "&"), token)
			require.True(v.t, inside, "%s links to %s", path, m[1])
			queue = append(queue, to)
		}
	}
	return pages
}

// TestLinks follows every link of the pages.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := visit(t, sampleArchive(t)).crawl()
	assert.Greater(t, len(pages), 80)
}

// TestRealExports follows every link of the pages of real exports. It looks for the exports
// beside the repository.
func TestRealExports(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("../../../../../shared/samples/*/*/schema.json")
	require.NoError(t, err)
	if len(found) == 0 {
		t.Skip("there are no samples of real exports")
	}
	for _, schema := range found {
		path := filepath.Join(t.TempDir(), "real.tar.gz")
		f, err := os.Create(path)
		require.NoError(t, err)
		zipped := gzip.NewWriter(f)
		w := tar.NewWriter(zipped)
		require.NoError(t, w.AddFS(os.DirFS(filepath.Dir(schema))))
		require.NoError(t, w.Close())
		require.NoError(t, zipped.Close())
		require.NoError(t, f.Close())
		pages := visit(t, path).crawl()
		t.Logf("%s: %d pages", schema, len(pages))
		assert.Contains(t, pages[""], "No repository has Git data")
		all := strings.Join(slices.Collect(maps.Values(pages)), "")
		assert.Contains(t, all, `class="state merged"`)
		assert.NotContains(t, all, "The page cannot be shown")
	}
}
