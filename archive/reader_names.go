package archive

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// names turns the names of a tar into the names of GitHub's layout: without "./", and
// without the wrapping directory.
//
// The first schema.json or file of records is evidence: it is at the top, or directly
// in the wrapping directory. Large repositories may come before it. Until there is
// evidence, a directory counts as the wrapping directory if a name of GitHub's top
// level is in it.
type names struct {
	wrapper string   // the wrapping directory, with a slash; may be empty
	proven  bool     // there is evidence for wrapper
	flat    bool     // there is evidence that no directory wraps the archive
	tops    []string // the names at the top before there was evidence
	wrong   []*Fault // entries that got a wrong name before there was evidence
}

const (
	// maxName bounds a name, in bytes. Linux has the same limit for paths; a name in a
	// tar may have a mebibyte.
	maxName = 4096
	// maxParts bounds the parts of a name between slashes, because each part may cost
	// a directory. GitHub limits the names of refs to 255 bytes.
	maxParts = 255
	// maxPart bounds a part of a name, in bytes. No system has a higher limit.
	maxPart = 255
	// maxTops bounds names.tops.
	maxTops = 100
)

// rootName is the name of the root of the tar, and of the wrapping directory. They are
// not entries.
const rootName = "."

// resolve returns the name of an entry in GitHub's layout. The error says why the
// name is refused; the result is then the name in the tar, which may be shortened.
func (n *names) resolve(name string, regular bool) (string, error) {
	clean := path.Clean(name)
	switch {
	case name == "":
		return "", errors.New("the name is empty")
	case strings.HasPrefix(name, "/"):
		return shorten(name), errAbsolute
	case strings.Contains("/"+name+"/", "/../"):
		return shorten(name), errParent
	case len(name) > maxName:
		return shorten(clean), fmt.Errorf("the name has %d bytes, more than %d", len(name), maxName)
	case strings.Count(clean, "/") >= maxParts:
		return shorten(clean), fmt.Errorf("the name has more than %d parts", maxParts)
	}
	n.learn(clean, regular)
	switch {
	case clean == rootName, clean+"/" == n.wrapper:
		return rootName, nil
	case n.proven && !strings.HasPrefix(clean, n.wrapper):
		return clean, errBeside
	default:
		return strings.TrimPrefix(clean, n.wrapper), nil
	}
}

// An outsideError refuses a name that is not in GitHub's layout. Whatever directories
// such a name has, its entry does not belong to a repository.
type outsideError string

const (
	errAbsolute outsideError = "the name is absolute"
	errParent   outsideError = `the name contains ".."`
	errBeside   outsideError = "outside the wrapping directory"
)

// Error returns the reason.
func (e outsideError) Error() string { return string(e) }

// learn looks in a name for the wrapping directory and for evidence.
func (n *names) learn(clean string, regular bool) {
	if n.flat {
		return
	}
	top, rest, _ := strings.Cut(clean, "/")
	next, _, _ := strings.Cut(rest, "/")
	switch {
	case regular && isEvidence(clean):
		if n.wrapper != "" {
			err := fmt.Errorf("treated as the wrapping directory, but %s is outside of it", clean)
			n.wrong = append(n.wrong, &Fault{Entry: strings.TrimSuffix(n.wrapper, "/"), Offset: -1, Err: err})
		}
		*n = names{flat: true, wrong: n.wrong}
		return
	case n.proven:
		return
	case regular && !isTop(top) && isEvidence(rest):
		n.proven, n.wrapper = true, top+"/"
		for _, name := range n.tops {
			if name != top {
				n.wrong = append(n.wrong, &Fault{Entry: name, Offset: -1, Err: errBeside})
			}
		}
		n.tops = nil
		return
	case n.wrapper == "" && !isTop(top) && isTop(next):
		n.wrapper = top + "/"
	}
	if top != rootName && !slices.Contains(n.tops, top) && len(n.tops) < maxTops {
		n.tops = append(n.tops, strings.Clone(top))
	}
}

// mayWrap reports whether a directory may turn out to be the wrapping directory.
func (n *names) mayWrap(dir string) bool {
	return n.wrapper == "" && !n.flat && !strings.Contains(dir, "/") && !isTop(dir)
}
