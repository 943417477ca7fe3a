package backups_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// finished returns a finished run that began daysAgo days ago. The name of a
// repository may have a suffix: "b!" is not exported, "c-releases" has no releases,
// and the archive of "d?" is missing.
func finished(daysAgo int, repositories ...string) *backups.Run {
	at := now.AddDate(0, 0, -daysAgo)
	run := &backups.Run{
		Account: "api.github.com/orgs/octo-org", Name: at.Format("20060102T150405Z") + "-aaaaaa",
		Files:    map[string]backups.File{"manifest.json": {ModTime: at}},
		Manifest: &export.Manifest{},
	}
	for i, text := range repositories {
		name, dropped, reduced := strings.Cut(text, "-")
		row := export.Row{
			Repository: "octo-org/" + strings.TrimRight(name, "!?"), Requested: true, InMigration: true, InArchive: true, Stored: true,
			Archive: fmt.Sprintf("migration-%d.tar.gz", i), Size: 10,
		}
		if reduced {
			row.Dropped = []string{"exclude_" + dropped}
		}
		if strings.HasSuffix(text, "!") {
			row.InArchive = false
		} else {
			run.Manifest.Covered++
		}
		if !strings.HasSuffix(text, "?") {
			run.Files[row.Archive] = backups.File{Size: 10, ModTime: at}
		}
		run.Manifest.Requested++
		run.Manifest.Repositories = append(run.Manifest.Repositories, row)
	}
	return run
}

func unfinished(daysAgo int) *backups.Run {
	run := finished(daysAgo, "a")
	run.Manifest = nil
	delete(run.Files, "manifest.json")
	return run
}

func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		policy  backups.Policy
		runs    []*backups.Run // oldest first
		removed []int          // their indexes
	}{
		"the newest runs stay": {
			backups.Policy{Last: 2},
			[]*backups.Run{finished(4, "a"), finished(3, "a"), finished(2, "a"), finished(1, "a")}, []int{0, 1},
		},
		"one a day": {
			backups.Policy{Daily: 2},
			[]*backups.Run{finished(3, "a"), finished(2, "a"), finished(2, "a"), finished(1, "a")}, []int{0, 1},
		},
		"one a month": {
			backups.Policy{Monthly: 3},
			[]*backups.Run{finished(70, "a"), finished(60, "a"), finished(31, "a"), finished(30, "a"), finished(1, "a")}, []int{0, 2},
		},
		"the last copy of a repository that is gone stays": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(4, "a", "gone"), finished(3, "a", "gone"), finished(2, "a"), finished(1, "a")}, []int{0, 2},
		},
		"the last copy of a forgotten repository is removed": {
			backups.Policy{Last: 1, Forget: []string{"go*"}},
			[]*backups.Run{finished(4, "a", "gone"), finished(2, "a"), finished(1, "a")}, []int{0, 1},
		},
		"the last copy of a repository that fails now stays": {
			backups.Policy{Last: 2},
			[]*backups.Run{finished(4, "a", "b"), finished(3, "a", "b"), finished(2, "a", "b!"), finished(1, "a", "b!")}, []int{0},
		},
		"a copy without releases does not replace one with them": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(4, "a"), finished(3, "a"), finished(2, "a-releases"), finished(1, "a-releases")}, []int{0, 2},
		},
		"a complete copy replaces a copy without releases": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(2, "a-releases"), finished(1, "a")}, []int{0},
		},
		"a copy whose archive is missing replaces no copy": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(3, "a"), finished(2, "a?"), finished(1, "a?")}, []int{1},
		},
		"a run without a success does not count": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(4, "a", "b", "c"), finished(3, "a", "b", "c"), finished(2, "a!", "b!", "c!"), finished(1, "a!", "b!", "c!")}, []int{0, 2},
		},
		"a run without repositories does not count": {
			backups.Policy{Last: 2},
			[]*backups.Run{finished(4, "a"), finished(3, "a"), finished(2), finished(1, "a")}, []int{0, 2},
		},
		"an unfinished run that is the newest stays": {
			backups.Policy{Last: 1},
			[]*backups.Run{finished(40, "a"), unfinished(30)}, nil,
		},
		"an unfinished run that changed within a week stays": {
			backups.Policy{Last: 1},
			[]*backups.Run{unfinished(3), finished(1, "a")}, nil,
		},
		"an abandoned run is removed": {
			backups.Policy{Last: 1},
			[]*backups.Run{unfinished(30), finished(1, "a")}, []int{0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var removed []int
			for i, d := range backups.Plan(test.runs, test.policy, now) {
				assert.Same(t, test.runs[i], d.Run)
				assert.NotEmpty(t, d.Reason)
				if d.Remove {
					removed = append(removed, i)
				}
			}
			assert.Equal(t, test.removed, removed)
		})
	}
}

// TestPlanKeepsTheNewestCopies prunes random runs by random policies. The newest copy
// and the newest complete copy of each repository stay, and a second pruning removes
// no run.
func TestPlanKeepsTheNewestCopies(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		var runs []*backups.Run
		for day := 30; day > 0; day -= 1 + random.IntN(3) {
			if random.IntN(6) == 0 {
				runs = append(runs, unfinished(day))
				continue
			}
			var names []string
			for _, name := range []string{"a", "b", "c", "d"} {
				if random.IntN(3) > 0 {
					names = append(names, name+[]string{"", "", "", "!", "?", "-releases"}[random.IntN(6)])
				}
			}
			runs = append(runs, finished(day, names...))
		}
		policy := backups.Policy{Last: random.IntN(3), Daily: random.IntN(3), Weekly: random.IntN(2), Monthly: random.IntN(2)}
		var kept []*backups.Run
		for _, d := range backups.Plan(runs, policy, now) {
			if !d.Remove {
				kept = append(kept, d.Run)
			}
		}
		if before, after := newestCopies(runs), newestCopies(kept); !assert.Equal(t, before, after, "seed %d", seed) {
			return
		}
		for _, d := range backups.Plan(kept, policy, now) {
			assert.False(t, d.Remove, "seed %d", seed)
		}
	}
}

// newestCopies returns the runs with the newest copy and the newest complete copy of
// each repository.
func newestCopies(runs []*backups.Run) map[string]string {
	found := map[string]string{}
	for _, run := range slices.Backward(runs) {
		if run.Manifest == nil {
			continue
		}
		for _, row := range run.Manifest.Repositories {
			if _, there := run.Files[row.Archive]; !row.OK() || !there {
				continue
			}
			keys := []string{row.Repository}
			if len(row.Dropped) == 0 {
				keys = append(keys, row.Repository+", complete")
			}
			for _, key := range keys {
				if _, known := found[key]; !known {
					found[key] = run.Name
				}
			}
		}
	}
	return found
}

func TestMatchAny(t *testing.T) {
	for pattern, want := range map[string]bool{
		"app": true, "APP": true, "a*": true, "octo-org/app": true, "octo-org/*": true, "*/app": true, "*": true,
		"ap": false, "octo-org": false, "other/*": false, "[": false,
	} {
		assert.Equal(t, want, backups.MatchAny([]string{"nothing", pattern}, "Octo-Org/App"), pattern)
	}
	assert.False(t, backups.MatchAny(nil, "octo-org/app"))
}
