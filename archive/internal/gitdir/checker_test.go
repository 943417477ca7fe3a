package gitdir_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

func formats() []string { return []string{"sha1", "sha256"} }

func TestRepositoriesOfGitHaveNoFault(t *testing.T) {
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
	eachSealedFile(t, func(t *testing.T, newChecker func() *gitdir.Checker, name string, content []byte) {
		damaged := bytes.Clone(content)
		for i := range content {
			for _, flip := range []byte{1 << (i % 8), 0xff} {
				damaged[i] ^= flip
				if len(checkFile(t, newChecker(), name, damaged)) != 1 && !inflateAlike(content, damaged) {
					t.Errorf("%s: byte %d ^ %#x is not reported once", name, i, flip)
				}
				damaged[i] ^= flip
			}
		}
	})
}

// inflateAlike reports whether two files inflate to the same object. They may differ
// in the unused bits of the last byte.
func inflateAlike(a, b []byte) bool {
	inflate := func(file []byte) ([]byte, error) {
		z, err := zlib.NewReader(bytes.NewReader(file))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	}
	first, err := inflate(a)
	second, err2 := inflate(b)
	return err == nil && err2 == nil && bytes.Equal(first, second)
}

func TestEveryTruncationIsReported(t *testing.T) {
	t.Parallel()
	eachSealedFile(t, func(t *testing.T, newChecker func() *gitdir.Checker, name string, content []byte) {
		for n := range content {
			if len(checkFile(t, newChecker(), name, content[:n])) != 1 {
				t.Errorf("%s: truncated after %d of %d bytes, not reported once", name, n, len(content))
			}
		}
		if len(checkFile(t, newChecker(), name, append(content, 0))) != 1 {
			t.Errorf("%s: an additional byte is not reported once", name)
		}
	})
}

// eachSealedFile calls check for each file that Git protects by a checksum.
func eachSealedFile(t *testing.T, check func(t *testing.T, newChecker func() *gitdir.Checker, name string, content []byte)) {
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
	for name := range r { // in random order
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

func TestFaultsNameTheFile(t *testing.T) {
	t.Parallel()
	packed := newRepository(t, "sha1", shapeNamed("packed"))
	other := newRepository(t, "sha1", shapeNamed("cruft"))
	many := newRepository(t, "sha1", shapeNamed("many packs"))
	loose := newRepository(t, "sha1", shapeNamed("loose"))
	sha256 := newRepository(t, "sha256", shapeNamed("packed"))

	pack := strings.TrimSuffix(packed.only(t, "objects/pack/*.pack"), ".pack")
	tree := "objects/4b/825dc642cb6eb9a060e54bf8d69288fbee4904" // the empty tree, which no ref points to
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
		"a truncated pack": {
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
		"rebuilt files of another pack": {
			packed, map[string][]byte{pack + ".rev": other[cruft+".rev"], "objects/pack/pack-x.bitmap": packed[pack+".bitmap"]}, nil,
		},
		"no multi-pack-index": {
			many, map[string][]byte{"objects/pack/multi-pack-index": nil}, nil, // Git rebuilds it
		},
		"an object": {
			loose, map[string][]byte{"objects/" + head[:2] + "/" + head[2:]: nil},
			[]string{"refs/heads/main: the object is missing"},
		},
		"an object under another name": {
			loose, map[string][]byte{tree: loose["objects/"+head[:2]+"/"+head[2:]]},
			[]string{tree + ": its name is not the hash of its content"},
		},
		"a branch": {
			loose, map[string][]byte{"refs/heads/main": nil, "refs/remotes/origin/HEAD": nil}, nil, // a lost branch leaves no trace
		},
		"a ref to a missing object": {
			loose, map[string][]byte{"refs/heads/x": []byte(missing + "\n")},
			[]string{"refs/heads/x: the object is missing"},
		},
		"HEAD to a missing object": {
			loose, map[string][]byte{"HEAD": []byte(missing + "\n")},
			[]string{"HEAD: the object is missing"},
		},
		"invalid refs": {
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
				"refs/tags/main":    []byte("ref: refs/heads/main\n"), // as git symbolic-ref writes it
				"refs/heads/before": []byte("ref: ORIG_HEAD\n"),
				"refs/heads/below":  []byte("ref: HEAD/x\n"),
				"refs/heads/none":   []byte("ref: \n"),
				"refs/heads/long":   bytes.Repeat([]byte(" "), 1<<20),
			},
			[]string{
				`HEAD: it points to "refs/heads/.invalid", which cannot be a ref`,
				"refs/heads/a..b: not the name of a ref",
				`refs/heads/before: it points to "ORIG_HEAD", which cannot be a ref`,
				`refs/heads/below: it points to "HEAD/x", which cannot be a ref`,
				`refs/heads/empty: not a ref: ""`,
				"refs/heads/long: too long for a ref",
				`refs/heads/none: it points to "", which cannot be a ref`,
				`refs/heads/out: it points to "../../config", which cannot be a ref`,
				`refs/heads/short: not a ref: "111111111111111111111111111111111111111"`,
				`refs/heads/upper: not a ref: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`,
			},
		},
		"HEAD to itself": {
			loose, map[string][]byte{"HEAD": []byte("ref: HEAD\n")}, []string{`HEAD: it points to "HEAD", which cannot be a ref`},
		},
		"HEAD to a tag": {
			loose, map[string][]byte{"HEAD": []byte("ref: refs/tags/v1\n")}, []string{`HEAD: it points to "refs/tags/v1", which is not a branch`},
		},
		"HEAD to a branch without a commit": {
			loose, map[string][]byte{"HEAD": []byte("ref: refs/heads/new\n")}, nil,
		},
		"refs that lead to HEAD": {
			loose, map[string][]byte{"refs/heads/now": []byte("ref: HEAD\n"), "refs/heads/then": []byte("ref: refs/heads/now\n")}, nil,
		},
		"symbolic refs to missing refs, in loops and long chains": {
			loose, map[string][]byte{
				"HEAD":         []byte("ref: refs/heads/1\n"), // the chain has six refs; Git follows five
				"refs/heads/1": []byte("ref: refs/heads/2\n"),
				"refs/heads/2": []byte("ref: refs/heads/3\n"),
				"refs/heads/3": []byte("ref: refs/heads/4\n"),
				"refs/heads/4": []byte("ref: refs/heads/main\n"),
				"refs/heads/a": []byte("ref: refs/heads/b\n"),
				"refs/heads/b": []byte("ref: refs/heads/a\n"),
				"refs/heads/x": []byte("ref: refs/heads/gone\n"),
				"refs/tags/x":  []byte("ref: refs/heads\n"),
			},
			[]string{
				"HEAD: its chain of symbolic refs loops or is too long",
				"refs/heads/a: its chain of symbolic refs loops or is too long",
				"refs/heads/b: its chain of symbolic refs loops or is too long",
				`refs/heads/x: it points to "refs/heads/gone", which is missing`,
				`refs/tags/x: it points to "refs/heads", which is missing`,
			},
		},
		"branches of objects that are not commits": {
			loose, map[string][]byte{
				"refs/heads/tag": loose["refs/tags/v1"], "refs/heads/to": []byte("ref: refs/tags/light\n"), "refs/tags/light": loose["refs/tags/v1"],
				"refs/tags/to": []byte("ref: refs/tags/v1\n"), "refs/tags/tree": []byte("4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"),
			},
			[]string{"refs/heads/tag: the object is not a commit", "refs/tags/light: the object is not a commit"},
		},
		"refs below refs": {
			loose, map[string][]byte{
				"packed-refs":        []byte(head + " refs/heads/main/x\n" + head + " refs/pull\n" + head + " refs/heads/a\n"),
				"refs/heads/a/b":     []byte("ref: refs/heads/main\n"),
				"refs/pull/1/head":   []byte(head + "\n"),
				"refs/tags/x":        []byte("ref: refs/heads/main\n"),
				"refs/tags/x/y":      []byte(head + "\n"),
				"refs/heads/mainly":  []byte(head + "\n"),
				"refs/heads/main-ly": []byte(head + "\n"),
			},
			[]string{
				"refs/tags/x: other refs are below this ref",
				"packed-refs: line 2: other refs are below this ref",
				"packed-refs: line 3: other refs are below this ref",
				"refs/heads/main: other refs are below this ref",
			},
		},
		"invalid packed refs": {
			loose, map[string][]byte{"packed-refs": []byte("# pack-refs with: peeled fully-peeled sorted \n" +
				head + " refs/heads/b\n" +
				head + " refs/heads/a\n" +
				head + "\n" +
				"^" + missing + "\n" +
				"^" + missing + "\n" +
				"\n" +
				"# pack-refs with: \n" +
				head + " refs/heads/c d\n" +
				head + " main\n" +
				head + " refs/heads/e")},
			[]string{
				"packed-refs: line 3: refs/heads/a is out of order",
				`packed-refs: line 4: "" is not the name of a ref`,
				`packed-refs: line 6: not a ref: "^1111111111111111111111111111111111111111"`,
				`packed-refs: line 7: not a ref: ""`,
				`packed-refs: line 8: not a ref: "# pack-refs with: "`,
				`packed-refs: line 9: "refs/heads/c d" is not the name of a ref`,
				`packed-refs: line 10: "main" is not the name of a ref`,
				"packed-refs: line 11 has no end",
				"packed-refs: line 2: the object is not a commit", // line 5 makes it a tag
				"packed-refs: line 5: the object is missing",
				"refs/heads/main: the object is not a commit",
			},
		},
		"packed refs of another header": {
			loose, map[string][]byte{"packed-refs": []byte("# pack-refs-with: peeled\n")},
			[]string{`packed-refs: line 1: not a ref: "# pack-refs-with: peeled"`},
		},
		"packed refs in any order": {
			loose, map[string][]byte{"packed-refs": []byte("# pack-refs with: peeled \n" + head + " refs/heads/b\n" + head + " refs/heads/a\n")}, nil,
		},
		"duplicate packed refs": {
			loose, map[string][]byte{"packed-refs": []byte(head + " refs/heads/b\n" + head + " refs/heads/a\n" + head + " refs/heads/b\n")},
			[]string{"packed-refs: line 3: an earlier line has the same ref"},
		},
		"packed refs of one very long line": {
			loose, map[string][]byte{"packed-refs": bytes.Repeat([]byte("a"), 100_000)},
			[]string{"packed-refs: line 1 has no end"},
		},
		"a shallow history": {
			loose, map[string][]byte{"shallow": []byte(head + "\n")}, nil,
		},
		"an invalid shallow file": {
			loose, map[string][]byte{"shallow": []byte(head + "\n" + missing + "\n" + head + " \n" + string(loose["refs/tags/v1"]) + head)},
			[]string{
				"shallow: line 3: not the name of a commit: \"" + head + " \"",
				"shallow: line 5 has no end",
				"shallow: line 2: the object is missing",
				"shallow: line 4: the object is not a commit",
			},
		},
		"objects of Git LFS": {
			loose, map[string][]byte{
				"lfs/objects/e3/b0/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": {},
				"lfs/objects/b0/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": {},
				"lfs/objects/e3/b0/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856": {},
				"lfs/objects/logs/x": {},
			},
			[]string{
				"lfs/objects/b0/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855: not in the directory where Git LFS looks for it",
				"lfs/objects/e3/b0/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856: its name is not the hash of its content",
			},
		},
		"invalid names of objects": {
			loose, map[string][]byte{
				"objects/ab/short":                        {},
				"objects/AB/" + missing[2:]:               {},
				"objects/ab/" + strings.ToUpper(head[2:]): {},
				"objects/a/x":                             {}, // Git does not look there
			},
			[]string{
				"objects/AB/" + missing[2:] + ": not the name of an object",
				"objects/ab/" + strings.ToUpper(head[2:]) + ": not the name of an object",
				"objects/ab/short: not the name of an object",
			},
		},
		"reftables": {
			loose, map[string][]byte{"reftable/tables.list": []byte("x.ref\n"), "reftable/x.ref": {}},
			[]string{"reftable/tables.list: the refs are in reftables, which are not checked"},
		},
		"alternates": {
			packed, map[string][]byte{"objects/info/alternates": []byte("/data/network.git/objects\n"), pack + ".pack": nil, pack + ".idx": nil},
			[]string{
				"objects/info/alternates: it needs the objects of other repositories",
			},
		},
		"empty alternates": {
			packed, map[string][]byte{"objects/info/alternates": []byte("\n")}, nil,
		},
		"leftovers of a repack": {
			packed, map[string][]byte{
				"objects/pack/tmp_pack_x":         {},
				"objects/pack/.tmp-1-pack-x.pack": {},
				pack + ".keep":                    {},
				"objects/ab/tmp_obj_x":            {},
				"hooks/post-update.sample":        {},
			}, nil,
		},
		"two object formats": {
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

// Git rebuilds these files, so they may be missing, or belong to another repository.
func TestRebuiltFilesMayBeMissing(t *testing.T) {
	t.Parallel()
	many, packed := newRepository(t, "sha1", shapeNamed("many packs")), newRepository(t, "sha1", shapeNamed("packed"))
	rebuilt := map[string][]byte{}
	for name := range many {
		switch {
		case path.Ext(name) == ".graph", strings.Contains(name, "multi-pack-index"), strings.HasSuffix(name, "-chain"):
			rebuilt[name] = many[name]
			faults, _ := many.with(map[string][]byte{name: nil}).check(t)
			assert.Empty(t, faults, name)
		}
	}
	require.Greater(t, len(rebuilt), 3)
	faults, _ := packed.with(rebuilt).check(t)
	assert.Empty(t, faults)
}

// TestMemoryIsBounded gives a Checker more of each thing than it may remember. The
// Checker still checks each file.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 16 << 10
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
		"loose refs": numbered("refs/heads/%d", []byte(sha+"\n")),
		"symbolic refs": numbered("refs/heads/"+strings.Repeat("x/", 20)+"%d", []byte("ref: HEAD\n")).
			with(numbered("refs/tags/%d", []byte("ref: HEAD\n"))).with(numbered("refs/x/%d", []byte("ref: HEAD\n"))),
		"packed refs": {"packed-refs": []byte(strings.Repeat(sha+" refs/heads/x\n", 1000))},
		"deep refs":   numbered("refs/%d/"+strings.Repeat("x/", 200)+"x", []byte("ref: HEAD\n")),
		"shallow":     {"shallow": []byte(strings.Repeat(sha+"\n", 1000))},
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
			assert.Equal(t, []string{"refs/heads/bad: not a ref: \"\""}, checkFile(t, c, "refs/heads/bad", nil))
			assert.Equal(t, []string{"objects/pack/pack-x.pack: too short"}, checkFile(t, c, "objects/pack/pack-x.pack", nil))
			var faults []string
			c.Close(func(name string, err error) { faults = append(faults, name+": "+err.Error()) })
			assert.Equal(t, []string{": checked only file by file: a full check needs more than 16384 bytes of memory"}, faults)
		})
	}
}

func TestStructureIsCheckedIfChecksumsMatch(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "sha1", shapeNamed("packed"))
	large := newRepository(t, "sha1", shapeNamed("index with large offsets"))
	pack := strings.TrimSuffix(r.only(t, "objects/pack/*.pack"), ".pack")
	largeIndex := large.only(t, "objects/pack/*.idx")
	const fanout, ids, objects = 8, 8 + 4*256, 5
	const offsets = ids + objects*(20+4)

	for name, test := range map[string]struct {
		in     repository
		file   string
		change func([]byte) []byte
		want   string
	}{
		"a fan-out table of other objects": {r, pack + ".idx", func(b []byte) []byte { b[fanout+3] ^= 1; return b }, "its fan-out table does not match its objects"},
		"objects out of order":             {r, pack + ".idx", func(b []byte) []byte { b[ids] = 0xff; return b }, "its objects are out of order"},
		"an unknown version of an index":   {r, pack + ".idx", func(b []byte) []byte { b[7] = 3; return b }, "unknown index version 3"},
		"a large offset without a table":   {r, pack + ".idx", func(b []byte) []byte { b[offsets] = 0x80; b[offsets+3] = 9; return b }, "an offset is beyond the table of large offsets"},
		"an offset beyond the pack":        {r, pack + ".idx", func(b []byte) []byte { b[offsets+1] = 1; return b }, "an object would begin at 65"},
		"data after the index":             {r, pack + ".idx", func(b []byte) []byte { return append(b, 0, 0, 0, 0) }, "4 bytes too many for 5 objects, of which 0 have large offsets"},
		"more objects than bytes":          {r, pack + ".idx", func(b []byte) []byte { b[ids-4] = 0xff; return b }, "too short"},
		"a large offset beyond every pack": {large, largeIndex, func(b []byte) []byte { b[len(b)-28] = 0xff; return b }, "an offset is beyond every pack"},
		"a large offset beyond its pack":   {large, largeIndex, func(b []byte) []byte { b[len(b)-27] = 1; return b }, "an object would begin at 2814"},
		"an unknown version of a pack":     {r, pack + ".pack", func(b []byte) []byte { b[7] = 4; return b }, "not a pack of version 2 or 3"},
		"an object twice":                  {r, pack + ".idx", func(b []byte) []byte { copy(b[ids+20:ids+40], b[ids:ids+20]); return b }, "object "},
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

// Damage may hit the checksum of the pack in a .rev or .bitmap file. It is still one
// fault.
func TestADamagedRebuiltFileIsOneFault(t *testing.T) {
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

// emptyBlob is the file of the loose object "blob 0" with a zero byte.
const emptyBlob = "objects/e6/9de29bb2d1d6434b8b29ae775ad8c2e48c5391"

func deflated(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, text)
	require.NoError(tb, err)
	require.NoError(tb, z.Close())
	return b.Bytes()
}

func TestLooseObjectsMatchTheirHeaderAndName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"blob 0\x00": "",
		"blob 3\x00" + strings.Repeat("bomb", 1<<20): "longer than its header says",
		"blob 3\x00ab":                     "it ends after 9 bytes of 10",
		"blob 00\x00":                      `"00" is not an object size`,
		"blob -1\x00":                      `"-1" is not an object size`,
		"blob 9223372036854775807\x00":     `"9223372036854775807" is not an object size`,
		"blob 1000000000000000000\x00":     "it ends after 25 bytes of 1000000000000000025",
		"novel 0\x00":                      `"novel" is not an object type`,
		"blob 0":                           "no object header",
		"blob" + strings.Repeat(" ", 1000): "no object header",
		"":                                 "no object header",
	} {
		faults := checkFile(t, gitdir.NewShared(math.MaxInt64).New(), emptyBlob, deflated(t, text))
		if want == "" {
			assert.Empty(t, faults, "%.40q", text)
		} else {
			assert.Equal(t, []string{emptyBlob + ": " + want}, faults, "%.40q", text)
		}
	}
	shared := gitdir.NewShared(1 << 20) // an object that inflates to too much must not use the budget up
	checkFile(t, shared.New(), emptyBlob, deflated(t, "blob 3\x00"+strings.Repeat("bomb", 1<<20)))
	assert.Empty(t, checkFile(t, shared.New(), emptyBlob, deflated(t, "blob 0\x00")))
}

func TestLooseObjectsShareABudget(t *testing.T) {
	t.Parallel()
	empty := deflated(t, "blob 0\x00") // seven bytes
	shared := gitdir.NewShared(20)
	assert.Empty(t, checkFile(t, shared.New(), emptyBlob, empty))
	assert.Empty(t, checkFile(t, shared.New(), emptyBlob, empty))
	assert.Equal(t, []string{emptyBlob + ": not checked: it inflates to 7 bytes, and 6 are left for all loose objects (Limits.UnpackedSize)"},
		checkFile(t, shared.New(), emptyBlob, empty))
}

func TestErrorsOfTheReaderAreNotFaults(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, s := range shapes() {
		for name, content := range newRepository(t, "sha1", s) {
			for _, n := range []int{0, 1, len(content) / 2, len(content)} {
				n = min(n, len(content))
				c := gitdir.NewShared(math.MaxInt64).New()
				r := &watchedReader{r: io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(broken))}
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

// A watchedReader records whether r has failed.
type watchedReader struct {
	r      io.Reader
	failed bool
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.failed = w.failed || err != nil
	return n, err
}
