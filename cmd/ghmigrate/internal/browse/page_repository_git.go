package browse

import (
	"cmp"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A gitView is the Git data of a repository on a page.
type gitView struct {
	Missing        string // why the page cannot show the Git data
	Clone          string // the command that clones the repository
	Branches, Tags []refView
	More           int // the number of further branches and tags
}

// A refView is a branch or a tag.
type refView struct {
	Name, Commit string
	Href         string
	Subject      string
	At           time.Time
	Default      bool
}

// cloneCommand returns the command that clones a repository from the server. It is empty
// if the server cannot serve the clone.
func (p *repositoryPage) cloneCommand(name string) string {
	if p.links.written || p.git.program == "" {
		return ""
	}
	return "git clone " + p.git.address + "/" + slugOf(name) + ".git"
}

// maxRefs bounds the branches and the tags on a page.
const maxRefs = 500

// refs returns the branches and tags of a repository.
func (p *repositoryPage) refs(name, defaultBranch string) (gitView, error) {
	var v gitView
	out, err := p.git.run(p.ctx, name, 4<<20, "", "for-each-ref", "--sort=-creatordate",
		"--format=%(refname)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)%00%(contents:subject)", "refs/heads", "refs/tags")
	if err != nil {
		if v.Missing = gitReason(err); v.Missing == "" {
			return v, err
		}
		return v, nil
	}
	v.Clone = p.cloneCommand(name)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 5 {
			continue
		}
		commit := f[1]
		if f[2] != "" {
			commit = f[2]
		}
		seconds, _ := strconv.ParseInt(f[3], 10, 64)
		r := refView{Commit: shortSHA(commit), Subject: truncate(f[4], 200), At: timeOf(seconds)}
		list := &v.Branches
		if branch, ok := strings.CutPrefix(f[0], "refs/heads/"); ok {
			r.Name = truncate(branch, 250)
			r.Default = r.Name == defaultBranch
		} else {
			r.Name, list = truncate(strings.TrimPrefix(f[0], "refs/tags/"), 250), &v.Tags
		}
		if len(*list) == maxRefs {
			v.More++
			continue
		}
		r.Href = p.links.page(p.repo.slug + "/commit/" + commit)
		*list = append(*list, r)
	}
	return v, nil
}

// A readmeView is the README of a repository on a page.
type readmeView struct {
	Name string // empty without a README
	Body template.HTML
	// LinksFiles means that the README has links to files of the repository, or images.
	// They are plain text: there are no pages for these files.
	LinksFiles bool
}

// readme returns the README of the default branch, or of HEAD if the Git data lack the
// branch.
func (p *repositoryPage) readme(branch string) readmeView {
	var v readmeView
	tree := "refs/heads/" + branch
	names, err := p.git.run(p.ctx, p.repo.name, 1<<20, "", "ls-tree", "-z", "--name-only", tree)
	if err != nil {
		tree = "HEAD"
		if names, err = p.git.run(p.ctx, p.repo.name, 1<<20, "", "ls-tree", "-z", "--name-only", tree); err != nil {
			return v
		}
	}
	name := ""
	for n := range strings.SplitSeq(string(names), "\x00") {
		lower := strings.ToLower(n)
		if lower == "readme.md" || name == "" && (lower == "readme" || lower == "readme.markdown" || lower == "readme.txt" || lower == "readme.rst") {
			name = n
		}
	}
	if name == "" {
		return v
	}
	// A text of more than maxShown bytes gets a note that it is truncated.
	text, err := p.git.run(p.ctx, p.repo.name, maxShown+1, "", "cat-file", "blob", tree+":"+name)
	if err != nil {
		return v
	}
	v.Name = name
	if lower := strings.ToLower(name); strings.HasSuffix(lower, ".md") || strings.HasSuffix(lower, ".markdown") {
		v.Body = p.render(string(text), p.readmeResolver(branch, &v.LinksFiles))
	} else {
		v.Body = plainText(string(text))
	}
	return v
}

// readmeResolver returns the resolver for a README. It resolves relative links as GitHub
// does: from the folder of the README, and with a leading slash from the root of the
// repository. Links to files of the repository are plain text, and set linksFiles.
func (p *repositoryPage) readmeResolver(branch string, linksFiles *bool) *resolver {
	files := string(p.repo.url) + "/blob/"
	root, rootErr := url.Parse(files + cmp.Or(branch, "HEAD") + "/")
	// absolute returns the URL for a relative address, or "" for a file of the repository.
	absolute := func(address string) string {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || rootErr != nil || u.IsAbs() || u.Host != "" || u.Path == "" {
			return address
		}
		u.Path, u.RawPath = strings.TrimLeft(u.Path, "/"), ""
		resolved := root.ResolveReference(u).String()
		if strings.HasPrefix(resolved, files) {
			*linksFiles = true
			return ""
		}
		return resolved
	}
	r := p.resolver()
	link, image := r.link, r.image
	r.document = true
	r.link = func(address string) string { return link(absolute(address)) }
	r.image = func(address string) string { return image(absolute(address)) }
	return r
}
