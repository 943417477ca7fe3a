package partfile

import (
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"hash"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A line of the log has one of these fields.
type line struct {
	Object   *Header   `json:"object,omitempty"`
	Fetched  *Fetched  `json:"fetched,omitempty"`
	Complete *Complete `json:"complete,omitempty"`
}

// A Header is the first line. It names the object.
type Header struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"`
	Object
}

const logVersion = 1

// A Fetched line holds the ranges that are in the part, disjoint and in order, and
// how far the part is hashed from the start.
type Fetched struct {
	Ranges Spans `json:"ranges"`
	Mark
}

// A Mark is an offset in the object, and the state of the SHA-256 there.
type Mark struct {
	Offset int64  `json:"hashed"`
	State  []byte `json:"sha256_state"`
	Tail   string `json:"tail_sha256,omitempty"` // the SHA-256 of the tailSize bytes before Offset
}

// tailSize is the number of bytes before a mark that identify a part.
const tailSize = 64 << 10

// replay reads the log. It ignores a log that is damaged, that names another object,
// or that this version cannot read. Such a log stays on the disk until Begin
// replaces it.
func (p *Part) replay() error {
	first, usable := true, true
	log, err := durable.OpenLog(p.logFile, func(text []byte) error {
		var l line
		switch err := json.Unmarshal(text, &l); {
		case err != nil:
			usable = false
		case first:
			p.Known = l.Object
		case l.Fetched != nil && l.Fetched.valid():
			p.Logged = *l.Fetched
		case l.Complete != nil:
			p.Done = l.Complete
		default:
			usable = false
		}
		first = false
		return nil
	})
	if err != nil && !errors.Is(err, durable.ErrDamaged) {
		return err
	}
	if err == nil && usable && p.Known != nil && p.Known.Version == logVersion && strings.EqualFold(p.Known.Identity, p.identity) {
		p.log = log
		return nil
	}
	p.forget()
	return nil
}

// valid reports whether the ranges are valid and cover the hashed bytes.
func (f *Fetched) valid() bool {
	_, err := f.Hash()
	return err == nil && f.Ranges.valid() && f.Ranges.Head() > 0 && f.Offset >= 0 && f.Offset <= f.Ranges.Head()
}

// Hash returns a SHA-256 that continues from the mark.
func (m Mark) Hash() (hash.Hash, error) {
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

// MarkOf returns the mark of a SHA-256 that has read the bytes before an offset.
func MarkOf(h hash.Hash, offset int64) (Mark, error) {
	state, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return Mark{}, errors.ErrUnsupported
	}
	text, err := state.MarshalBinary()
	return Mark{Offset: offset, State: text}, err
}

func (p *Part) forget() { p.Known, p.Logged, p.Done, p.log = nil, Fetched{}, nil, nil }

// Checkpoint makes the fetched ranges survive a crash: it syncs the part, then logs
// them.
func (p *Part) Checkpoint(f Fetched) error {
	if p.log == nil || f.Offset == p.Logged.Offset && slices.Equal(f.Ranges, p.Logged.Ranges) {
		return nil
	}
	if err := p.File.Sync(); err != nil {
		// Log nothing more: a second Sync may succeed although the first has lost bytes.
		p.log = nil
		return err
	}
	tail, err := p.tail(f.Offset)
	if err != nil {
		return err
	}
	f.Tail = tail
	if err := appendLine(p.log, line{Fetched: &f}); err != nil {
		return err
	}
	p.Logged = f
	if p.log.Size() <= p.maxLog {
		return nil
	}
	return p.rewrite()
}

// rewrite replaces the log by a short log with the same content: two lines a second
// make many megabytes in a slow night.
func (p *Part) rewrite() error {
	if err := p.checkName(p.logName(), p.logFile); err != nil {
		return err
	}
	file, log, err := p.writeNewLog()
	if err == nil {
		err = p.fs.Rename(p.newLogName(), p.logName())
	}
	if err != nil {
		// Continue the old log: some systems cannot replace an open file.
		if file != nil {
			_ = p.remove(p.newLogName(), file)
			_ = file.Close()
		}
		p.maxLog *= 2
		return nil
	}
	_ = p.logFile.Close()
	p.logFile, p.log = file, log
	return p.syncFolder()
}

// writeNewLog writes the content of the log to the new log, and locks the new log.
func (p *Part) writeNewLog() (durable.File, *durable.Log, error) {
	file, err := p.fs.OpenLocked(p.newLogName())
	if err != nil {
		return nil, nil, err
	}
	log, err := durable.CreateLog(file)
	if err != nil {
		return file, nil, err
	}
	for _, l := range []line{{Object: p.Known}, {Fetched: &p.Logged}} {
		if err := appendLine(log, l); err != nil {
			return file, nil, err
		}
	}
	return file, log, nil
}

// appendLine appends l to the log and syncs the log.
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
