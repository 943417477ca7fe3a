package ghmigratetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"time"
)

// An archiveWriter writes a migration archive in GitHub's layout: a tar of the
// GNU dialect in one gzip member, names that begin with "./", an entry for
// each directory, records in shards of at most 100. Nothing else in this
// package knows that layout.
type archiveWriter struct {
	gzip   *gzip.Writer
	tar    *tar.Writer
	size   *countingWriter // of what tar wrote
	mtime  time.Time
	made   map[string]bool // directories
	shards map[string]*shard
	order  []string // of the shards, by first record
}

type shard struct {
	records []any
	number  int
}

// shardSize is how many records GitHub puts into a file.
const shardSize = 100

// newArchiveWriter begins an archive made at mtime. The level is that of
// compress/gzip.
func newArchiveWriter(w io.Writer, mtime time.Time, level int) (*archiveWriter, error) {
	z, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return nil, err
	}
	z.ModTime = mtime
	z.OS = 3 // Unix
	size := &countingWriter{w: z}
	a := &archiveWriter{
		gzip:   z,
		tar:    tar.NewWriter(size),
		size:   size,
		mtime:  mtime,
		made:   make(map[string]bool),
		shards: make(map[string]*shard),
	}
	return a, a.directory(".")
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// directory adds a directory and those above it, unless they are there.
func (a *archiveWriter) directory(name string) error {
	if a.made[name] {
		return nil
	}
	a.made[name] = true
	if name == "." {
		return a.header(tar.TypeDir, "./", 0)
	}
	if err := a.directory(path.Dir(name)); err != nil {
		return err
	}
	return a.header(tar.TypeDir, "./"+name+"/", 0)
}

func (a *archiveWriter) header(kind byte, name string, size int64) error {
	mode := int64(0o644)
	if kind == tar.TypeDir {
		mode = 0o755
	}
	// GitHub.com's archives are of git/git (500), others of root/root. With the
	// latter, what root unpacks belongs to root, and git does not take fright
	// at somebody else's repository.
	return a.tar.WriteHeader(&tar.Header{
		Typeflag: kind,
		Name:     name,
		Size:     size,
		Mode:     mode,
		Uname:    "root",
		Gname:    "root",
		ModTime:  a.mtime.Truncate(time.Second),
		Format:   tar.FormatGNU,
	})
}

// file adds a file of exactly so many bytes, and the directories above it.
func (a *archiveWriter) file(name string, size int64, r io.Reader) error {
	if err := a.directory(path.Dir(name)); err != nil {
		return err
	}
	if err := a.header(tar.TypeReg, "./"+name, size); err != nil {
		return err
	}
	_, err := io.CopyN(a.tar, r, size)
	return err
}

// record adds a record to the files of its kind, named in the plural.
func (a *archiveWriter) record(kind string, v any) error {
	s := a.shards[kind]
	if s == nil {
		s = new(shard)
		a.shards[kind] = s
		a.order = append(a.order, kind)
	}
	s.records = append(s.records, v)
	if len(s.records) < shardSize {
		return nil
	}
	return a.flush(kind)
}

// flush writes the records that wait for their file to be full.
func (a *archiveWriter) flush(kind string) error {
	s := a.shards[kind]
	if len(s.records) == 0 {
		return nil
	}
	data, err := prettyPrint(s.records)
	if err != nil {
		return err
	}
	s.number++
	s.records = s.records[:0]
	return a.file(fmt.Sprintf("%s_%06d.json", kind, s.number), int64(len(data)), bytes.NewReader(data))
}

var emptyList = regexp.MustCompile(`(?m)^( *)(".*": )\[\](,?)$`)

// prettyPrint writes JSON as GitHub's exporter does: two spaces, no newline at
// the end, nothing escaped for HTML, an empty list over three lines.
func prettyPrint(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return emptyList.ReplaceAll(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte("$1$2[\n\n$1]$3")), nil
}

// schema adds the file that tells the version of the format; GitHub's has no
// certain place.
func (a *archiveWriter) schema() error {
	const schema = `{"version":"1.0.1","github_sha":"e00c8eee08dbff330139a0a24efb0d7b63da2152"}`
	return a.file("schema.json", int64(len(schema)), bytes.NewReader([]byte(schema)))
}

// close writes the records that are left and ends the archive, with the
// padding that GNU tar gives it.
func (a *archiveWriter) close() error {
	for _, kind := range a.order {
		if err := a.flush(kind); err != nil {
			return err
		}
	}
	if err := a.tar.Close(); err != nil {
		return err
	}
	const block = 10240
	if over := a.size.n % block; over != 0 {
		if _, err := a.size.Write(make([]byte, block-over)); err != nil {
			return err
		}
	}
	return a.gzip.Close()
}
