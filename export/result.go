package export

import (
	"errors"
	"time"
)

// A Result is the result of an effect. It is plain JSON, so that one process can
// perform an effect and another process can apply the result.
type Result struct {
	// Class is the kind of the error; ClassNone after a success.
	Class  Class         `json:"class,omitempty"`
	Reason string        `json:"reason,omitempty"` // the text of the error
	After  time.Duration `json:"after,omitzero"`   // with ClassWait: the time until the next request

	Unsent  bool  `json:"unsent,omitzero"`  // of a start: the request was certainly not sent
	Invalid bool  `json:"invalid,omitzero"` // of a start: a 422, which GitHub also sends for a while after too many starts
	Named   []int `json:"named,omitempty"`  // of a start: the indexes of the repositories that GitHub refused

	Migration    int64             `json:"migration,omitzero"`     // of a start
	Found        []Found           `json:"found,omitempty"`        // of a search
	Asked        time.Time         `json:"asked,omitzero"`         // of a search: when it began; zero means now
	Outcome      Outcome           `json:"outcome,omitempty"`      // of a wait, or of an error that says how the export ended
	Repositories []string          `json:"repositories,omitempty"` // of a list: the repositories of the migration; of an unlock: the released repositories
	Doubt        bool              `json:"doubt,omitzero"`         // of an unlock: GitHub may still lock a repository
	Forgotten    bool              `json:"forgotten,omitzero"`     // of an unlock: the migration no longer exists at GitHub
	Fates        map[string]string `json:"fates,omitempty"`        // sentences about repositories that were renamed, transferred or deleted
	Archive      *Archive          `json:"archive,omitzero"`       // of a download or transfer
	Damaged      bool              `json:"damaged,omitzero"`       // the archive in Dir has changed since its download, or is missing
	InStore      bool              `json:"in_store,omitzero"`      // of a store: the Store has the archive
	Missing      []string          `json:"missing,omitempty"`      // of a verification, like the next three: see State
	Condemned    []string          `json:"condemned,omitempty"`
	Unsound      bool              `json:"unsound,omitzero"`
	Faults       []Fault           `json:"faults,omitempty"`

	err error // for errors.Is
}

// error returns the error of the effect. If another process performed the effect,
// only the text of the error is known.
func (r Result) error() error {
	if r.err == nil && r.Reason != "" {
		return errors.New(r.Reason)
	}
	return r.err
}

// Found is a migration that a search found, with its repositories.
type Found struct {
	ID           int64    `json:"id"`
	Repositories []string `json:"repositories"`
}
