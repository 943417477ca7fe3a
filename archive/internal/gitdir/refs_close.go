package gitdir

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// closeRefs checks refs against each other and against the objects.
func (c *Checker) closeRefs(report func(name string, err error)) {
	if c.unsorted {
		c.closeDuplicates(report)
	}
	c.dropOverridden()
	c.closeSymbolic(report)
	for _, t := range c.tips {
		if t.from <= fromPacked && c.isParent(t.ref) {
			c.reportTip(t, report, errBelow)
		}
	}
	if !c.uncertain { // otherwise the reason was reported
		c.closeTips(report)
	}
}

var errBelow = errors.New("other refs are below this ref")

// dropOverridden drops the refs in packed-refs that are also loose. Git reads only the
// loose ref, so that the object in packed-refs may be missing.
func (c *Checker) dropOverridden() {
	loose := make(map[uint64]struct{}, len(c.loose)+len(c.symbolic))
	for _, name := range c.loose {
		loose[c.hash(name)] = struct{}{}
	}
	for name := range c.symbolic {
		loose[c.hash(name)] = struct{}{}
	}
	c.tips = slices.DeleteFunc(c.tips, func(t tip) bool {
		_, overridden := loose[t.ref]
		overridden = overridden && (t.from == fromPacked || t.from == fromPeeled)
		if overridden && t.from == fromPacked {
			c.stats.Refs--
		}
		return overridden
	})
}

// closeSymbolic follows the refs that point to other refs.
func (c *Checker) closeSymbolic(report func(string, error)) {
	endExists := make(map[uint64]bool, len(c.symbolic)) // the ends of chains, by hashed name
	branches := make(map[uint64]bool)                   // the ends that must be commits
	for name := range c.symbolic {
		end, _ := c.follow(name)
		endExists[c.hash(end)] = false
		branches[c.hash(end)] = branches[c.hash(end)] || strings.HasPrefix(name, "refs/heads/")
	}
	for i, t := range c.tips {
		if _, ok := endExists[t.ref]; ok && t.from <= fromPacked {
			endExists[t.ref] = true
			c.tips[i].commit = t.commit || branches[t.ref]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.symbolic)) {
		switch end, ok := c.follow(name); {
		case !ok:
			report(name, errors.New("its chain of symbolic refs loops or is too long"))
		case name == "HEAD" && !strings.HasPrefix(end, "refs/heads/"):
			report(name, fmt.Errorf("it points to %.80q, which is not a branch", end))
		case name == "HEAD": // A new repository does not have its branch yet.
		case !endExists[c.hash(end)]:
			report(name, fmt.Errorf("it points to %.80q, which is missing", end))
		case c.isParent(c.hash(name)):
			report(name, errBelow)
		}
	}
}

// follow returns the ref at the end of a chain of symbolic refs. ok is false for a
// chain that is longer than Git accepts.
func (c *Checker) follow(name string) (end string, ok bool) {
	const maxDepth = 5
	for range maxDepth {
		target, symbolic := c.symbolic[name]
		if !symbolic {
			return name, true
		}
		name = target
	}
	return "", false
}

// closeDuplicates looks for refs that packed-refs has twice. Git does not clone such a
// repository.
func (c *Checker) closeDuplicates(report func(string, error)) {
	seen := make(map[uint64]struct{}, len(c.tips))
	for _, t := range c.tips {
		if t.from != fromPacked {
			continue
		}
		if _, ok := seen[t.ref]; ok {
			c.reportTip(t, report, errors.New("an earlier line has the same ref"))
		}
		seen[t.ref] = struct{}{}
	}
}

// The states of an object that a tip names.
const (
	missing = iota
	present
	notCommit
)

// closeTips looks for the objects of tips.
func (c *Checker) closeTips(report func(string, error)) {
	found := make(map[uint64]byte, len(c.tips))
	for _, t := range c.tips {
		found[t.object] = missing
	}
	for _, piece := range c.objects {
		for _, object := range piece {
			id := object &^ notCommitBit
			if state, ok := found[id]; ok && state == missing {
				found[id] = present
				if object != id {
					found[id] = notCommit
				}
			}
		}
	}
	for i, t := range c.tips {
		if t.from == fromPeeled && i > 0 && found[c.tips[i-1].object] == present {
			found[c.tips[i-1].object] = notCommit // an annotated tag
		}
	}
	for _, t := range c.tips {
		switch found[t.object] {
		case missing:
			c.reportTip(t, report, errors.New("the object is missing"))
		case notCommit:
			if t.commit {
				c.reportTip(t, report, errors.New("the object is not a commit"))
			}
		}
	}
}

// reportTip reports what is wrong with a tip, with its file and line.
func (c *Checker) reportTip(t tip, report func(string, error), err error) {
	switch t.from {
	case fromLoose:
		report(c.loose[t.where], err)
	case fromShallow:
		report("shallow", fmt.Errorf("line %d: %w", t.where, err))
	default:
		report("packed-refs", fmt.Errorf("line %d: %w", t.where, err))
	}
}
