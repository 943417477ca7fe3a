package cli

import (
	"errors"
	"strings"
)

// A nameList is a flag with a list of names: separated by commas, or one per line, as
// ghmigrate prints them.
type nameList []string

// String implements [pflag.Value].
func (n *nameList) String() string { return strings.Join(*n, ",") }

// Type implements [pflag.Value].
func (n *nameList) Type() string { return "names" }

// Set implements [pflag.Value]. It adds the names to the list, and skips empty lines.
func (n *nameList) Set(text string) error {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if name == "" {
				return errors.New("a name is empty")
			}
			*n = append(*n, name)
		}
	}
	return nil
}
