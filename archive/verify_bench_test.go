package archive_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// BenchmarkVerify verifies the archives of the other benchmarks. They lack records that
// other records refer to; the archive of packs also lacks a schema.
func BenchmarkVerify(b *testing.B) {
	verify := func(b *testing.B, path string, opts *archive.VerifyOptions) {
		b.Helper()
		f, err := os.Open(path)
		require.NoError(b, err)
		defer f.Close()
		_, err = archive.Verify(b.Context(), f, opts)
		if faults, ok := errors.AsType[*archive.FaultError](err); !ok || faults.Faults[0].Entry != "schema.json" {
			require.NoError(b, err)
		}
	}
	b.Run("JSON", func(b *testing.B) {
		path, size := jsonArchive(b, benchSize(*jsonMiB))
		b.Run("references", func(b *testing.B) {
			compare(b, size, func() { verify(b, path, nil) }, func() { listWithTar(b, path) })
		})
		b.Run("no references", func(b *testing.B) {
			opts := &archive.VerifyOptions{SkipReferences: true}
			compare(b, size, func() { verify(b, path, opts) }, func() { listWithTar(b, path) })
		})
	})
	b.Run("packs", func(b *testing.B) {
		path, size := packArchive(b, benchSize(*packMiB))
		compare(b, size, func() { verify(b, path, nil) }, func() { listWithTar(b, path) })
	})
}

// BenchmarkVerifyMemory verifies an archive of many small records with and without
// references. It reports the additional memory for each record and reference.
func BenchmarkVerifyMemory(b *testing.B) {
	records, references := 1_000_000, 4
	if testing.Short() {
		records = 10_000
	}
	for b.Loop() {
		without := peak(b, func() { verifyMany(b, records, true) })
		with := peak(b, func() { verifyMany(b, records, false) })
		b.ReportMetric(float64(without)/(1<<20), "MiB-without")
		b.ReportMetric(float64(with)/(1<<20), "MiB-with")
		b.ReportMetric((float64(with)-float64(without))/float64(records*(1+references)), "B/reference")
	}
}

func verifyMany(b *testing.B, records int, skip bool) {
	b.Helper()
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeMany(w, records)) }()
	summary, err := archive.Verify(b.Context(), r, &archive.VerifyOptions{SkipReferences: skip})
	require.NoError(b, err)
	require.Equal(b, int64(records), summary.Records["issue_comment"])
	if !skip {
		require.Equal(b, map[string]int64{"user": 3 * int64(records), "issue": int64(records)}, summary.Dangling)
	}
}

// writeMany writes an archive of comments, which refer to different issues and users.
func writeMany(w io.Writer, records int) error {
	z, err := gzip.NewWriterLevel(w, gzip.HuffmanOnly)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(z, 1<<20)
	t := tar.NewWriter(buffered)
	schema := `{"version":"1.0.1"}`
	if err := t.WriteHeader(&tar.Header{Name: "./schema.json", Size: int64(len(schema)), Mode: 0o644}); err != nil {
		return err
	}
	if _, err := io.WriteString(t, schema); err != nil {
		return err
	}
	record := func(i int) string {
		return fmt.Sprintf(`{"type":"issue_comment","url":"https://github.com/o/r/issues/%09d#issuecomment-%09d",`+
			`"issue":"https://github.com/o/r/issues/%09d","user":"https://github.com/u%09d",`+
			`"reactions":[{"user":"https://github.com/r%09d"},{"user":"https://github.com/r%09d"}]}`, i, i, i, i, i, i+1)
	}
	size := int64(len(record(0))+1) * int64(records)
	if err := t.WriteHeader(&tar.Header{Name: "./issue_comments_000001.json", Size: size + 1, Mode: 0o644}); err != nil {
		return err
	}
	separator := "["
	for i := range records {
		if _, err := io.WriteString(t, separator+record(i)); err != nil {
			return err
		}
		separator = ","
	}
	if _, err := io.WriteString(t, "]"); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return z.Close()
}

// peak returns the largest size of the heap while f ran.
func peak(b *testing.B, f func()) uint64 {
	b.Helper()
	runtime.GC()
	done := make(chan struct{})
	result := make(chan uint64)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		var highest uint64
		for {
			select {
			case <-ticker.C:
				metrics.Read(sample)
				highest = max(highest, sample[0].Value.Uint64())
			case <-done:
				result <- highest
				return
			}
		}
	}()
	f()
	close(done)
	return <-result
}
