package transfer

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A part is a file that is being fetched, and the log of how far it is.
//
// Who holds the log holds everything: it is locked first and removed last. The
// part is locked too, against whoever does not know of the log.
type part struct {
	fs       durable.FS
	path     string // where the complete file goes
	identity string
	maxLog   int64 // bytes of the log, before it is written anew

	logFile durable.File
	log     *durable.Log // nil while the log in logFile is not to be continued
	file    durable.File // nil until open

	known  *header   // what an earlier call has left, nil if that is of no use
	logged fetched   // how much that is, and later how much this call has logged
	done   *complete // set when the object is complete
	placed bool      // whether it is at path, and nothing else is left
}

// A line of the log is one of these.
type line struct {
	Object   *header   `json:"object,omitempty"`
	Fetched  *fetched  `json:"fetched,omitempty"`
	Complete *complete `json:"complete,omitempty"`
}

// A header is the first line: what is being fetched.
type header struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"`
	object
}

const logVersion = 1

// A fetched line holds the disjoint ranges that are in the part, in order, and
// how far it has been hashed from the start.
type fetched struct {
	Ranges spans `json:"ranges"`
	mark
}

// A mark is a place in the object and the state of its hash there.
type mark struct {
	Offset int64  `json:"hashed"`
	State  []byte `json:"sha256_state"`
	Tail   string `json:"tail_sha256,omitempty"` // of the last bytes before it
}

// tailSize is how many bytes before a mark tell whether a part is the one that
// the log is about.
const tailSize = 64 << 10

type complete struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (p *part) name() string { return p.path + ".part" }

func (p *part) logName() string { return p.path + ".part.log" }

// newLogName is where the log is written anew, until that takes its name.
func (p *part) newLogName() string { return p.path + ".part.log.new" }

// openLog takes hold of what belongs to path, and reads how far an earlier
// call got. It refuses a path that must not be replaced.
func openLog(fsys durable.FS, path, identity string, maxLog int64) (*part, error) {
	p := &part{fs: fsys, path: path, identity: identity, maxLog: maxLog}
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return nil, fmt.Errorf("path %q does not name a file", path)
	}
	for _, name := range []string{path, p.name(), p.logName(), p.newLogName()} {
		if _, err := p.regular(name); err != nil {
			return nil, err
		}
	}
	file, err := fsys.OpenLocked(p.logName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("folder of %s is missing: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	p.logFile = file
	if err := p.replay(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.removeNewLog(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// removeNewLog removes what could not take the log's name: an earlier call may
// have died before that.
func (p *part) removeNewLog() error {
	info, err := p.regular(p.newLogName())
	if err != nil || info == nil {
		return err
	}
	return p.fs.Remove(p.newLogName())
}

// regular describes name, which must be a regular file or missing (nil).
func (p *part) regular(name string) (fs.FileInfo, error) {
	info, err := p.fs.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return info, durable.Regular(name, info)
}

// replay reads the log. One that is damaged, or of another object, or that
// this version cannot read, says nothing; it is left as it is until there is
// something better to write.
func (p *part) replay() error {
	first, usable := true, true
	log, err := durable.OpenLog(p.logFile, func(text []byte) error {
		var l line
		switch err := json.Unmarshal(text, &l); {
		case err != nil:
			usable = false
		case first:
			p.known = l.Object
		case l.Fetched != nil && l.Fetched.valid():
			p.logged = *l.Fetched
		case l.Complete != nil:
			p.done = l.Complete
		default:
			usable = false
		}
		first = false
		return nil
	})
	if err != nil && !errors.Is(err, durable.ErrDamaged) {
		return err
	}
	if err == nil && usable && p.known != nil && p.known.Version == logVersion && p.known.Identity == p.identity {
		p.log = log
		return nil
	}
	p.forget()
	return nil
}

// valid reports whether the ranges make sense and cover what was hashed.
func (f *fetched) valid() bool {
	_, err := f.hash()
	return err == nil && f.Ranges.valid() && f.Ranges.head() > 0 && f.Offset >= 0 && f.Offset <= f.Ranges.head()
}

// hash returns a SHA-256 in the state of the mark.
func (m mark) hash() (hash.Hash, error) {
	h := sha256.New()
	if m.Offset == 0 {
		return h, nil
	}
	state, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return h, state.UnmarshalBinary(m.State)
}

func (p *part) forget() { p.known, p.logged, p.done, p.log = nil, fetched{}, nil, nil }

// settle finishes what an earlier call logged as complete. It returns nil if
// there is no such thing.
func (p *part) settle(ctx context.Context) (*complete, error) {
	done := p.done
	if done == nil {
		return nil, nil
	}
	info, err := p.regular(p.name())
	if err != nil {
		return nil, err
	}
	if info != nil && info.Size() == done.Size {
		if there, err := p.isComplete(ctx, done); err != nil {
			return nil, err
		} else if there {
			return done, p.place()
		}
	}
	// Only the log was left to be removed, unless somebody else has put another
	// file there since.
	if there, err := p.isAtPath(ctx, done); err != nil || !there {
		p.forget()
		return nil, err
	}
	return done, p.tidy(info != nil)
}

// isComplete opens the part, and reports whether it is what the log tells of:
// somebody may have put another file there since. If not, it is closed again.
func (p *part) isComplete(ctx context.Context, done *complete) (bool, error) {
	if err := p.open(); err != nil {
		return false, err
	}
	same, err := done.describes(ctx, p.file)
	if err != nil || same {
		return same, err
	}
	file := p.file
	p.file = nil
	return false, file.Close()
}

// isAtPath reports whether the file at path is what the log tells of.
func (p *part) isAtPath(ctx context.Context, done *complete) (bool, error) {
	info, err := p.regular(p.path)
	if err != nil || info == nil || info.Size() != done.Size {
		return false, err
	}
	file, err := p.fs.Open(p.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	return done.describes(ctx, file)
}

// describes reports whether the file has the sum of the complete object.
func (c *complete) describes(ctx context.Context, file io.ReaderAt) (bool, error) {
	h := sha256.New()
	block := make([]byte, blockSize)
	for offset := int64(0); offset < c.Size; {
		if ctx.Err() != nil {
			return false, ContextError(ctx)
		}
		n, err := file.ReadAt(block, offset)
		h.Write(block[:n])
		offset += int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if n == 0 {
			break
		}
	}
	return hex.EncodeToString(h.Sum(nil)) == c.SHA256, nil
}

// open takes hold of the part.
func (p *part) open() error {
	file, err := p.fs.OpenLocked(p.name())
	if err != nil {
		return err
	}
	p.file = file
	return nil
}

// resume reports whether there is something to go on from, which is not so if
// the part does not have what the log tells.
func (p *part) resume() (bool, error) {
	info, err := p.file.Stat()
	if err != nil || p.known == nil {
		return false, err
	}
	got, size := p.logged.Ranges, p.known.Size
	if len(got) == 0 || got.end() > info.Size() || size >= 0 && got.end() > size || size < 0 && len(got) > 1 || !p.known.resumable() {
		p.forget()
		return false, nil
	}
	tail, err := p.tail(p.logged.Offset)
	if err != nil {
		return false, err
	}
	if tail != p.logged.Tail {
		p.forget()
		return false, nil
	}
	return true, nil
}

// tail returns the sum of the last bytes of the part before offset, nothing if
// there are none.
func (p *part) tail(offset int64) (string, error) {
	if offset == 0 {
		return "", nil
	}
	block := make([]byte, min(offset, tailSize))
	if n, err := p.file.ReadAt(block, offset-int64(len(block))); n < len(block) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s was cut off by somebody else", p.name())
		}
		return "", err
	}
	sum := sha256.Sum256(block)
	return hex.EncodeToString(sum[:]), nil
}

// begin starts over with o: an empty part, and a log that names o.
func (p *part) begin(o object) error {
	log, err := p.empty()
	if err != nil {
		return err
	}
	p.log = log
	p.known = &header{Version: logVersion, Identity: p.identity, object: o}
	if err := p.write(line{Object: p.known}); err != nil {
		return err
	}
	return p.fs.SyncDir(filepath.Dir(p.path))
}

// discard drops what an object that is no more has left.
func (p *part) discard() error {
	_, err := p.empty()
	return err
}

// empty empties the log and then the part: a log must never be found beside
// bytes that it does not tell of.
func (p *part) empty() (*durable.Log, error) {
	p.forget()
	log, err := durable.CreateLog(p.logFile)
	if err != nil {
		return nil, err
	}
	return log, p.file.Truncate(0)
}

// checkpoint makes what is fetched survive a crash.
func (p *part) checkpoint(f fetched) error {
	if p.log == nil || f.Offset == p.logged.Offset && slices.Equal(f.Ranges, p.logged.Ranges) {
		return nil
	}
	if err := p.file.Sync(); err != nil {
		// A second Sync may succeed although what the first could not write is lost.
		p.log = nil
		return err
	}
	tail, err := p.tail(f.Offset)
	if err != nil {
		return err
	}
	f.Tail = tail
	if err := p.write(line{Fetched: &f}); err != nil {
		return err
	}
	p.logged = f
	if p.log.Size() <= p.maxLog {
		return nil
	}
	return p.rewrite()
}

// rewrite replaces the log by a short one that tells the same: a line a second
// makes many megabytes of a slow night.
func (p *part) rewrite() error {
	if err := p.leads(p.logName(), p.logFile); err != nil {
		return err
	}
	file, log, err := p.writeAnew()
	if err == nil {
		err = p.fs.Rename(p.newLogName(), p.logName())
	}
	if err != nil {
		// The old one is as good as ever: on some systems an open file cannot be
		// replaced.
		if file != nil {
			_ = p.remove(p.newLogName(), file)
			_ = file.Close()
		}
		p.maxLog *= 2
		return nil
	}
	_ = p.logFile.Close()
	p.logFile, p.log = file, log
	return p.fs.SyncDir(filepath.Dir(p.path))
}

// writeAnew writes what the log tells into another file, which is held.
func (p *part) writeAnew() (durable.File, *durable.Log, error) {
	file, err := p.fs.OpenLocked(p.newLogName())
	if err != nil {
		return nil, nil, err
	}
	log, err := durable.CreateLog(file)
	if err != nil {
		return file, nil, err
	}
	for _, l := range []line{{Object: p.known}, {Fetched: &p.logged}} {
		if err := appendLine(log, l); err != nil {
			return file, nil, err
		}
	}
	return file, log, nil
}

// finish puts the complete part, of which sum is the SHA-256, in its place.
func (p *part) finish(size int64, sum string) error {
	if err := p.held(); err != nil {
		return err
	}
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < size {
		return fmt.Errorf("%s was cut off by somebody else", p.name())
	}
	// An earlier call may have written more than it logged.
	if err := p.file.Truncate(size); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	done := &complete{Size: size, SHA256: sum}
	if err := p.write(line{Complete: done}); err != nil {
		return err
	}
	p.done = done
	return p.place()
}

// held fails if what has the names of part and log is not what we hold: if
// somebody removed those, another call may be at work on files of these names.
func (p *part) held() error {
	if err := p.leads(p.name(), p.file); err != nil {
		return err
	}
	return p.leads(p.logName(), p.logFile)
}

func (p *part) leads(name string, file durable.File) error {
	ok, err := p.fs.Leads(name, file)
	if err == nil && !ok {
		p.forget()
		err = fmt.Errorf("%s was renamed or removed by somebody else", name)
	}
	return err
}

// place renames the part and removes the log, each for good before the next.
func (p *part) place() error {
	if err := p.held(); err != nil {
		return err
	}
	// Somebody may have put a link there since we looked.
	if _, err := p.regular(p.path); err != nil {
		return err
	}
	if err := p.fs.Rename(p.name(), p.path); err != nil {
		return err
	}
	return p.tidy(false)
}

// tidy removes what is not needed beside the complete file at path.
func (p *part) tidy(removePart bool) error {
	// The name first: without it the log is all there is.
	if err := p.fs.SyncDir(filepath.Dir(p.path)); err != nil {
		return err
	}
	if removePart {
		if err := p.fs.Remove(p.name()); err != nil {
			return err
		}
	}
	if err := p.removeNewLog(); err != nil {
		return err
	}
	if err := p.remove(p.logName(), p.logFile); err != nil {
		return err
	}
	p.placed = true
	// The file is there for good. If the log comes back, the next call finds that
	// nothing is left to be done.
	_ = p.fs.SyncDir(filepath.Dir(p.path))
	return nil
}

// remove removes a file that we hold, and not another one of its name.
func (p *part) remove(name string, file durable.File) error {
	if ok, err := p.fs.Leads(name, file); err != nil || !ok {
		return err
	}
	return p.fs.Remove(name)
}

// write appends l to the log, for good.
func (p *part) write(l line) error {
	return appendLine(p.log, l)
}

func appendLine(log *durable.Log, l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := log.Append(text); err != nil {
		return err
	}
	return log.Sync()
}

// close lets go of the files. It leaves none behind that tell nothing.
func (p *part) close() error {
	if !p.placed && isEmpty(p.logFile) {
		if p.file != nil && isEmpty(p.file) {
			_ = p.remove(p.name(), p.file)
		}
		_ = p.remove(p.logName(), p.logFile)
	}
	if p.file != nil {
		_ = p.file.Close()
	}
	return p.logFile.Close()
}

func isEmpty(f durable.File) bool {
	info, err := f.Stat()
	return err == nil && info.Size() == 0
}
