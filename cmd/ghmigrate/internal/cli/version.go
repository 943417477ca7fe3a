package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// A buildInfo describes the build of the program.
type buildInfo struct {
	Version  string `json:"version"` // "(devel)" if not built from a release
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// version is set by the linker for releases. Other builds have it in their build info.
var version string

func readBuildInfo() buildInfo {
	b := buildInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if version != "" {
		b.Version = version
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

// buildVersion is the version for the User-Agent.
func buildVersion() string { return strings.Trim(readBuildInfo().Version, "()") }

func (a *app) version() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version and how the program was built",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuildInfo()
			line := "ghmigrate " + b.Version
			if b.Revision != "" {
				line += " (" + b.Revision
				if b.Modified {
					line += ", modified"
				}
				if b.Time != "" {
					line += ", " + b.Time
				}
				line += ")"
			}
			return a.print(line+" "+b.Go+" "+b.Platform, b)
		},
	}
	return a.jsonFlag(cmd, "the version")
}

func (a *app) man(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the man pages into a folder",
		Example: "  ghmigrate man /usr/local/share/man/man1",
		Args:    exactly(1, "a folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // man pages are for all
				return err
			}
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Title: "GHMIGRATE", Section: "1", Source: "ghmigrate", Manual: "ghmigrate"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			return a.print(filepath.Join(args[0], "ghmigrate.1"), nil)
		},
	}
}
