package browse

import (
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// event returns the sentence about an event, in parts. The sentence follows the name
// of the actor.
func (t *thread) event(e *archive.IssueEvent) []link {
	text := func(s string) link { return link{Text: s} }
	title := func(s string) link { return link{Text: "“" + truncate(s, maxTitle) + "”"} }
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
		return []link{text("force-pushed"), text(truncate(e.Ref, 250)), text("from"), t.commitLink(e.BeforeCommitOID), text("to"), t.commitLink(e.AfterCommitOID)}
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
		said = strings.ReplaceAll(truncate(e.Event, 100), "_", " ")
	}
	return []link{text(said)}
}

// firstText returns the first text that is not empty.
func firstText(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
