package archive

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// addBare adds the statistics of bare repositories to the summaries.
func (v *verifier) addBare() {
	for _, b := range v.bare.inOrder {
		name, isWiki := strings.CutSuffix(b.name, ".wiki")
		s := v.repository(name)
		s.Git = s.Git || !isWiki
		s.Wiki = s.Wiki || isWiki
		s.GitBytes += b.size
		s.Objects += b.stats.Objects
		s.Refs += b.stats.Refs
		s.Shallow = s.Shallow || b.stats.Shallow
		s.Partial = s.Partial || b.stats.Partial
		s.Emptied = s.Emptied || !isWiki && b.stats.Objects == 0 && v.merged[strings.ToLower(name)]
	}
}

// checkPresence checks that a requested repository is in the archive.
func (v *verifier) checkPresence(name string) {
	s := v.repositories[strings.ToLower(name)]
	report := func(err error) { v.faults.add(&Fault{Repository: name, Offset: -1, Err: err}) }
	switch {
	case s == nil && v.broken:
		report(fmt.Errorf("repository %s is not in the readable part of the archive", name))
		return
	case s == nil:
		report(fmt.Errorf("repository %s is not in the archive", name))
		return
	case v.broken:
		return
	}
	// GitHub does not document whether an export without metadata has records of
	// repositories.
	if !s.Record && !v.opts.ExcludeMetadata {
		report(fmt.Errorf("repository %s has no record", name))
	}
	if !s.Git && !v.opts.ExcludeGitData {
		v.report(bareDir(s.Name), -1, errMissing)
	}
}

// maxRepositories bounds a Summary. An export has a hundred repositories.
const maxRepositories = 100_000

// repository returns the summary of a repository, which it makes if necessary.
func (v *verifier) repository(name string) *RepositorySummary {
	name = shorten(name)
	lower := strings.ToLower(name)
	s := v.repositories[lower]
	if s == nil {
		s = &RepositorySummary{Name: name}
		if len(v.repositories) == maxRepositories {
			v.tooMany = true
			return s // not in the Summary
		}
		v.repositories[lower] = s
	}
	return s
}

// repositoryOf returns the "owner/name" of the repository that a record belongs to. It
// returns "" if the record belongs to no repository, or if a part is longer than any
// name on GitHub. It remembers the last record, because a record may have many links.
func (v *verifier) repositoryOf(r Record) string {
	if v.lastRecord != r {
		owner, name, _ := strings.Cut(findRepository(r), "/")
		v.lastRecord, v.lastRepository = r, ""
		if owner != "" && max(len(owner), len(name)) <= maxPart {
			v.lastRepository = owner + "/" + name
		}
	}
	return v.lastRepository
}

// findRepository returns the "owner/name" in the fields of a record, or "".
func findRepository(r Record) string {
	url := r.Key()
	switch r := r.(type) {
	case *User, *Organization, *Team:
		return ""
	case *Attachment: // its own URL may not name a repository
		url = cmp.Or(r.Repository, r.Parent())
	}
	if name := repositoryName(r); name != "" {
		return name
	}
	_, address, _ := strings.Cut(string(url), "://")
	address, _, _ = strings.Cut(address, "#")
	parts := strings.SplitN(address, "/", 4)
	if len(parts) < 3 || slices.Contains([]string{"orgs", "users", "enterprises", "user-attachments"}, parts[1]) {
		return ""
	}
	return parts[1] + "/" + parts[2]
}

// repositoryName returns "owner/name" for the record of a repository, and "" for other
// records. It prefers the link to the bare repository, because other exporters write
// URLs of other forms.
func repositoryName(r Record) string {
	var gitURL, owner, name string
	switch r := r.(type) {
	case *Repository:
		gitURL, owner, name = r.GitURL, string(r.Owner), r.Name
	case *Unknown:
		if r.Type != "repository" {
			return ""
		}
		gitURL, owner, name = r.member("git_url"), r.member("owner"), r.member("name")
	default:
		return ""
	}
	link, ok := strings.CutPrefix(gitURL, linkRoot+"repositories/")
	if link, isGit := strings.CutSuffix(link, ".git"); ok && isGit && strings.Count(link, "/") == 1 {
		return link
	}
	return owner[strings.LastIndexByte(owner, '/')+1:] + "/" + name
}

// nameInURL returns the "owner/name" that ends the URL of a repository.
func nameInURL(repository URL) string {
	rest, name := splitLast(string(repository))
	_, owner := splitLast(rest)
	return owner + "/" + name
}

// summarize sorts the repositories in the Summary.
func (v *verifier) summarize() {
	v.summary.Repositories = make([]RepositorySummary, 0, len(v.repositories)) // not nil, which is null as JSON
	for _, name := range slices.Sorted(maps.Keys(v.repositories)) {
		v.summary.Repositories = append(v.summary.Repositories, *v.repositories[name])
	}
}
