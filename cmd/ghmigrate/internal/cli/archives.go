package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/internal/report"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// isArchive reports whether a path or URL is one of an archive. Everything else names
// a run, or a folder or bucket of runs.
func isArchive(name string) bool {
	if isManifest(name) {
		return false
	}
	if backups.IsURL(name) {
		base := baseName(name)
		return strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz")
	}
	info, err := os.Stat(name)
	return err != nil || !info.IsDir()
}

// isManifest reports whether a path or URL is one of a manifest.
func isManifest(name string) bool { return baseName(name) == "manifest.json" }

// baseName returns the last element of a path or of a URL's path.
func baseName(name string) string {
	if backups.IsURL(name) {
		name, _, _ = strings.Cut(name, "?")
		return path.Base(name)
	}
	return filepath.Base(name)
}

// beside returns the path or URL of another file in the same folder.
func beside(name, base string) string {
	if !backups.IsURL(name) {
		return filepath.Join(filepath.Dir(name), base)
	}
	location, query, hasQuery := strings.Cut(name, "?")
	location = location[:strings.LastIndex(location, "/")+1] + base
	if hasQuery {
		location += "?" + query
	}
	return location
}

// complainFaults prints the faults of an archive to standard error.
func (a *app) complainFaults(name string, faults []report.Fault, more int) {
	var lines []string
	for _, f := range faults {
		lines = append(lines, table.Printable(f.Text)) // names come from the archive
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	a.complain(fmt.Sprintf("%s has faults", name), indented(lines)...)
}

// openArchive opens an archive by its path or URL; - is standard input.
func (a *app) openArchive(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	return backups.OpenObject(ctx, name)
}

// checkSHA256 checks the value of --sha256.
func checkSHA256(sum string, archives int) error {
	if sum == "" {
		return nil
	}
	if archives != 1 {
		return misused("--sha256 is for a single archive")
	}
	if data, err := hex.DecodeString(sum); err != nil || len(data) != 32 {
		return misused("--sha256 is %q: want 64 hexadecimal digits", sum)
	}
	return nil
}
