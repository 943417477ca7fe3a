package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

func TestVerifyKeepsLimits(t *testing.T) {
	t.Parallel()
	t.Run("a bomb of zeros", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		l.add("attachments/2/zeros", strings.Repeat("\x00", 4<<20))
		file := l.file(t)
		_, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
		require.NoError(t, err)
		summary, err := archive.Verify(t.Context(), bytes.NewReader(file), &archive.VerifyOptions{Limits: archive.Limits{UnpackedSize: 1 << 20}})
		require.Error(t, err)
		faultsOf(t, err)
		assert.Equal(t, int64(len(file)), summary.Size)
	})
	t.Run("a file of an impossible size", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "users_000001.json", Size: 1 << 62, Mode: 0o644, Format: tar.FormatGNU}))
		_, err := io.WriteString(w, "[")
		require.NoError(t, err)
		_, err = archive.Verify(t.Context(), bytes.NewReader(gzipOf(t, b.Bytes())), nil)
		faultsOf(t, err)
	})
	t.Run("too many entries", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		_, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &archive.VerifyOptions{Limits: archive.Limits{Entries: 5}})
		faultsOf(t, err)
	})
	t.Run("a record that is too large", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		l.add("users_000002.json", `[{"type":"user","url":"a"},{"type":"user","url":"b","bio":"`+strings.Repeat("x", 4096)+`"},{"type":"user","url":"c"}]`)
		summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &archive.VerifyOptions{Limits: archive.Limits{RecordSize: 4096}})
		requireFaults(t, err, map[string]string{"users_000002.json": ""})
		assert.Equal(t, int64(3), summary.Records["user"])
	})
	for name, shard := range map[string]string{
		"too many records":    "[1" + strings.Repeat(",1", 99) + "]",
		"too many references": `[{"type":"issue","url":"u","labels":["a"` + strings.Repeat(`,"a"`, 99) + `]}]`,
		"too many links":      `[{"type":"release","url":"u","release_assets":[{"asset_url":"tarball://root/x"}` + strings.Repeat(`,{"asset_url":"tarball://root/x"}`, 99) + `]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := new(layout)
			l.add("schema.json", `{"version":"1.0.1"}`)
			l.add("novels_000001.json", shard)
			l.add("users_000001.json", `[{"type":"user","url":"v"}]`)
			verify := func(records int64) (*archive.Summary, error) {
				return archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &archive.VerifyOptions{Limits: archive.Limits{Records: records}})
			}
			summary, err := verify(50)
			faults := faultsOf(t, err).Faults
			require.ErrorContains(t, faults[len(faults)-1], "more than 50 records and references (Limits.Records)")
			assert.Zero(t, summary.Records["user"], "nothing is read beyond it")
			summary, err = verify(150)
			if err != nil {
				for _, fault := range faultsOf(t, err).Faults {
					require.NotContains(t, fault.Error(), "Limits.Records")
				}
			}
			assert.EqualValues(t, 1, summary.Records["user"])
		})
	}
	t.Run("packed refs that are too large", func(t *testing.T) {
		t.Parallel()
		const name = "repositories/o/app.git/packed-refs"
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Size: 128<<20 + 1, Mode: 0o644, Format: tar.FormatGNU}))
		_, err := archive.Verify(t.Context(), bytes.NewReader(gzipOf(t, b.Bytes())), nil)
		requireFaults(t, err, map[string]string{name: "larger than", "": "truncated"})
	})
	t.Run("directories without entries", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		for i := range 10 {
			l.add(fmt.Sprintf("attachments/%d%s/x", i, strings.Repeat("/a", 240)), "x")
		}
		_, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), &archive.VerifyOptions{Limits: archive.Limits{Entries: 2000}})
		requireFaults(t, err, map[string]string{"": "directories without an entry"})
	})
	t.Run("a hundred thousand faults", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		const n = 100_000
		l.add("users_000002.json", "["+strings.Repeat("{},", n-1)+"{}]")
		_, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
		faults := faultsOf(t, err)
		assert.Len(t, faults.Faults, 1000)
		assert.Equal(t, n-1000, faults.More)
		assert.Less(t, len(err.Error()), 1000)
	})
	t.Run("too many repositories", func(t *testing.T) {
		t.Parallel()
		if race.Enabled {
			t.Skip("slow, and without concurrency")
		}
		l := readLayout(t, smallArchive(t))
		var b strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&b, ",{\"type\":\"repository\",\"owner\":\"o\",\"name\":\"%d\"}", i)
		}
		l.add("repositories_000002.json", "["+b.String()[1:]+"]")
		summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
		requireFaults(t, err, map[string]string{"": "more than 100000 repositories"})
		assert.Len(t, summary.Repositories, 100_000)
	})
	t.Run("too many types", func(t *testing.T) {
		t.Parallel()
		l := readLayout(t, smallArchive(t))
		var b strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&b, ",{\"type\":\"novel_%d\"}", i)
		}
		l.add("novels_000001.json", "["+b.String()[1:]+"]")
		summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(summary.Records), 1001)
	})
}

// A hostile archive is small, but unpacks to long texts. Verify does not keep long texts.
// The test is not parallel, because it measures the memory.
func TestVerifyForgetsLongTexts(t *testing.T) {
	if race.Enabled {
		t.Skip("slow, and without concurrency")
	}
	long := strings.Repeat("x", 256<<10)
	records := func(n int, record func(i int) string) []tarred {
		texts := make([]string, n)
		for i := range texts {
			texts[i] = record(i)
		}
		return []tarred{
			{name: "schema.json", content: `{"version":"1.0.1"}`},
			{name: "releases_000001.json", content: "[" + strings.Join(texts, ",") + "]"},
		}
	}
	var names []tarred
	for i := range 200 {
		names = append(names, tarred{name: fmt.Sprintf("../%d%s", i, strings.Repeat("x", 200)), change: func(h *tar.Header) {
			h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"comment": long}
		}})
	}
	for name, members := range map[string][]tarred{
		"repositories of records with faults": records(200, func(int) string {
			return fmt.Sprintf(`{"type":"release","url":"https://github.com/o/%s","a":"tarball://root/../x"}`, long)
		}),
		"repositories of records with links": records(200, func(int) string {
			return fmt.Sprintf(`{"type":"release","url":"https://github.com/%s/r","a":"tarball://root/x"}`, long)
		}),
		"names of repositories": records(200, func(int) string {
			return fmt.Sprintf(`{"type":"repository","url":"u","owner":"o","name":%q,"a":"tarball://root/x","b":"tarball://root/../x"}`, long)
		}),
		"texts around repositories": records(200, func(int) string {
			return fmt.Sprintf(`{"type":"release","url":"https://github.com/o/r/%s#%s","a":"tarball://root/x","b":"tarball://root/../x"}`, long, long)
		}),
		"many repositories": records(100_000, func(i int) string {
			return fmt.Sprintf(`{"type":"release","url":"https://github.com/%s/%d","a":"tarball://root/x"}`, long[:255], i)
		}),
		"many links": records(100_000, func(i int) string {
			return fmt.Sprintf(`{"type":"release","url":"u","a":"tarball://root/%s%d"}`, long[:400], i)
		}),
		"headers of entries": names,
	} {
		t.Run(name, func(t *testing.T) {
			file := archiveOf(t, members...)
			before, during := liveHeap(), int64(0)
			_, err := archive.Verify(t.Context(), &atEnd{r: bytes.NewReader(file), end: func() { during = liveHeap() }}, nil)
			after := liveHeap()
			for _, fault := range faultsOf(t, err).Faults {
				require.LessOrEqual(t, len(fault.Repository), 511)
			}
			assert.Less(t, during-before, int64(40<<20))
			assert.Less(t, after-before, int64(4<<20), "the faults refer to nothing large")
			runtime.KeepAlive(file)
		})
	}
}

// liveHeap returns the size of the reachable objects.
func liveHeap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// An atEnd calls end at the end of r.
type atEnd struct {
	r   io.Reader
	end func()
}

func (a *atEnd) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil {
		a.end()
	}
	return n, err
}

func TestVerifyKeepsTrackOfAThousandRepositories(t *testing.T) {
	t.Parallel()
	const n = 1100 // more than maxFaults
	heads := func(l *layout) {
		for i := range n {
			l.add(fmt.Sprintf("repositories/o/r%d.git/HEAD", i), "ref: refs/heads/main\n")
		}
	}
	configs := func(l *layout) {
		for i := range n {
			l.add(fmt.Sprintf("repositories/o/r%d.git/config", i), "")
		}
	}
	schema := func(l *layout) { l.add("schema.json", `{"version":"1.0.1"}`) }
	for name, test := range map[string]struct {
		parts []func(*layout)
		want  int
	}{
		"in order":     {parts: []func(*layout){schema, heads}},
		"mixed":        {parts: []func(*layout){schema, configs, heads}},
		"without HEAD": {parts: []func(*layout){schema, configs}, want: n},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := new(layout)
			for _, part := range test.parts {
				part(l)
			}
			summary, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
			require.Len(t, summary.Repositories, n)
			if test.want == 0 {
				require.NoError(t, err)
				return
			}
			faults := faultsOf(t, err)
			assert.Equal(t, test.want, len(faults.Faults)+faults.More)
			assert.Equal(t, "repositories/o/r0.git/HEAD", faults.Faults[0].Entry)
		})
	}
}

func TestVerifyChecksRepositoriesThatAreScattered(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("slow, and without concurrency")
	}
	const (
		a, b, c, d = "repositories/o/a.git", "repositories/o/b.git", "repositories/o/c.git", "repositories/o/d.git"
		packFile   = "/objects/pack/pack-1111111111111111111111111111111111111111"
	)
	members := []tarred{{name: "schema.json", content: `{"version":"1.0.1"}`}, {name: a + "/"}, {name: b + "/"}, {name: c + "/"}, {name: d + "/"}}
	for _, repository := range []string{a, b} { // each needs more than half of the memory for checkers
		members = append(members, tarred{name: repository + packFile + ".idx", content: "damaged"})
		for i := range 2100 {
			name := fmt.Sprintf("%s/refs/heads/%d%s", repository, i, strings.Repeat("x", 4000))
			members = append(members, tarred{name: name, content: strings.Repeat("1", 40) + "\n"})
		}
	}
	members = append(members,
		tarred{name: c + "/refs/heads/main", content: strings.Repeat("1", 40) + "\n"},
		tarred{name: a + "/HEAD", content: "ref: refs/heads/main\n"},
	)
	_, err := archive.Verify(t.Context(), bytes.NewReader(archiveOf(t, members...)), nil)
	faults := faultsOf(t, err)
	var got []string
	for _, fault := range faults.Faults {
		fault.Offset = -1
		got = append(got, fault.Error())
	}
	assert.ElementsMatch(t, []string{
		a + packFile + ".idx: too short",
		a + ": checked only file by file, because its files are scattered over the archive",
		b + packFile + ".idx: too short",
		b + packFile + ".pack: missing",
		b + "/HEAD: missing",
		c + "/HEAD: missing",
		c + "/refs/heads/main: the object is missing",
		d + "/HEAD: missing",
	}, got)
}
