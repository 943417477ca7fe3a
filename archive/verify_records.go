package archive

import (
	"errors"
	"strings"
)

// checkSchema checks schema.json.
func (v *verifier) checkSchema(e *Entry) {
	schema, err := e.schema()
	if fault, ok := errors.AsType[*Fault](err); ok {
		v.faults.add(fault)
	}
	if !v.schema {
		v.summary.Schema = schema
	}
	v.schema = true
}

// checkRecords checks the records of a file.
func (v *verifier) checkRecords(e *Entry) {
	for r, err := range e.Records() {
		if fault, ok := errors.AsType[*Fault](err); ok {
			v.faults.add(fault)
			continue
		}
		v.checkRecord(e, r)
	}
}

// checkRecord counts a record, and adds its URLs, references and links to the checks at
// the end.
func (v *verifier) checkRecord(e *Entry, r Record) {
	kind := r.Kind()
	count(v.summary.Records, kind)
	if u, ok := r.(*Unknown); ok {
		count(v.summary.Unknown, kind)
		if kind == "" {
			v.reportRecord(e, r, errors.New("record without a type"))
		}
		if _, ok := v.summary.Misfits[kind]; u.Err != nil && !ok {
			v.summary.Misfits[kind] = u.Err.Error()
		}
	}
	if name := repositoryName(r); name != "" {
		v.repository(name).Record = true
	}
	if pull, ok := r.(*PullRequest); ok && !pull.MergedAt.IsZero() && len(v.merged) < maxRepositories {
		v.merged[strings.ToLower(shorten(nameInURL(pull.Repository)))] = true
	}
	remembered := 0
	if v.references != nil {
		remembered = v.references.addRecord(r)
	}
	links(r.Raw(), func(link string) {
		remembered++
		name, err := EntryName(link)
		switch {
		case err != nil:
			v.reportRecord(e, r, err)
		case !v.excluded(name):
			v.catalog.link(e, v.repositoryOf(r), name)
		}
	})
	e.reader.countRecords(remembered) // beyond the limit, the loop ends before the next record
}

// reportRecord reports a fault of the record that e yielded last.
func (v *verifier) reportRecord(e *Entry, r Record, err error) {
	v.faults.add(&Fault{Entry: e.Name, Repository: v.repositoryOf(r), Offset: e.offset, Err: err})
}

// excluded reports whether the options exclude the entry of this name. Records may
// still link to it.
func (v *verifier) excluded(name string) bool {
	dir, _, _ := strings.Cut(name, "/")
	switch dir {
	case "repositories":
		return v.opts.ExcludeGitData
	case "attachments", "repository_files":
		return v.opts.ExcludeAttachments
	case "releases":
		return v.opts.ExcludeReleases
	default:
		return false
	}
}
