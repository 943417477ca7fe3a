package gitdir_test

import (
	"bytes"
	"crypto/sha1"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// fuzzFile fuzzes the files whose names match. If they are sealed, it corrects the
// checksum at the end, so that the Checker looks at the content before it.
func fuzzFile(f *testing.F, sealed bool, match func(name string) bool) {
	f.Helper()
	for _, format := range formats() {
		for _, s := range shapes() {
			r := newRepository(f, format, s)
			for _, name := range slices.Sorted(maps.Keys(r)) {
				if match(name) {
					f.Add(name, r[name])
				}
			}
		}
	}
	shared := gitdir.NewShared(1 << 20)
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if !match(name) {
			return
		}
		if body := len(content) - sha1.Size; sealed && body >= 0 {
			sum := sha1.Sum(content[:body])
			content = append(content[:body:body], sum[:]...)
		}
		c := shared.New()
		err := c.File(name, bytes.NewReader(content), func(offset int64, err error) {
			if offset < -1 || offset > int64(len(content)) || err == nil {
				t.Errorf("%v at %d", err, offset)
			}
		})
		if err != nil {
			t.Errorf("%v, which a bytes.Reader never returns", err)
		}
		c.Close(func(string, error) {})
		if c.Memory() > 1<<20+int64(10*len(content)) {
			t.Errorf("%d bytes of memory for a file of %d", c.Memory(), len(content))
		}
	})
}

func FuzzSealedFiles(f *testing.F) {
	fuzzFile(f, true, func(name string) bool {
		return strings.HasPrefix(name, "objects/pack/") || strings.HasPrefix(name, "objects/info/commit-graph")
	})
}

func FuzzLooseObjects(f *testing.F) {
	fuzzFile(f, false, func(name string) bool {
		return strings.HasPrefix(name, "objects/") && len(name) > len("objects/xx/") && !strings.Contains(name, "objects/pack/")
	})
}

func FuzzRefs(f *testing.F) {
	fuzzFile(f, false, func(name string) bool {
		return name == "HEAD" || name == "packed-refs" || name == "shallow" || strings.HasPrefix(name, "refs/") ||
			strings.HasSuffix(name, "alternates")
	})
}

func BenchmarkPack(b *testing.B) {
	content := make([]byte, 64<<20)
	copy(content, "PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	sum := sha1.Sum(content[:len(content)-sha1.Size])
	copy(content[len(content)-sha1.Size:], sum[:])
	b.SetBytes(int64(len(content)))
	c := gitdir.NewShared(math.MaxInt64).New()
	for b.Loop() {
		err := c.File("objects/pack/pack-x.pack", struct{ io.Reader }{bytes.NewReader(content)}, func(_ int64, err error) { b.Error(err) })
		if err != nil {
			b.Fatal(err)
		}
	}
}
