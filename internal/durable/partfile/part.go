package partfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A Part is a file that is being fetched, and the log of how far it is.
//
// The lock of the log protects everything: the log is locked first and removed
// last. The part is locked too, against programs that do not know of the log.
type Part struct {
	fs       durable.FS
	path     string // of the complete file
	identity string
	maxLog   int64 // bytes of the log, before it is written anew
	logger   *slog.Logger

	logFile durable.File
	log     *durable.Log // nil while the log in logFile is not to be continued
	File    durable.File // nil until open

	Known  *Header   // what an earlier call has left, nil if that is of no use
	Logged Fetched   // how much that is, and later how much this call has logged
	Done   *Complete // set when the object is complete
	placed bool      // whether it is at path, and nothing else is left
}

// Name returns the name of the part.
func (p *Part) Name() string { return p.path + ".part" }

func (p *Part) logName() string { return p.path + ".part.log" }

// newLogName is where the log is written anew, before that takes the log's name.
func (p *Part) newLogName() string { return p.path + ".part.log.new" }

// Open takes hold of what belongs to path, and reads how far an earlier
// call got. It refuses a path that must not be replaced.
func Open(fsys durable.FS, path, identity string, maxLog int64, logger *slog.Logger) (*Part, error) {
	p := &Part{fs: fsys, path: path, identity: identity, maxLog: maxLog, logger: logger}
	for _, name := range []string{path, p.Name(), p.logName(), p.newLogName()} {
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
		return nil, errors.Join(err, p.Close())
	}
	if err := p.removeNewLog(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// removeNewLog removes a new log that has not taken the log's name, because an
// earlier call died before that.
func (p *Part) removeNewLog() error {
	info, err := p.regular(p.newLogName())
	if err != nil || info == nil {
		return err
	}
	return p.fs.Remove(p.newLogName())
}

// regular describes name. It returns nil if name is missing, and fails unless it
// is a regular file.
func (p *Part) regular(name string) (fs.FileInfo, error) {
	info, err := p.fs.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return info, durable.Regular(name, info)
}

// Hold opens and locks the part.
func (p *Part) Hold() error {
	file, err := p.fs.OpenLocked(p.Name())
	if err != nil {
		return err
	}
	p.File = file
	return nil
}

// Resume reports whether an earlier call has left bytes of use. That is not so if
// the part does not have what the log tells.
func (p *Part) Resume() (bool, error) {
	info, err := p.File.Stat()
	if err != nil || p.Known == nil {
		return false, err
	}
	got, size := p.Logged.Ranges, p.Known.Size
	if len(got) == 0 || got.End() > info.Size() || size >= 0 && got.End() > size || size < 0 && len(got) > 1 || !p.Known.Resumable() {
		p.forget()
		return false, nil
	}
	tail, err := p.tail(p.Logged.Offset)
	if err != nil {
		return false, err
	}
	if tail != p.Logged.Tail {
		p.forget()
		return false, nil
	}
	return true, nil
}

// tail returns the sum of the last bytes of the part before offset, an empty string
// at 0.
func (p *Part) tail(offset int64) (string, error) {
	if offset == 0 {
		return "", nil
	}
	block := make([]byte, min(offset, tailSize))
	if n, err := p.File.ReadAt(block, offset-int64(len(block))); n < len(block) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s was truncated by another program", p.Name())
		}
		return "", err
	}
	sum := sha256.Sum256(block)
	return hex.EncodeToString(sum[:]), nil
}

// Begin starts over with o: it empties the part, and writes a log that names o.
func (p *Part) Begin(o Object) error {
	log, err := p.empty()
	if err != nil {
		return err
	}
	p.log = log
	p.Known = &Header{Version: logVersion, Identity: p.identity, Object: o}
	if err := p.write(line{Object: p.Known}); err != nil {
		return err
	}
	return p.syncFolder()
}

// Discard empties the part and the log, because the object has changed.
func (p *Part) Discard() error {
	_, err := p.empty()
	return err
}

// empty empties the log and then the part, so that the log never tells of bytes
// that are gone.
func (p *Part) empty() (*durable.Log, error) {
	p.forget()
	log, err := durable.CreateLog(p.logFile)
	if err != nil {
		return nil, err
	}
	return log, p.File.Truncate(0)
}

// Close closes the files, and removes them if they are empty.
func (p *Part) Close() error {
	if !p.placed && isEmpty(p.logFile) {
		if p.File != nil && isEmpty(p.File) {
			_ = p.remove(p.Name(), p.File)
		}
		_ = p.remove(p.logName(), p.logFile)
	}
	if p.File != nil {
		_ = p.File.Close()
	}
	return p.logFile.Close()
}

func isEmpty(f durable.File) bool {
	info, err := f.Stat()
	return err == nil && info.Size() == 0
}
