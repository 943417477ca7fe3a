package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// An extractedRef is a file that is extracted only if it holds a ref: a branch may be
// named config, and Git must not find commands in the file.
type extractedRef struct {
	x    *extraction
	name string // in the repository
	text []byte
	size int64
	file *extractedFile // nil if the ref goes to packed-refs

	// For a ref that goes to packed-refs.
	repo    *extractedRepository
	refused *Fault // why the ref cannot be a file
}

// A packedRef is a ref that goes to packed-refs, because no file can have its name.
type packedRef struct {
	name, digits string
}

// maxRefs bounds the bytes of refs that wait for packed-refs.
const maxRefs = 16 << 20

// isBelowRefs reports whether an entry can go to packed-refs, or is a directory of
// such entries.
func isBelowRefs(e *Entry) bool {
	name := insideBare(e)
	return e.Kind == KindGit && name != "HEAD" && isRef(name) && checkBareDir(e) == nil
}

// Write keeps the content.
func (r *extractedRef) Write(p []byte) (int, error) {
	r.text = append(r.text, p[:min(len(p), gitdir.MaxRef+1-len(r.text))]...)
	return len(p), nil
}

// Close writes the ref, or removes the file.
func (r *extractedRef) Close() error {
	object, target, err := gitdir.ParseRef(r.name, r.text)
	broken := err != nil || int64(len(r.text)) < r.size // verify has reported it
	if r.file != nil {
		text := object + "\n"
		if target != "" {
			text = "ref: " + target + "\n"
		}
		r.file.missing = int64(len(text))
		if !broken {
			io.WriteString(r.file, text) //nolint:errcheck // Close returns the error
		}
		return r.file.Close()
	}
	const overhead = 64
	room := r.x.refBudget - len(r.name) - len(object) - overhead
	switch {
	case broken:
	case object == "", room < 0: // A symbolic ref cannot be packed.
		r.x.faults.add(r.refused)
	default:
		r.x.refBudget = room
		r.repo.refs = append(r.repo.refs, packedRef{r.name, object})
	}
	return nil
}

// packRefs rewrites packed-refs with additional refs, which replace lines of the same
// name. The header has no traits, so that Git sorts the refs and looks up the objects
// of tags itself.
func (x *extraction) packRefs(dir string, refs []packedRef) error {
	name := path.Join(dir, "packed-refs")
	var old io.Reader = bytes.NewReader(nil)
	if f, err := x.root.Open(name); err == nil {
		defer func() { _ = f.Close() }()
		old = f
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made := name + ".new" // Git uses the same temporary name
	f, err := x.root.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = addRefs(w, old, refs)
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return errors.Join(err, x.root.Remove(made))
	}
	return x.root.Rename(made, name)
}

var errPackedRefs = errors.New("too damaged to add refs that cannot be files here")

// addRefs copies the lines of packed-refs to w, and adds refs.
func addRefs(w *bufio.Writer, packed io.Reader, refs []packedRef) error {
	moved := make(map[string]bool, len(refs))
	for _, ref := range refs {
		moved[ref.name] = true
	}
	w.WriteString("# pack-refs with: \n") //nolint:errcheck // Flush returns the error
	lines := bufio.NewReaderSize(packed, 64<<10)
	skip := false
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
			return errPackedRefs
		}
		if err != nil {
			return err
		}
		// A line with "^" belongs to the ref before it.
		if line[0] != '^' {
			_, name, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
			skip = line[0] == '#' || moved[string(name)]
		}
		if !skip {
			w.Write(line) //nolint:errcheck // Flush returns the error
		}
	}
	for _, ref := range refs {
		fmt.Fprintf(w, "%s %s\n", ref.digits, ref.name)
	}
	return nil
}
