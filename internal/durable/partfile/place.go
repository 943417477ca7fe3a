package partfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A Complete line is the last one: it describes the whole object.
type Complete struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Settle finishes what an earlier call logged as complete. It returns nil if there
// is nothing of that kind.
func (p *Part) Settle(ctx context.Context) (*Complete, error) {
	done := p.Done
	if done == nil {
		return nil, nil
	}
	info, err := p.regular(p.Name())
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
	// Only the log was left to be removed, unless another program has replaced the
	// file since.
	if there, err := p.isAtPath(ctx, done); err != nil || !there {
		p.forget()
		return nil, err
	}
	return done, p.tidy(info != nil)
}

// isComplete opens the part, and reports whether it has the logged checksum:
// another program may have replaced it since. If not, the part is closed again.
func (p *Part) isComplete(ctx context.Context, done *Complete) (bool, error) {
	if err := p.Hold(); err != nil {
		return false, err
	}
	same, err := done.describes(ctx, p.File)
	if err != nil || same {
		return same, err
	}
	file := p.File
	p.File = nil
	return false, file.Close()
}

// isAtPath reports whether the file at path has the logged checksum.
func (p *Part) isAtPath(ctx context.Context, done *Complete) (bool, error) {
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
func (c *Complete) describes(ctx context.Context, file io.ReaderAt) (bool, error) {
	h := sha256.New()
	block := make([]byte, 512<<10)
	for offset := int64(0); offset < c.Size; {
		if ctx.Err() != nil {
			return false, ctx.Err()
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

// Finish puts the complete part, of which sum is the SHA-256, in its place.
func (p *Part) Finish(size int64, sum string) error {
	if err := p.held(); err != nil {
		return err
	}
	info, err := p.File.Stat()
	if err != nil {
		return err
	}
	if info.Size() < size {
		return fmt.Errorf("%s was truncated by another program", p.Name())
	}
	// An earlier call may have written more than it logged.
	if err := p.File.Truncate(size); err != nil {
		return err
	}
	if err := p.File.Sync(); err != nil {
		return err
	}
	done := &Complete{Size: size, SHA256: sum}
	if err := p.write(line{Complete: done}); err != nil {
		return err
	}
	p.Done = done
	return p.place()
}

// held fails if the names of part and log do not lead to the open files any more.
// Another call may be at work on other files of these names.
func (p *Part) held() error {
	if err := p.leads(p.Name(), p.File); err != nil {
		return err
	}
	return p.leads(p.logName(), p.logFile)
}

func (p *Part) leads(name string, file durable.File) error {
	ok, err := p.fs.Leads(name, file)
	if err == nil && !ok {
		p.forget()
		err = fmt.Errorf("%s was renamed or removed by another program", name)
	}
	return err
}

// place renames the part and removes the log, each for good before the next.
func (p *Part) place() error {
	if err := p.held(); err != nil {
		return err
	}
	// Another program may have put a link there since.
	if _, err := p.regular(p.path); err != nil {
		return err
	}
	if err := p.fs.Rename(p.Name(), p.path); err != nil {
		return err
	}
	return p.tidy(false)
}

// tidy removes the files beside the complete file at path.
func (p *Part) tidy(removePart bool) error {
	// The name first: without it the log is all there is.
	if err := p.syncFolder(); err != nil {
		return err
	}
	if removePart {
		if err := p.fs.Remove(p.Name()); err != nil {
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
	// If a crash brings the log back, the next call finds that nothing is left to be
	// done.
	_ = p.fs.SyncDir(filepath.Dir(p.path))
	return nil
}

// syncFolder makes the names in the folder survive a crash. If the folder cannot
// be synced at all, that is a warning: all bytes are synced.
func (p *Part) syncFolder() error {
	err := p.fs.SyncDir(filepath.Dir(p.path))
	if durable.CannotSync(err) {
		p.logger.Warn("folder cannot be synced", "error", err, "path", p.path)
		return nil
	}
	return err
}

// remove removes an open file, and not another one of its name.
func (p *Part) remove(name string, file durable.File) error {
	if ok, err := p.fs.Leads(name, file); err != nil || !ok {
		return err
	}
	return p.fs.Remove(name)
}
