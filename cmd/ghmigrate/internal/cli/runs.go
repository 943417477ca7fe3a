package cli

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"strings"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
)

// openRuns opens the place of a path or URL: of runs, of one run, or of a manifest. It
// also returns, for each account, the runs up to the run to show (see shown). The
// caller closes the place.
func (a *app) openRuns(ctx context.Context, name, wanted string) (*backups.Place, [][]*backups.Run, error) {
	root, run := splitRun(name)
	if run != "" && wanted != "" {
		return nil, nil, misused("--run is for a folder of runs, not for one run")
	}
	if run == "" {
		run = wanted
	}
	place, err := backups.Open(ctx, root)
	if err != nil {
		return nil, nil, err
	}
	runs, err := a.runs(ctx, place)
	if err != nil {
		return nil, nil, errors.Join(err, place.Close())
	}
	return place, shown(byAccount(runs), run), nil
}

// runs lists the runs in a place: with --org, the runs of the organization.
func (a *app) runs(ctx context.Context, place *backups.Place) ([]*backups.Run, error) {
	if a.org == "" {
		return place.Runs(ctx, "")
	}
	return place.Runs(ctx, "orgs/"+a.org)
}

// splitRun splits the path or URL of a run, or of its manifest, into the place above
// and the name of the run. Every other path or URL is a place.
func splitRun(name string) (root, run string) {
	dir := strings.TrimRight(name, "/")
	if isManifest(name) {
		dir = beside(name, "")
	}
	if !backups.IsURL(dir) {
		dir, _ = filepath.Abs(dir)
		if run = filepath.Base(dir); backups.IsRunName(run) || isManifest(name) {
			return filepath.Dir(dir), run
		}
		return name, ""
	}
	location, query, hasQuery := strings.Cut(dir, "?")
	location = strings.TrimRight(location, "/")
	if run = path.Base(location); !backups.IsRunName(run) {
		return name, ""
	}
	root = strings.TrimSuffix(location, "/"+run)
	if hasQuery {
		root += "?" + query
	}
	return root, run
}

// byAccount groups runs, which are sorted by account.
func byAccount(runs []*backups.Run) [][]*backups.Run {
	var all [][]*backups.Run
	for i, run := range runs {
		if i == 0 || runs[i-1].Account != run.Account {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], run)
	}
	return all
}

// shown returns, for each account, the runs up to the run to show: the wanted run if
// wanted is not empty, otherwise the newest finished run, otherwise the newest run.
func shown(accounts [][]*backups.Run, wanted string) [][]*backups.Run {
	var all [][]*backups.Run
	for _, runs := range accounts {
		last := -1
		for i, run := range runs {
			if wanted == "" && run.Manifest != nil || run.Name == wanted {
				last = i
			}
		}
		if last < 0 && wanted == "" {
			last = len(runs) - 1
		}
		if last >= 0 {
			all = append(all, runs[:last+1])
		}
	}
	return all
}
