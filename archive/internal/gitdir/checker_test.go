package gitdir_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

func formats() []string { return []string{"sha1", "sha256"} }

func TestWhatGitMakesIsWhole(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		for name, want := range map[string]gitdir.Stats{
			"empty":                    {},
			"loose":                    {Objects: 4, Refs: 3},
			"packed":                   {Objects: 5, Refs: 4},
			"detached":                 {Objects: 2, Detached: true},
			"index of version 1":       {Objects: 4, Refs: 1},
			"index with large offsets": {Objects: 4, Refs: 1},
			"many packs":               {Objects: 6, Refs: 1},
			"cruft":                    {Objects: 3, Refs: 2},
			"overridden refs":          {Objects: 3, Refs: 3},
		} {
			t.Run(format+" "+name, func(t *testing.T) {
				t.Parallel()
				faults, stats := newRepository(t, format, shapeNamed(name)).check(t)
				assert.Empty(t, faults)
				assert.Equal(t, want, stats)
			})
		}
	}
}

func shapeNamed(name string) shape {
	for _, s := range shapes() {
		if s.name == name {
			return s
		}
	}
	panic("no shape " + name)
}

func TestEveryFlippedByteIsReported(t *testing.T) {
	t.Parallel()
	eachSealedFile(t, func(t *testing.T, c func() *gitdir.Checker, name string, content []byte) {
		for i := range content {
			for _, flip := range []byte{1 << (i % 8), 0xff} {
				damaged := bytes.Clone(content)
				damaged[i] ^= flip
				if len(checkFile(t, c(), name, damaged)) != 1 && !inflateAlike(content, damaged) {
					t.Errorf("%s: byte %d ^ %#x is not reported once", name, i, flip)
				}
			}
		}
	})
}

// inflateAlike tells whether all that differs are the bits that fill up the
// last byte of a deflated object.
func inflateAlike(a, b []byte) bool {
	x, err := zlib.NewReader(bytes.NewReader(a))
	y, err2 := zlib.NewReader(bytes.NewReader(b))
	if err != nil || err2 != nil {
		return false
	}
	of, err := io.ReadAll(x)
	of2, err2 := io.ReadAll(y)
	return err == nil && err2 == nil && bytes.Equal(of, of2)
}

func TestEveryCutIsReported(t *testing.T) {
	t.Parallel()
	eachSealedFile(t, func(t *testing.T, c func() *gitdir.Checker, name string, content []byte) {
		for n := range content {
			if len(checkFile(t, c(), name, content[:n])) != 1 {
				t.Errorf("%s: cut after %d of %d bytes, not reported once", name, n, len(content))
			}
		}
		if len(checkFile(t, c(), name, append(content, 0))) != 1 {
			t.Errorf("%s: a byte more is not reported once", name)
		}
	})
}

// eachSealedFile calls check, with what makes Checkers, for each file in which
// Git itself would find every change.
func eachSealedFile(t *testing.T, check func(t *testing.T, c func() *gitdir.Checker, name string, content []byte)) {
	t.Helper()
	for _, format := range formats() {
		for _, s := range shapes() {
			t.Run(format+" "+s.name, func(t *testing.T) {
				t.Parallel()
				shared := gitdir.NewShared(1 << 20)
				for name, content := range newRepository(t, format, s) {
					if hasChecksum(name) {
						check(t, shared.New, name, content)
					}
				}
			})
		}
	}
}

func hasChecksum(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "objects/") && base != "packs" && base != "commit-graph-chain"
}

func TestFilesComeInAnyOrder(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("packed"))
	for name := range r { // in the order of the map
		c := gitdir.NewShared(math.MaxInt64).New()
		var faults []string
		faults = append(faults, checkFile(t, c, name, r[name])...)
		for other, content := range r {
			if other != name {
				faults = append(faults, checkFile(t, c, other, content)...)
			}
		}
		c.Close(func(name string, err error) { faults = append(faults, name+": "+err.Error()) })
		assert.Empty(t, faults)
	}
}

func TestEveryChangedObjectNameOfARefIsReported(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"loose", "packed", "detached"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, "sha1", shapeNamed(name))
			changed := 0
			for name, content := range r {
				if !strings.HasPrefix(name, "refs/") && name != "packed-refs" && name != "HEAD" {
					continue
				}
				for start := range content {
					end := start + 40
					if end > len(content) || strings.Trim(string(content[start:end]), "0123456789abcdef") != "" {
						continue
					}
					for i := start; i < end; i++ {
						for bit := range 8 {
							damaged := bytes.Clone(content)
							damaged[i] ^= 1 << bit
							faults, _ := r.with(map[string][]byte{name: damaged}).check(t)
							assert.NotEmpty(t, faults, "%s: byte %d, bit %d", name, i, bit)
							changed++
						}
					}
				}
			}
			assert.Positive(t, changed)
		})
	}
}

func TestWhatIsLostIsNamed(t *testing.T) {
	t.Parallel()
	packed := newRepository(t, "sha1", shapeNamed("packed"))
	other := newRepository(t, "sha1", shapeNamed("cruft"))
	many := newRepository(t, "sha1", shapeNamed("many packs"))
	loose := newRepository(t, "sha1", shapeNamed("loose"))
	sha256 := newRepository(t, "sha256", shapeNamed("packed"))

	pack := strings.TrimSuffix(packed.only(t, "objects/pack/*.pack"), ".pack")
	tree := "objects/4b/825dc642cb6eb9a060e54bf8d69288fbee4904" // Git's empty tree, that no ref points to
	cruft := strings.TrimSuffix(other.only(t, "objects/pack/*.mtimes"), ".mtimes")
	head := string(bytes.TrimSpace(loose["refs/heads/main"]))
	missing := strings.Repeat("1", 40)

	for name, test := range map[string]struct {
		in   repository
		with map[string][]byte
		want []string
	}{
		"no HEAD": {
			packed, map[string][]byte{"HEAD": nil}, []string{"HEAD: missing"},
		},
		"no index": {
			packed, map[string][]byte{pack + ".idx": nil}, []string{pack + ".idx: missing"},
		},
		"no pack": {
			packed, map[string][]byte{pack + ".pack": nil}, []string{pack + ".pack: missing"},
		},
		"no pack and no index": {
			packed, map[string][]byte{pack + ".pack": nil, pack + ".idx": nil, pack + ".rev": nil, pack + ".bitmap": nil},
			[]string{
				"packed-refs: line 2: the object is missing",
				"packed-refs: line 3: the object is missing",
				"packed-refs: line 4: the object is missing",
				"packed-refs: line 5: the object is missing",
				"packed-refs: line 6: the object is missing",
			},
		},
		"a pack that is cut": {
			packed, map[string][]byte{pack + ".pack": packed[pack+".pack"][:100]},
			[]string{pack + ".pack: its checksum does not match"},
		},
		"an empty pack file": {
			packed, map[string][]byte{pack + ".pack": {}}, []string{pack + ".pack: too short"},
		},
		"the index of another pack": {
			packed, map[string][]byte{pack + ".idx": other[cruft+".idx"]},
			[]string{pack + ".idx: it is the index of another pack, " + strings.TrimPrefix(cruft, "objects/pack/pack-")},
		},
		"the reverse index of another pack": {
			packed, map[string][]byte{pack + ".rev": other[cruft+".rev"]},
			[]string{pack + ".rev: it belongs to another pack, " + strings.TrimPrefix(cruft, "objects/pack/pack-")},
		},
		"a bitmap of another pack": {
			other, map[string][]byte{cruft + ".bitmap": packed[pack+".bitmap"]},
			[]string{cruft + ".bitmap: it belongs to another pack, " + strings.TrimPrefix(pack, "objects/pack/pack-")},
		},
		"no multi-pack-index": {
			many, map[string][]byte{"objects/pack/multi-pack-index": nil}, nil, // Git looks into the packs
		},
		"an object": {
			loose, map[string][]byte{"objects/" + head[:2] + "/" + head[2:]: nil},
			[]string{"refs/heads/main: the object that it points to is missing"},
		},
		"an object under another name": {
			loose, map[string][]byte{tree: loose["objects/"+head[:2]+"/"+head[2:]]},
			[]string{tree + ": its name is not the hash of its content"},
		},
		"a branch": {
			loose, map[string][]byte{"refs/heads/main": nil}, nil, // it leaves no trace
		},
		"a ref to nothing": {
			loose, map[string][]byte{"refs/heads/x": []byte(missing + "\n")},
			[]string{"refs/heads/x: the object that it points to is missing"},
		},
		"HEAD to nothing": {
			loose, map[string][]byte{"HEAD": []byte(missing + "\n")},
			[]string{"HEAD: the object that it points to is missing"},
		},
		"refs that are none": {
			loose, map[string][]byte{
				"HEAD":              []byte("ref: refs/heads/.invalid\n"),
				"refs/heads/empty":  {},
				"refs/heads/short":  []byte(missing[:39] + "\n"),
				"refs/heads/upper":  []byte(strings.Repeat("A", 40) + "\n"),
				"refs/heads/out":    []byte("ref: ../../config\n"),
				"refs/heads/a..b":   []byte(head + "\n"),
				"refs/heads/x.lock": {}, // left by an update that did not end
				"refs/heads/.x":     {},
				"refs/heads/crlf":   []byte(head + "\r\n"),
				"refs/heads/now":    []byte("ref: HEAD\n"), // as git symbolic-ref writes it
				"refs/heads/before": []byte("ref: ORIG_HEAD\n"),
				"refs/heads/below":  []byte("ref: HEAD/x\n"),
				"refs/heads/none":   []byte("ref: \n"),
				"refs/heads/long":   bytes.Repeat([]byte(" "), 1<<20),
			},
			[]string{
				`HEAD: "refs/heads/.invalid" is no ref that it could point to`,
				"refs/heads/a..b: it cannot be the name of a ref",
				`refs/heads/below: "HEAD/x" is no ref that it could point to`,
				`refs/heads/empty: it is no ref: ""`,
				"refs/heads/long: too long to be a ref",
				`refs/heads/none: "" is no ref that it could point to`,
				`refs/heads/out: "../../config" is no ref that it could point to`,
				`refs/heads/short: it is no ref: "111111111111111111111111111111111111111"`,
				`refs/heads/upper: it is no ref: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`,
			},
		},
		"HEAD to itself": {
			loose, map[string][]byte{"HEAD": []byte("ref: HEAD\n")}, []string{`HEAD: "HEAD" is no ref that it could point to`},
		},
		"packed refs that are none": {
			loose, map[string][]byte{"packed-refs": []byte("# pack-refs with: peeled fully-peeled sorted \n" +
				head + " refs/heads/b\n" +
				head + " refs/heads/a\n" +
				head + "\n" +
				"^" + missing + "\n" +
				"\n" +
				"# comment\n" +
				head + " refs/heads/c d\n" +
				head + " refs/heads/e")},
			[]string{
				"packed-refs: line 3: refs/heads/a is not in order",
				`packed-refs: line 4: "" cannot be the name of a ref`,
				`packed-refs: line 6 is no ref: ""`,
				`packed-refs: line 7 is no ref: "# comment"`,
				`packed-refs: line 8: "refs/heads/c d" cannot be the name of a ref`,
				"packed-refs: line 9 has no end",
				"packed-refs: line 5: the object is missing",
			},
		},
		"packed refs of an endless line": {
			loose, map[string][]byte{"packed-refs": bytes.Repeat([]byte("a"), 100_000)},
			[]string{"packed-refs: line 1 has no end"},
		},
		"objects that are elsewhere": {
			packed, map[string][]byte{"objects/info/alternates": []byte("/data/network.git/objects\n"), pack + ".pack": nil, pack + ".idx": nil},
			[]string{
				"objects/info/alternates: it needs the objects of other repositories, which are not here",
				pack + ".pack: missing",
			},
		},
		"no objects elsewhere": {
			packed, map[string][]byte{"objects/info/alternates": []byte("\n")}, nil,
		},
		"what a repack leaves behind": {
			packed, map[string][]byte{
				"objects/pack/tmp_pack_x":         {},
				"objects/pack/.tmp-1-pack-x.pack": {},
				pack + ".keep":                    {},
				"objects/ab/tmp_obj_x":            {},
				"hooks/post-update.sample":        {},
			}, nil,
		},
		"two formats": {
			packed, map[string][]byte{sha256.only(t, "objects/pack/*.pack"): sha256[sha256.only(t, "objects/pack/*.pack")], sha256.only(t, "objects/pack/*.idx"): sha256[sha256.only(t, "objects/pack/*.idx")]},
			[]string{"objects: some objects are named by SHA-1 and some by SHA-256"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults, _ := test.in.with(test.with).check(t)
			assert.Equal(t, test.want, faults)
		})
	}
}

func TestChainsAndIndexesOfPacksNameWhatTheyNeed(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("many packs"))
	var index string
	lost := map[string][]byte{}
	for name := range r {
		switch path.Ext(name) {
		case ".idx":
			index = name
		case ".graph":
			lost[name] = nil
		}
	}
	faults, _ := r.with(map[string][]byte{index: nil, strings.TrimSuffix(index, ".idx") + ".pack": nil}).check(t)
	assert.Contains(t, faults, index+": missing, though the multi-pack-index names it")

	faults, _ = r.with(lost).check(t)
	require.Len(t, lost, 2)
	assert.Len(t, faults, 2)
	for _, fault := range faults {
		name, what, _ := strings.Cut(fault, ": ")
		assert.Contains(t, lost, name)
		assert.Equal(t, "missing, though commit-graph-chain names it", what)
	}
}

func TestADamagedIndexOfPacksNamesNone(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("many packs"))
	const name = "objects/pack/multi-pack-index"
	damaged := bytes.Clone(r[name])
	damaged[bytes.Index(damaged, []byte("pack-"))+6] ^= 1
	faults, _ := r.with(map[string][]byte{name: damaged}).check(t)
	assert.Equal(t, []string{name + ": its checksum does not match"}, faults)
}

func TestChainsAreReadWhereGitReadsThem(t *testing.T) {
	t.Parallel()
	chain := []byte(strings.Repeat("1", 40) + "\n")
	faults, _ := newRepository(t, "sha1", shapeNamed("packed")).with(map[string][]byte{
		"objects/pack/multi-pack-index.d/1/multi-pack-index-chain": chain,
		"objects/pack/multi-pack-index/multi-pack-index-chain":     chain,
		"objects/info/commit-graphs/1/commit-graph-chain":          chain,
		"objects/pack/multi-pack-index.d/multi-pack-index-chain":   chain,
		"objects/info/commit-graphs/commit-graph-chain":            chain,
	}).check(t)
	assert.Equal(t, []string{
		"objects/info/commit-graphs/graph-" + strings.Repeat("1", 40) + ".graph: missing, though commit-graph-chain names it",
		"objects/pack/multi-pack-index.d/multi-pack-index-" + strings.Repeat("1", 40) + ".midx: missing, though multi-pack-index-chain names it",
	}, faults)
}

// TestMemoryIsBounded gives a Checker more of each thing than it may remember:
// each file is checked all the same.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 16 << 10
	many := newRepository(t, "sha1", shapeNamed("many packs"))
	pack := many.only(t, "objects/pack/multi-pack-index")
	sha := strings.Repeat("1", 40)
	numbered := func(pattern string, content []byte) repository {
		r := repository{}
		for i := range 1000 {
			r[fmt.Sprintf(pattern, i)] = content
		}
		return r
	}
	for name, r := range map[string]repository{
		"objects":    numbered("objects/ab/%038x", []byte{}).with(numbered("objects/cd/%038x", []byte{})),
		"packs":      numbered("objects/pack/pack-%040x.pack", nil),
		"companions": numbered("objects/pack/pack-%040x.rev", nil),
		"loose refs": numbered("refs/heads/%d", []byte(sha+"\n")),
		"symbolic refs": numbered("refs/heads/"+strings.Repeat("x/", 20)+"%d", []byte("ref: HEAD\n")).
			with(numbered("refs/tags/%d", []byte("ref: HEAD\n"))).with(numbered("refs/x/%d", []byte("ref: HEAD\n"))),
		"packed refs": {"packed-refs": []byte(strings.Repeat(sha+" refs/heads/x\n", 1000))},
		"a chain":     {"objects/info/commit-graphs/commit-graph-chain": []byte(strings.Repeat(sha+"\n", 1000))},
		"layers":      numbered("objects/info/commit-graphs/graph-%040x.graph", nil),
		"midx layers": numbered("objects/pack/multi-pack-index.d/multi-pack-index-%040x.midx", many[pack]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := gitdir.NewShared(1 << 20)
			shared.LimitMemory(limit)
			c := shared.New()
			checkFile(t, c, "HEAD", []byte("ref: refs/heads/main\n"))
			for name, content := range r {
				checkFile(t, c, name, content)
			}
			assert.LessOrEqual(t, c.Memory(), int64(limit+1<<10))
			assert.Equal(t, []string{"refs/heads/bad: it is no ref: \"\""}, checkFile(t, c, "refs/heads/bad", nil))
			assert.Equal(t, []string{"objects/pack/pack-x.pack: too short"}, checkFile(t, c, "objects/pack/pack-x.pack", nil))
			var faults []string
			c.Close(func(name string, err error) { faults = append(faults, name+": "+err.Error()) })
			assert.Equal(t, []string{": checked only file by file: more than 16384 bytes would have to be remembered"}, faults)
		})
	}
}

func TestStructureIsCheckedWhereChecksumsAreRight(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("packed"))
	large := newRepository(t, "sha1", shapeNamed("index with large offsets"))
	pack := strings.TrimSuffix(r.only(t, "objects/pack/*.pack"), ".pack")
	largeIndex := large.only(t, "objects/pack/*.idx")
	many := newRepository(t, "sha1", shapeNamed("many packs"))
	const fanout, ids, objects = 8, 8 + 4*256, 5
	const offsets = ids + objects*(20+4)

	for name, test := range map[string]struct {
		in     repository
		file   string
		change func([]byte) []byte
		want   string
	}{
		"a fan-out table of other objects":   {r, pack + ".idx", func(b []byte) []byte { b[fanout+3] ^= 1; return b }, "its fan-out table does not fit its objects"},
		"objects out of order":               {r, pack + ".idx", func(b []byte) []byte { b[ids] = 0xff; return b }, "its objects are not in order"},
		"an index of the future":             {r, pack + ".idx", func(b []byte) []byte { b[7] = 3; return b }, "version 3 of an index is not known"},
		"a large offset without a table":     {r, pack + ".idx", func(b []byte) []byte { b[offsets] = 0x80; b[offsets+3] = 9; return b }, "an offset is beyond the table of large offsets"},
		"an offset beyond the pack":          {r, pack + ".idx", func(b []byte) []byte { b[offsets+1] = 1; return b }, "an object would begin at 65"},
		"something after the index":          {r, pack + ".idx", func(b []byte) []byte { return append(b, 0, 0, 0, 0) }, "4 bytes too many for 5 objects, of which 0 have large offsets"},
		"more objects than bytes":            {r, pack + ".idx", func(b []byte) []byte { b[ids-4] = 0xff; return b }, "too short"},
		"a large offset beyond every pack":   {large, largeIndex, func(b []byte) []byte { b[len(b)-28] = 0xff; return b }, "an offset is beyond every pack"},
		"a large offset beyond its pack":     {large, largeIndex, func(b []byte) []byte { b[len(b)-27] = 1; return b }, "an object would begin at 2814"},
		"a pack of the future":               {r, pack + ".pack", func(b []byte) []byte { b[7] = 4; return b }, "it is no pack of version 2 or 3"},
		"a reverse index for fewer objects":  {r, pack + ".rev", func(b []byte) []byte { return append(b[:12], b[16:]...) }, "it has 4 objects, and its pack 5"},
		"a reverse index within a row":       {r, pack + ".rev", func(b []byte) []byte { return append(b[:12], b[13:]...) }, "it ends within a row"},
		"a reverse index for another format": {r, pack + ".rev", func(b []byte) []byte { b[11] = 2; return b }, "it is made for SHA-256"},
		"a bitmap of the future":             {r, pack + ".bitmap", func(b []byte) []byte { b[5] = 9; return b }, "it is no .bitmap of version 1"},
		"an object twice":                    {r, pack + ".idx", func(b []byte) []byte { copy(b[ids+20:ids+40], b[ids:ids+20]); return b }, "it has object"},
		"chunks that overlap":                {many, "objects/pack/multi-pack-index", func(b []byte) []byte { b[12+11]--; return b }, "its chunks do not follow each other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := test.in[test.file]
			body = test.change(bytes.Clone(body[:len(body)-sha1.Size]))
			sum := sha1.Sum(body)
			faults, _ := test.in.with(map[string][]byte{test.file: append(body, sum[:]...)}).check(t)
			require.Len(t, faults, 1)
			assert.Contains(t, faults[0], test.file+": "+test.want)
		})
	}
}

// What a damaged file says of its pack is damaged too, and no fault of its own.
func TestADamagedCompanionIsOneFault(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("packed"))
	for _, pattern := range []string{"objects/pack/*.rev", "objects/pack/*.bitmap"} {
		name := r.only(t, pattern)
		for i := range r[name] {
			damaged := bytes.Clone(r[name])
			damaged[i] ^= 1
			faults, _ := r.with(map[string][]byte{name: damaged}).check(t)
			require.Len(t, faults, 1, "byte %d of %s", i, name)
		}
	}
}

func TestAnIndexOfManyPacks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git := newGit(t, dir, "sha1")
	commits(t, git, 2)
	git("repack", "-q", "-ad", "--no-write-bitmap-index")
	packed := readRepository(t, dir)
	for _, ext := range []string{".pack", ".idx"} {
		body := packed[packed.only(t, "objects/pack/*"+ext)]
		for i := range 1400 {
			require.NoError(t, os.WriteFile(fmt.Sprintf("%s/objects/pack/pack-%040x%s", dir, i, ext), body, 0o600))
		}
	}
	git("multi-pack-index", "write")
	git("multi-pack-index", "verify")
	faults, _ := readRepository(t, dir).check(t)
	assert.Empty(t, faults)
}

func TestLooseObjectsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	deflated := func(text string) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		_, err := io.WriteString(z, text)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return b.Bytes()
	}
	name := "objects/e6/9de29bb2d1d6434b8b29ae775ad8c2e48c5391" // the empty blob
	for text, want := range map[string]string{
		"blob 0\x00": "",
		"blob 3\x00" + strings.Repeat("bomb", 1<<20): "it is longer than it says",
		"blob 3\x00ab":                     "it ends after 9 bytes of 10",
		"blob 00\x00":                      `"00" is no size of an object`,
		"blob -1\x00":                      `"-1" is no size of an object`,
		"blob 9223372036854775807\x00":     `"9223372036854775807" is no size of an object`,
		"blob 1000000000000000000\x00":     "it ends after 25 bytes of 1000000000000000025",
		"novel 0\x00":                      `"novel" is no type of object`,
		"blob 0":                           "it does not begin as objects do",
		"blob" + strings.Repeat(" ", 1000): "it does not begin as objects do",
		"":                                 "it does not begin as objects do",
	} {
		faults := checkFile(t, gitdir.NewShared(math.MaxInt64).New(), name, deflated(text))
		if want == "" {
			assert.Empty(t, faults, "%.40q", text)
		} else {
			assert.Equal(t, []string{name + ": " + want}, faults, "%.40q", text)
		}
	}
	shared := gitdir.NewShared(1 << 20) // a bomb must not use it up
	checkFile(t, shared.New(), name, deflated("blob 3\x00"+strings.Repeat("bomb", 1<<20)))
	assert.Empty(t, checkFile(t, shared.New(), name, deflated("blob 0\x00")))
}

func TestALayerUnderTheNameOfAnotherIsReported(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("many packs"))
	var layers []string
	for name := range r {
		if path.Ext(name) == ".graph" {
			layers = append(layers, name)
		}
	}
	require.Len(t, layers, 2)
	sum := strings.TrimSuffix(strings.TrimPrefix(layers[1], "objects/info/commit-graphs/graph-"), ".graph")
	faults, _ := r.with(map[string][]byte{layers[0]: r[layers[1]]}).check(t)
	assert.Equal(t, []string{layers[0] + ": it is another file, " + sum}, faults)
}

func TestLooseObjectsInflateWithinTheBudgetOfAll(t *testing.T) {
	t.Parallel()
	git := newGit(t, t.TempDir(), "sha1")
	dir := strings.TrimSpace(git("rev-parse", "--absolute-git-dir"))
	git("hash-object", "-w", "-t", "blob", "--stdin")
	r := readRepository(t, dir)
	empty := r.only(t, "objects/e6/*")
	shared := gitdir.NewShared(20) // "blob 0" and a zero are seven bytes
	assert.Empty(t, checkFile(t, shared.New(), empty, r[empty]))
	assert.Empty(t, checkFile(t, shared.New(), empty, r[empty]))
	assert.Equal(t, []string{empty + ": not checked: it would inflate to 7 bytes, and 6 are left of what loose objects may (Limits.UnpackedSize)"},
		checkFile(t, shared.New(), empty, r[empty]))
}

func TestAnErrorOfTheReaderIsReturnedAndNoFault(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, s := range shapes() {
		for name, content := range newRepository(t, "sha1", s) {
			for _, n := range []int{0, 1, len(content) / 2, len(content)} {
				n = min(n, len(content))
				c := gitdir.NewShared(math.MaxInt64).New()
				r := &counting{r: io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(broken))}
				err := c.File(name, r, func(_ int64, err error) { t.Errorf("%s: %v", name, err) })
				if r.failed {
					assert.Equal(t, broken, err, name)
				} else {
					assert.NoError(t, err, name)
				}
			}
		}
	}
}

// counting tells whether its reader has failed.
type counting struct {
	r      io.Reader
	failed bool
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.failed = c.failed || err != nil
	return n, err
}
