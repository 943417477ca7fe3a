package browse

import (
	"encoding/json"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// decode reads a record, and passes it on if it fits its type.
func decode[T any](raw []byte, use func(*T)) {
	v := new(T)
	if json.Unmarshal(raw, v) == nil {
		use(v)
	}
}

// first returns the post that a conversation begins with, and fills in what stands
// beside it.
func (t *thread) first(v *threadPage) (*post, error) {
	x := &post{e: t.top, Anchor: "top", Kind: strings.ReplaceAll(t.top.kind.String(), " ", "-"), Author: t.personOf(t.top.author), At: t.top.at(), Raw: t.rawLink(t.top)}
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
	default: // nothing else has a conversation
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

// pull fills in what stands beside a pull request.
func (t *thread) pull(v *threadPage, p *archive.PullRequest) {
	branch := func(b archive.PullRequestBranch) []link {
		name := cut(b.Ref, 250)
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
		return link{Text: cut(sha, 40)}
	}
	l := link{Text: shortSHA(sha)}
	if t.git.has(t.ctx, t.repo.name, sha) {
		l.Href = t.links.page(t.repo.slug + "/commit/" + sha)
	}
	return l
}

// recordLink returns a link to the record with a URL, named as people name it.
func (t *thread) recordLink(url archive.URL) link {
	l := link{Text: cut(nameOfURL(url), 200)}
	if n := url.Number(); n > 0 {
		l.Text = "#" + itoa(n)
		if !strings.HasPrefix(string(url), string(t.repo.url)+"/") {
			l.Text = cut(nameOfURL(archive.URL(strings.Join(strings.SplitN(string(url), "/", 6)[:min(5, strings.Count(string(url), "/")+1)], "/"))), 200) + l.Text
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

// release fills in what stands beside a release.
func (t *thread) release(v *threadPage, r *archive.Release) error {
	v.fact("Tag", link{Text: cut(r.TagName, 250)})
	v.fact("Target", link{Text: cut(r.TargetCommitish, 250)})
	for _, a := range r.ReleaseAssets[:min(len(r.ReleaseAssets), 1000)] {
		f, err := t.fileView(a.AssetURL, a.AssetName, a.AssetContentType)
		if err != nil {
			return err
		}
		f.Image = false
		v.Assets = append(v.Assets, f)
	}
	v.Tag = cut(r.TagName, 250)
	return nil
}

// event tells what happened, in pieces.
func (t *thread) event(e *archive.IssueEvent) []link {
	text := func(s string) link { return link{Text: s} }
	title := func(s string) link { return link{Text: "“" + cut(s, maxTitle) + "”"} }
	switch e.Event {
	case "labeled":
		return []link{text("added the label"), title(e.LabelName)}
	case "unlabeled":
		return []link{text("removed the label"), title(e.LabelName)}
	case "closed":
		switch {
		case e.ReferencingPullRequest != "":
			return []link{text("closed this by"), t.recordLink(e.ReferencingPullRequest)}
		case e.CommitID != "":
			return []link{text("closed this by commit"), t.commitLink(e.CommitID)}
		}
		return []link{text("closed this")}
	case "merged":
		return []link{text("merged this as"), t.commitLink(e.CommitID)}
	case "reopened":
		return []link{text("reopened this")}
	case "referenced":
		return []link{text("referenced this in commit"), t.commitLink(e.CommitID)}
	case "renamed":
		return []link{text("changed the title from"), title(e.TitleWas), text("to"), title(e.TitleIs)}
	case "base_ref_changed", "automatic_base_change_succeeded":
		return []link{text("changed the base branch from"), title(e.TitleWas), text("to"), title(e.TitleIs)}
	case "head_ref_force_pushed", "base_ref_force_pushed":
		return []link{text("force-pushed"), text(cut(e.Ref, 250)), text("from"), t.commitLink(e.BeforeCommitOID), text("to"), t.commitLink(e.AfterCommitOID)}
	case "milestoned":
		return []link{text("added this to the milestone"), title(firstText(e.MilestoneTitle, e.Milestone))}
	case "demilestoned":
		return []link{text("removed this from the milestone"), title(firstText(e.MilestoneTitle, e.Milestone))}
	case "assigned", "unassigned":
		if e.Subject == "" {
			return []link{text(e.Event + " this")}
		}
		return []link{text(e.Event), t.userLink(e.Subject)}
	case "review_requested":
		return []link{text("requested a review from"), t.userLink(e.Subject)}
	case "review_request_removed":
		return []link{text("withdrew the request for a review from"), t.userLink(e.Subject)}
	case "sub_issue_added":
		return []link{text("added the sub-issue"), t.recordLink(e.Subject)}
	case "parent_issue_added":
		return []link{text("added this to the parent issue"), t.recordLink(e.Subject)}
	}
	said := map[string]string{
		"locked": "locked the conversation", "unlocked": "unlocked the conversation", "pinned": "pinned this", "unpinned": "unpinned this",
		"head_ref_deleted": "deleted the head branch", "head_ref_restored": "restored the head branch",
		"ready_for_review": "marked this as ready for review", "convert_to_draft": "made this a draft",
		"mentioned": "was mentioned", "subscribed": "subscribed", "unsubscribed": "unsubscribed",
		"comment_deleted": "deleted a comment", "transferred": "transferred this",
	}[e.Event]
	if said == "" {
		said = strings.ReplaceAll(cut(e.Event, 100), "_", " ")
	}
	return []link{text(said)}
}

func firstText(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
