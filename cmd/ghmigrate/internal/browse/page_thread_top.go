package browse

import (
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// firstPost returns the post that begins a conversation, and fills in the labels, the
// assets and the facts beside the conversation.
func (t *thread) firstPost(v *threadPage) (*post, error) {
	x := &post{e: t.top, Anchor: "top", Kind: t.top.kind.hyphenated(), Author: t.personOf(t.top.author), At: t.top.at(), Raw: t.rawLink(t.top)}
	raw, err := t.store.raw(t.ctx, t.top.id)
	if err != nil {
		return nil, err
	}
	switch t.top.kind {
	case kindIssue:
		decode(raw, func(i *archive.Issue) {
			t.say(x, i.Body, i.Reactions)
			v.fact("Assignees", t.users(i.Assignees)...)
		})
	case kindPull:
		decode(raw, func(p *archive.PullRequest) {
			t.say(x, p.Body, p.Reactions)
			t.pull(v, p)
		})
	case kindDiscussion:
		decode(raw, func(d *archive.Discussion) {
			t.say(x, d.Body, d.Reactions)
			if c, err := t.store.lookup(t.ctx, d.DiscussionCategory); err == nil {
				v.fact("Category", link{Text: c.title})
			}
		})
	case kindRelease:
		decode(raw, func(r *archive.Release) {
			t.say(x, r.Body, r.Reactions)
			err = t.release(v, r)
		})
	default: // records of other kinds have no conversation
	}
	if err != nil {
		return nil, err
	}
	if t.top.milestone != 0 {
		if m, err := t.store.one(t.ctx, `key = ? AND kind = ? AND key <> 0`, t.top.milestone, kindMilestone); err == nil {
			v.fact("Milestone", link{m.title, t.links.page(itemPath(t.repo, m))})
		} else {
			v.fact("Milestone", link{Text: "not in the archive"})
		}
	}
	if v.Labels, err = t.labelsOf(t.top, t.repo); err != nil {
		return nil, err
	}
	x.Attachments, err = t.attachments(t.top)
	x.hideShown()
	return x, err
}

// fact adds a fact, unless it has no links.
func (v *threadPage) fact(name string, links ...link) {
	if len(links) > 0 {
		v.Facts = append(v.Facts, fact{name, links})
	}
}

func (t *thread) userLink(u archive.URL) link {
	p := t.personOf(login(u))
	return link{p.Name, p.Href}
}

func (t *thread) users(urls []archive.URL) []link {
	var all []link
	for _, u := range urls[:min(len(urls), 100)] {
		all = append(all, t.userLink(u))
	}
	return all
}

// pull fills in the facts about a pull request.
func (t *thread) pull(v *threadPage, p *archive.PullRequest) {
	branch := func(b archive.PullRequestBranch) []link {
		name := truncate(b.Ref, 250)
		switch {
		case b.Repo == "":
			name = login(b.User) + ":" + name + " (the repository is gone)"
		case b.Repo != p.Repository:
			name = nameOfURL(b.Repo) + ":" + name
		}
		return []link{{Text: name}, t.commitLink(b.SHA)}
	}
	v.fact("Into", branch(p.Base)...)
	v.fact("From", branch(p.Head)...)
	if !p.MergedAt.IsZero() && isSHA(p.MergeCommitSHA) {
		v.fact("Merged as", t.commitLink(p.MergeCommitSHA))
	}
	v.fact("Assignees", t.users(p.Assignees)...)
	var reviewers, closes []archive.URL
	for _, r := range p.ReviewRequests {
		reviewers = append(reviewers, r.Reviewer)
	}
	v.fact("Review requested", t.users(reviewers)...)
	for _, c := range p.CloseIssueReferences {
		closes = append(closes, c.Issue)
	}
	var links []link
	for _, u := range closes[:min(len(closes), 100)] {
		links = append(links, t.recordLink(u))
	}
	v.fact("Closes", links...)
}

// commitLink returns a link to a commit.
func (t *thread) commitLink(sha string) link {
	if !isSHA(sha) {
		return link{Text: truncate(sha, 40)}
	}
	l := link{Text: shortSHA(sha)}
	if t.git.has(t.ctx, t.repo.name, sha) {
		l.Href = t.links.page(t.repo.slug + "/commit/" + sha)
	}
	return l
}

// recordLink returns a link to the record with a URL. Its text is "#12", or
// "owner/name#12" in another repository.
func (t *thread) recordLink(url archive.URL) link {
	l := link{Text: truncate(nameOfURL(url), 200)}
	if n := url.Number(); n > 0 {
		l.Text = "#" + itoa(n)
		if !strings.HasPrefix(string(url), string(t.repo.url)+"/") {
			l.Text = truncate(nameOfURL(archive.URL(strings.Join(strings.SplitN(string(url), "/", 6)[:min(5, strings.Count(string(url), "/")+1)], "/"))), 200) + l.Text
		}
	}
	if e, err := t.store.lookup(t.ctx, url); err == nil {
		l.Href = t.addressOf(e)
		if e.kind == kindUser {
			l.Text = e.author
		}
	}
	return l
}

// release fills in the facts about a release, and its assets.
func (t *thread) release(v *threadPage, r *archive.Release) error {
	v.fact("Tag", link{Text: truncate(r.TagName, 250)})
	v.fact("Target", link{Text: truncate(r.TargetCommitish, 250)})
	for _, a := range r.ReleaseAssets[:min(len(r.ReleaseAssets), 1000)] {
		f, err := t.fileView(a.AssetURL, a.AssetName, a.AssetContentType)
		if err != nil {
			return err
		}
		f.Image = false
		v.Assets = append(v.Assets, f)
	}
	return nil
}
