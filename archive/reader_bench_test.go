package archive_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// Each run makes the archives of the benchmarks anew. They are small, unless the flags
// ask for larger archives. docs/measurements.md has figures and their command, which
// needs GNU gzip, tar and git, and 1 GB for temporary files.
var (
	jsonMiB = flag.Int("json-mib", 16, "records in the archive of the benchmarks that is heavy with JSON")
	packMiB = flag.Int("pack-mib", 32, "packs in the archive of the benchmarks that is heavy with Git data")
)

// benchSize returns a number of MiB in bytes, or 1 MiB with -short.
func benchSize(mib int) int {
	if testing.Short() {
		mib = 1
	}
	return mib << 20
}

// BenchmarkArchiveJSON reads an archive whose records have bodies of 2 KB.
func BenchmarkArchiveJSON(b *testing.B) {
	path, size := jsonArchive(b, benchSize(*jsonMiB))
	b.Run("records", func(b *testing.B) {
		want := readPlainly(b, path)
		compare(b, size, func() { require.Equal(b, want, readRecords(b, path)) }, func() { readPlainly(b, path) })
	})
	b.Run("one type of records", func(b *testing.B) {
		want := readPlainly(b, path, "user")
		compare(b, size, func() { require.Equal(b, want, readRecords(b, path, "user")) }, func() { readPlainly(b, path, "user") })
	})
	b.Run("splitting", func(b *testing.B) {
		compare(b, size, func() { readRecords(b, path, "team") }, func() { listWithTar(b, path) })
	})
	b.Run("entries", func(b *testing.B) {
		compare(b, size, func() { readEntries(b, path) }, func() { listWithTar(b, path) })
	})
}

// BenchmarkArchivePacks reads an archive of Git packs.
func BenchmarkArchivePacks(b *testing.B) {
	path, size := packArchive(b, benchSize(*packMiB))
	b.Run("entries", func(b *testing.B) {
		compare(b, size, func() { readEntries(b, path) }, func() { listWithTar(b, path) })
	})
	b.Run("records", func(b *testing.B) {
		compare(b, size, func() { readRecords(b, path) }, func() { listWithTar(b, path) })
	})
}

// compare alternates ours and the baseline, so that other load slows both alike. It
// reports the ratio of the median rates as ×baseline.
func compare(b *testing.B, size int64, ours, baseline func()) {
	b.Helper()
	var took [2][]time.Duration
	peakHeap := peak(b, ours)
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		start := time.Now()
		ours()
		took[0] = append(took[0], time.Since(start))
		b.StopTimer()
		start = time.Now()
		baseline()
		took[1] = append(took[1], time.Since(start))
		b.StartTimer()
	}
	for i := range took {
		slices.Sort(took[i])
	}
	us, them := took[0][len(took[0])/2], took[1][len(took[1])/2]
	b.ReportMetric(float64(them)/float64(us), "×baseline")
	b.ReportMetric(float64(peakHeap)/(1<<20), "MiB-peak-heap")
}

// readRecords decodes the records of these types, and returns their number.
func readRecords(b *testing.B, path string, types ...string) int {
	b.Helper()
	n := 0
	for _, err := range newReader(b, path).Records(types...) {
		require.NoError(b, err)
		n++
	}
	return n
}

// readEntries lists an archive, and returns the number of entries.
func readEntries(b *testing.B, path string) int {
	b.Helper()
	n := 0
	for _, err := range newReader(b, path).Entries() {
		require.NoError(b, err)
		n++
	}
	return n
}

func newReader(b *testing.B, path string) *archive.Reader {
	b.Helper()
	f, err := os.Open(path)
	require.NoError(b, err)
	b.Cleanup(func() { f.Close() })
	r, err := archive.NewReader(f, nil)
	require.NoError(b, err)
	return r
}

// readPlainly does the work of readRecords with the standard library alone. It tells the
// types apart by the names of the files.
func readPlainly(b *testing.B, path string, types ...string) int {
	b.Helper()
	f, err := os.Open(path)
	require.NoError(b, err)
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	require.NoError(b, err)
	n := 0
	for t := tar.NewReader(z); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(b, err)
		name, _, _ := strings.Cut(strings.TrimPrefix(header.Name, "./"), "_0")
		kind := archive.Singular(name)
		if len(types) > 0 && !slices.Contains(types, kind) {
			continue
		}
		var newRecord func() any
		switch kind {
		case "issue":
			newRecord = func() any { return new(archive.Issue) }
		case "issue_comment":
			newRecord = func() any { return new(archive.IssueComment) }
		case "pull_request":
			newRecord = func() any { return new(archive.PullRequest) }
		case "user":
			newRecord = func() any { return new(archive.User) }
		default:
			continue
		}
		d := json.NewDecoder(t)
		_, err = d.Token()
		require.NoError(b, err)
		for d.More() {
			require.NoError(b, d.Decode(newRecord()))
			n++
		}
	}
}

// listWithTar lets gzip and tar list an archive.
func listWithTar(b *testing.B, path string) {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "sh", "-c", `gzip -dc "$0" | tar -t >/dev/null`, path).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		b.Skip("no shell")
	}
	require.NoError(b, err, string(out))
}

// jsonArchive makes an archive of records, and returns its path and its unpacked size.
func jsonArchive(b *testing.B, size int) (path string, written int64) {
	b.Helper()
	words := newWords()
	path = filepath.Join(b.TempDir(), "json.tar.gz")
	gzipped(b, path, func(out io.Writer) {
		w := archive.NewWriter(out, &archive.WriterOptions{Level: -1, ModTime: when})
		at := archive.Time{Time: when.Truncate(time.Second)}
		const repository = "https://github.com/octo-org/app"
		for i := 0; written < int64(size); i++ {
			author := archive.URL(fmt.Sprintf("https://github.com/user-%d", i%997))
			issue := archive.URL(fmt.Sprintf("%s/issues/%d", repository, i))
			records := []archive.Record{
				&archive.Issue{
					URL: issue, Repository: repository, User: author, Title: words.text(40), Body: words.text(2000),
					Assignees: []archive.URL{author}, Labels: []archive.URL{repository + "/labels/bug"},
					Reactions: []archive.Reaction{{User: author, Content: "+1", SubjectType: "Issue", CreatedAt: at}},
					ClosedAt:  at, CreatedAt: at, UpdatedAt: at,
				},
				&archive.IssueComment{
					URL: issue + "#issuecomment-1", Issue: issue, User: author, Body: words.text(2000),
					Formatter: "markdown", Reactions: []archive.Reaction{}, CreatedAt: at,
				},
				&archive.IssueComment{
					URL: issue + "#issuecomment-2", Issue: issue, User: author, Body: words.text(2000),
					Formatter: "markdown", Reactions: []archive.Reaction{}, CreatedAt: at,
				},
			}
			if i%3 == 0 {
				records = append(records, &archive.PullRequest{
					URL: archive.URL(fmt.Sprintf("%s/pull/%d", repository, i)), User: author, Repository: repository,
					Title: words.text(40), Body: words.text(2000), CreatedAt: at,
				})
			}
			if i < 997 {
				records = append(records, &archive.User{URL: author, Login: string(author[19:]), CreatedAt: at})
			}
			for _, record := range records {
				require.NoError(b, w.Write(record))
				written += 2500 // about
			}
		}
		require.NoError(b, w.Close())
	})
	return path, unpackedSize(b, path)
}

// packArchive makes an archive of bare repositories of one pack each, and returns its
// path and its unpacked size.
func packArchive(b *testing.B, size int) (path string, written int64) {
	b.Helper()
	dir := b.TempDir()
	path = filepath.Join(dir, "packs.tar.gz")
	git := func(in io.Reader, args ...string) {
		cmd := exec.CommandContext(b.Context(), "git", append([]string{"-C", dir}, args...)...)
		cmd.Stdin = in
		out, err := cmd.CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			b.Skip("no git")
		}
		require.NoError(b, err, string(out))
	}
	git(nil, "init", "-q", "--bare", "app.git")
	// The archive has copies of one repository, farther apart than gzip's window.
	words := newWords()
	var stream bytes.Buffer
	for stream.Len() < min(size, 128<<20) {
		text := words.text(1000 + words.rand.IntN(30000))
		fmt.Fprintf(&stream, "blob\ndata %d\n%s\n", len(text), text)
	}
	stream.WriteString("commit refs/heads/main\ncommitter octocat <octocat@github.com> 0 +0000\ndata 0\n\n")
	git(&stream, "-C", "app.git", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--depth=0")
	gzipped(b, path, func(out io.Writer) {
		z, err := gzip.NewWriterLevel(out, gzip.NoCompression)
		require.NoError(b, err)
		t := tar.NewWriter(z)
		for i := 0; written < int64(size); i++ {
			err := filepath.WalkDir(filepath.Join(dir, "app.git"), func(name string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				content, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(filepath.Join(dir, "app.git"), name)
				if err != nil {
					return err
				}
				written += int64(len(content))
				header := &tar.Header{
					Name: fmt.Sprintf("./repositories/octo-org/app%d.git/%s", i, filepath.ToSlash(rel)),
					Size: int64(len(content)), Mode: 0o644, Format: tar.FormatGNU,
				}
				if err := t.WriteHeader(header); err != nil {
					return err
				}
				_, err = t.Write(content)
				return err
			})
			require.NoError(b, err)
		}
		require.NoError(b, t.Close())
		require.NoError(b, z.Close())
	})
	return path, unpackedSize(b, path)
}

// gzipped recompresses the archive that write writes. It uses GNU gzip, like GitHub's
// exporter, because such files are smaller and slower to unpack. Without GNU gzip, the
// archive stays as it is.
func gzipped(b *testing.B, path string, write func(out io.Writer)) {
	b.Helper()
	f, err := os.Create(path)
	require.NoError(b, err)
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	write(w)
	require.NoError(b, w.Flush())
	script := `gzip -dc "$0" | gzip >"$0.gz" && mv "$0.gz" "$0"`
	if _, err := exec.LookPath("gzip"); err != nil {
		return
	}
	out, err := exec.CommandContext(b.Context(), "sh", "-c", script, path).CombinedOutput()
	require.NoError(b, err, string(out))
}

func unpackedSize(b *testing.B, path string) int64 {
	b.Helper()
	var size int64
	for e, err := range newReader(b, path).Entries() {
		require.NoError(b, err)
		size += e.Size
	}
	return size
}

// words makes texts that compress about as well as texts of people.
type words struct {
	rand *rand.Rand
	zipf *rand.Zipf
	all  []string
}

func newWords() *words {
	w := &words{rand: rand.New(rand.NewPCG(1, 2))}
	for range 20000 {
		word := make([]byte, 2+w.rand.IntN(9))
		for i := range word {
			word[i] = "eeeeetttaaooiinnsshhrrddlcumwfgypbvk"[w.rand.IntN(36)]
		}
		w.all = append(w.all, string(word))
	}
	w.zipf = rand.NewZipf(w.rand, 1.1, 3, uint64(len(w.all)-1))
	return w
}

func (w *words) text(size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(w.all[w.zipf.Uint64()])
		switch n := w.rand.IntN(60); {
		case n == 0:
			b.WriteString(".\r\n\r\n")
		case n == 1:
			fmt.Fprintf(&b, " \"%d\" ", w.rand.Uint32())
		case n == 2:
			b.WriteString(" `")
		case n < 6:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()[:size]
}
