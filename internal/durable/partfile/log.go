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

// A header is the first line: what is being fetched.
type Header struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"`
	Object
}

const logVersion = 1

// A fetched line holds the disjoint ranges that are in the part, in order, and
// how far it has been hashed from the start.
type Fetched struct {
	Ranges Spans `json:"ranges"`
	Mark
}

// A mark is a place in the object and the state of its hash there.
type Mark struct {
	Offset int64  `json:"hashed"`
	State  []byte `json:"sha256_state"`
	Tail   string `json:"tail_sha256,omitempty"` // of the last bytes before it
}

// tailSize is how many bytes before a mark tell whether a part is the one that
// the log is about.
const tailSize = 64 << 10

// replay reads the log. One that is damaged, or of another object, or that
// this version cannot read, says nothing; it is left as it is until there is
// something better to write.
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

// valid reports whether the ranges make sense and cover what was hashed.
func (f *Fetched) valid() bool {
	_, err := f.Hash()
	return err == nil && f.Ranges.valid() && f.Ranges.Head() > 0 && f.Offset >= 0 && f.Offset <= f.Ranges.Head()
}

// hash returns a SHA-256 in the state of the mark.
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

// checkpoint makes what is fetched survive a crash.
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

// rewrite replaces the log by a short one that tells the same: a line a second
// makes many megabytes of a slow night.
func (p *Part) rewrite() error {
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
	return p.syncFolder()
}

// writeAnew writes what the log tells into another file, which is held.
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

// write appends l to the log, for good.
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
