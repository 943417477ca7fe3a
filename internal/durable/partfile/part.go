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

// A Part is a file that is being fetched, and its log.
//
// The lock of the log protects both files: the log is locked first and removed last.
// The part is locked too, against programs that do not know about the log.
type Part struct {
	fs       durable.FS
	path     string // of the complete file
	identity string
	maxLog   int64 // the log is rewritten when it has more bytes
	logger   *slog.Logger

	logFile durable.File
	log     *durable.Log // nil while the content of logFile is not used
	File    durable.File // nil until OpenPart

	Known  *Header   // the object of the log, nil if the log is not used
	Logged Fetched   // the latest ranges in the log, of an earlier call or this one
	Done   *Complete // set when the log calls the object complete
	placed bool      // whether the file is at path, and the log is removed
}

// Name returns the name of the part.
func (p *Part) Name() string { return p.path + ".part" }

func (p *Part) logName() string { return p.path + ".part.log" }

// newLogName returns the name of a rewritten log, before it is renamed over the log.
func (p *Part) newLogName() string { return p.path + ".part.log.new" }

// Open locks the log of the file at path, and reads how far an earlier call got. It
// fails if path, or the name of the part or the log, leads to a link or a folder.
func Open(fsys durable.FS, path, identity string, maxLog int64, logger *slog.Logger) (*Part, error) {
	p := &Part{fs: fsys, path: path, identity: identity, maxLog: maxLog, logger: logger}
	for _, name := range []string{path, p.Name(), p.logName(), p.newLogName()} {
		if _, err := p.lstat(name); err != nil {
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

// removeNewLog removes a rewritten log that was not renamed because an earlier call
// died.
func (p *Part) removeNewLog() error {
	info, err := p.lstat(p.newLogName())
	if err != nil || info == nil {
		return err
	}
	return p.fs.Remove(p.newLogName())
}

// lstat describes the regular file name. It returns nil if name is missing, and fails
// if name leads to anything but a regular file.
func (p *Part) lstat(name string) (fs.FileInfo, error) {
	info, err := p.fs.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return info, durable.Regular(name, info)
}

// OpenPart opens and locks the part, or creates it.
func (p *Part) OpenPart() error {
	file, err := p.fs.OpenLocked(p.Name())
	if err != nil {
		return err
	}
	p.File = file
	return nil
}

// Resume reports whether the bytes of an earlier call can be used. It compares the
// part with the log.
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

// tail returns the SHA-256 of the tailSize bytes before offset. It returns an empty
// string for offset 0.
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

// Begin empties the part, and writes a log that names o.
func (p *Part) Begin(o Object) error {
	log, err := p.empty()
	if err != nil {
		return err
	}
	p.log = log
	p.Known = &Header{Version: logVersion, Identity: p.identity, Object: o}
	if err := appendLine(p.log, line{Object: p.Known}); err != nil {
		return err
	}
	return p.syncFolder()
}

// Discard empties the part and the log, because the object has changed.
func (p *Part) Discard() error {
	_, err := p.empty()
	return err
}

// empty empties the log and then the part, so that the log never names bytes that are
// gone.
func (p *Part) empty() (*durable.Log, error) {
	p.forget()
	log, err := durable.CreateLog(p.logFile)
	if err != nil {
		return nil, err
	}
	return log, p.File.Truncate(0)
}

// Close closes the part and the log, and removes them if they are empty.
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
