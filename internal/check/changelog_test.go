package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestChangelogNamesIncompatibleChanges looks in the section Unreleased for the name of
// every feature whose line of api is gone. It compares api with the newest release, or,
// before the first release, with the newest commit that changed CHANGELOG.md. Without a
// history of Git, as in a shallow clone, it finds no changes.
func TestChangelogNamesIncompatibleChanges(t *testing.T) {
	checkout(t)
	tags, err := git(t, "tag", "--list", "v[0-9]*", "--sort=-creatordate") // a release is a commit on no branch
	base, _, _ := strings.Cut(tags, "\n")
	if base == "" {
		base, err = git(t, "log", "-1", "--format=%H", "--", "CHANGELOG.md")
	}
	if base == "" {
		t.Skip("no history of CHANGELOG.md: ", err)
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	require.NoError(t, err)
	baselines, err := filepath.Glob(filepath.Join("api", "*.txt"))
	require.NoError(t, err)
	for _, name := range baselines {
		before, err := git(t, "show", base+":"+filepath.ToSlash(name))
		if err != nil {
			continue // a new package
		}
		now, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, feature := range unmentioned(lines(before), lines(string(now)), string(changelog)) {
			t.Errorf("%s has lost this line since %s: %s\nThe section Unreleased of CHANGELOG.md must name it, and say why", name, base, feature)
		}
	}
}

// git returns the output of a Git command.
func git(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// lines returns the lines of a text.
func lines(text string) []string {
	return strings.Split(strings.TrimSpace(text), "\n")
}

var (
	unreleased = regexp.MustCompile(`(?s)\n## \[Unreleased\]\n(.*?)(\n## |$)`)

	// featureName matches a feature of api, up to the name that the change is about:
	// of a method, of a field, or else of the type, function, constant or variable.
	featureName = regexp.MustCompile(`^(?:method \(\*?\w+\) (\w+)|type \w+ struct, (?:embeds \S*\b)?(\w+)|\w+ (\w+))`)
)

// unmentioned returns the features that are gone, and whose names the section
// Unreleased of a changelog does not have. The features now are sorted.
func unmentioned(before, now []string, changelog string) []string {
	var section string
	if found := unreleased.FindStringSubmatch(changelog); found != nil {
		section = found[1]
	}
	var missing []string
	for _, feature := range without(before, now) {
		names := featureName.FindStringSubmatch(feature)
		if names == nil || !regexp.MustCompile(`\b`+strings.Join(names[1:], "")+`\b`).MatchString(section) {
			missing = append(missing, feature)
		}
	}
	return missing
}

func TestUnmentioned(t *testing.T) {
	before := []string{
		"const StatePending MigrationState = \"pending\"",
		"func Find(string) error",
		"method (*Client) Do(string) error",
		"type Client struct",
		"type Client struct, Host string",
		"type Client struct, embeds Options",
		"type Key, comparable",
		"var ErrGone error",
	}
	for name, c := range map[string]struct {
		now     []string
		section string
		missing []string
	}{
		"nothing changed": {before, "", nil},
		"all gone":        {nil, "", before},
		"all mentioned": {
			nil, "`StatePending`, `Find`, `Client.Do`, the fields `Host` and `Options` of `Client`, `Key`, and `ErrGone`: nobody used them.", nil,
		},
		"only another name": {nil, "`Finder`, `DoAll`, `Clients`, `Hosts`, `Option`, `Keys`, `ErrGoneAway`, `StatePendingNow`", before},
		"a new feature":     {append([]string{"const A untyped int = 1"}, before...), "", nil},
		"another signature": {
			[]string{before[0], "func Find(int) error", before[2], before[3], before[4], before[5], before[6], before[7]}, "", before[1:2],
		},
	} {
		t.Run(name, func(t *testing.T) {
			changelog := "# Changelog\n\n## [Unreleased]\n\n### Changed\n\n- " + c.section + "\n\n## [0.1.0]\n\n- `StatePending`, `Find`, `Do`, `Host`, `Options`, `Client`, `Key`, `ErrGone`\n"
			assert.Equal(t, c.missing, unmentioned(before, c.now, changelog))
		})
	}
}
