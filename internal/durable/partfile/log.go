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

// A line of the log is one of these.
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

// A Fetched line holds the disjoint ranges that are in the part, in order, and how
// far the part has been hashed from the start.
type Fetched struct {
	Ranges Spans `json:"ranges"`
	Mark
}

// A Mark is a place in the object and the state of its SHA-256 there.
type Mark struct {
	Offset int64  `json:"hashed"`
	State  []byte `json:"sha256_state"`
	Tail   string `json:"tail_sha256,omitempty"` // of the last bytes before it
}

// tailSize is the number of bytes before a mark by which a part is recognized.
const tailSize = 64 << 10

// replay reads the log. A log that is damaged, or of another object, or that this
// version cannot read is ignored. It stays as it is until there is something to
// write.
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

// valid reports whether the ranges are well-formed and cover the hashed bytes.
func (f *Fetched) valid() bool {
	_, err := f.Hash()
	return err == nil && f.Ranges.valid() && f.Ranges.Head() > 0 && f.Offset >= 0 && f.Offset <= f.Ranges.Head()
}

// Hash returns a SHA-256 in the state of the mark.
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

// MarkOf returns the mark of a SHA-256 that has read up to an offset.
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
	p.Logged = f
	if p.log.Size() <= p.maxLog {
		return nil
	}
	return p.rewrite()
}

// rewrite replaces the log by a short one with the same content: a line a second
// makes many megabytes in a slow night.
func (p *Part) rewrite() error {
	if err := p.leads(p.logName(), p.logFile); err != nil {
		return err
	}
	file, log, err := p.writeAnew()
	if err == nil {
		err = p.fs.Rename(p.newLogName(), p.logName())
	}
	if err != nil {
		// The old log is still valid: on some systems an open file cannot be replaced.
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

// writeAnew writes the content of the log into another file, and locks that.
func (p *Part) writeAnew() (durable.File, *durable.Log, error) {
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

// write appends l to the log and syncs it.
func (p *Part) write(l line) error {
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
