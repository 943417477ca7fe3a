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

// A Complete line is the last line of a log. It describes the complete object.
type Complete struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// FinishLogged finishes a file that an earlier call has logged as complete. It
// returns nil if the log is not complete, or if the part is not the logged file.
func (p *Part) FinishLogged(ctx context.Context) (*Complete, error) {
	done := p.Done
	if done == nil {
		return nil, nil
	}
	info, err := p.lstat(p.Name())
	if err != nil {
		return nil, err
	}
	if info != nil && info.Size() == done.Size {
		if complete, err := p.openComplete(ctx, done); err != nil {
			return nil, err
		} else if complete {
			return done, p.place()
		}
	}
	// The earlier call may have renamed the part and not yet removed the log.
	if placed, err := p.isAtPath(ctx, done); err != nil || !placed {
		p.forget()
		return nil, err
	}
	return done, p.tidy(info != nil)
}

// openComplete opens the part and reports whether it has the logged checksum: another
// program may have replaced it. If it has another checksum, openComplete closes it.
func (p *Part) openComplete(ctx context.Context, done *Complete) (bool, error) {
	if err := p.OpenPart(); err != nil {
		return false, err
	}
	same, err := done.matches(ctx, p.File)
	if err != nil || same {
		return same, err
	}
	file := p.File
	p.File = nil
	return false, file.Close()
}

// isAtPath reports whether the file at path has the logged checksum.
func (p *Part) isAtPath(ctx context.Context, done *Complete) (bool, error) {
	info, err := p.lstat(p.path)
	if err != nil || info == nil || info.Size() != done.Size {
		return false, err
	}
	file, err := p.fs.Open(p.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	return done.matches(ctx, file)
}

// matches reports whether the file has the checksum of the complete object.
func (c *Complete) matches(ctx context.Context, file io.ReaderAt) (bool, error) {
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

// Finish logs that the part is complete, and renames it to its path. sum is the
// SHA-256 of the part.
func (p *Part) Finish(size int64, sum string) error {
	if err := p.checkNames(); err != nil {
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
	if err := appendLine(p.log, line{Complete: done}); err != nil {
		return err
	}
	p.Done = done
	return p.place()
}

// checkNames fails unless the names of the part and the log still lead to the open
// files. Another call may have created other files of these names.
func (p *Part) checkNames() error {
	if err := p.checkName(p.Name(), p.File); err != nil {
		return err
	}
	return p.checkName(p.logName(), p.logFile)
}

func (p *Part) checkName(name string, file durable.File) error {
	ok, err := p.fs.Leads(name, file)
	if err == nil && !ok {
		p.forget()
		err = fmt.Errorf("%s was renamed or removed by another program", name)
	}
	return err
}

// place renames the part to its path, syncs the folder, and removes the log.
func (p *Part) place() error {
	if err := p.checkNames(); err != nil {
		return err
	}
	// Another program may have created a link at path since Open.
	if _, err := p.lstat(p.path); err != nil {
		return err
	}
	if err := p.fs.Rename(p.Name(), p.path); err != nil {
		return err
	}
	return p.tidy(false)
}

// tidy removes the log and other files beside the complete file at path.
func (p *Part) tidy(removePart bool) error {
	// The new name must survive a crash before the log is removed.
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
	// If a crash restores the log, the next call finds the complete file and removes
	// the log again.
	_ = p.fs.SyncDir(filepath.Dir(p.path))
	return nil
}

// syncFolder makes the names in the folder survive a crash. It only logs a warning if
// the folder can never be synced: the bytes of the files are synced.
func (p *Part) syncFolder() error {
	err := p.fs.SyncDir(filepath.Dir(p.path))
	if durable.CannotSync(err) {
		p.logger.Warn("folder cannot be synced", "error", err, "path", p.path)
		return nil
	}
	return err
}

// remove removes an open file. It leaves another file of the same name alone.
func (p *Part) remove(name string, file durable.File) error {
	if ok, err := p.fs.Leads(name, file); err != nil || !ok {
		return err
	}
	return p.fs.Remove(name)
}
