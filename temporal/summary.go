package temporal

import (
	"context"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// A Summary is the result of [Export]. The manifest has a row for each repository.
type Summary struct {
	Account  string `json:"account"`  // such as "api.github.com/orgs/octo-org"
	Manifest string `json:"manifest"` // the name of the manifest in the bucket
	// Requested, Covered, Reduced, Starts and Adopted are as in [export.Manifest].
	Requested int `json:"requested"`
	Covered   int `json:"covered"`
	Reduced   int `json:"reduced,omitempty"`
	Starts    int `json:"starts"`
	Adopted   int `json:"adopted,omitempty"`
	// Locked lists repositories that may still be locked although they should not be:
	// at most a hundred. The manifest lists all.
	Locked []string `json:"locked,omitempty"`
	// Problem says what is missing, or why the export ended early. It is empty if every
	// repository is in a verified archive and unlocked.
	Problem string `json:"problem,omitempty"`
	// Continued counts how often the workflow continued as new.
	Continued int `json:"continued,omitempty"`
}

// OK reports whether every repository is in a verified archive and unlocked.
func (s *Summary) OK() bool { return s.Problem == "" }

// A finishTask has what finish needs for the manifest, beside the jobs in the bucket.
type finishTask struct {
	Account string                          `json:"account"`
	Run     string                          `json:"run"`
	Start   ghmigrate.StartMigrationRequest `json:"start"`
	Begun   time.Time                       `json:"begun"`
	Ended   time.Time                       `json:"ended,omitzero"` // zero if the export was canceled or gave up
	Live    []*batch                        `json:"live,omitempty"` // batches that are not over
	Problem string                          `json:"problem,omitempty"`
}

// maxLocked limits the names in a summary.
const maxLocked = 100

// finish writes the manifest, and returns its summary. It saves live batches too: the
// next run releases their locks. The manifest also has the repositories of pages that
// were not loaded.
func (a *Activities) finish(ctx context.Context, f finishTask) (*Summary, error) {
	stop := heartbeat(ctx)
	defer stop()
	if err := a.writeBatches(ctx, f.Run, f.Live); err != nil {
		return nil, err
	}
	batches, err := a.batches(ctx, f.Run)
	if err != nil {
		return nil, err
	}
	m := export.NewManifest(f.Account, f.Start, jobsOf(batches))
	m.Run, m.Begun, m.Ended = f.Run, f.Begun, f.Ended
	if err := a.write(ctx, manifestName(f.Run), m); err != nil {
		return nil, err
	}
	if err := a.write(ctx, latestName(f.Run), latestRun{f.Run}); err != nil {
		return nil, err
	}
	s := &Summary{
		Account: f.Account, Manifest: manifestName(f.Run), Requested: m.Requested, Covered: m.Covered, Reduced: m.Reduced, Starts: m.Starts,
		Adopted: m.Adopted, Locked: m.Locked[:min(len(m.Locked), maxLocked)], Problem: f.Problem,
	}
	if err := m.Err(); err != nil && s.Problem == "" {
		s.Problem = err.Error()
	}
	return s, nil
}
