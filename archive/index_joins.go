package archive

import (
	"iter"
	"slices"
)

// Comments yields the comments on an issue or in the conversation of a pull request.
// Like all joins, it yields the oldest record first, and ends after an error. It yields
// nothing if no record matches.
func (a *Archive) Comments(of URL) iter.Seq2[*IssueComment, error] {
	return join[*IssueComment](a, of)
}

// Events yields the events of an issue or a pull request.
func (a *Archive) Events(of URL) iter.Seq2[*IssueEvent, error] {
	return join[*IssueEvent](a, of)
}

// Reviews yields the reviews of a pull request.
func (a *Archive) Reviews(pullRequest URL) iter.Seq2[*PullRequestReview, error] {
	return join[*PullRequestReview](a, pullRequest)
}

// Threads yields the threads of a pull request or of one of its reviews.
func (a *Archive) Threads(of URL) iter.Seq2[*PullRequestReviewThread, error] {
	return join[*PullRequestReviewThread](a, of)
}

// ReviewComments yields the comments on the changes of a pull request, of one of its
// reviews or of one thread.
func (a *Archive) ReviewComments(of URL) iter.Seq2[*PullRequestReviewComment, error] {
	return join[*PullRequestReviewComment](a, of)
}

// Attachments yields the attachments of an issue, a pull request, a review or a
// comment. The files themselves are not in the Archive, but in the stream that Open
// read.
func (a *Archive) Attachments(of URL) iter.Seq2[*Attachment, error] {
	return join[*Attachment](a, of)
}

// join yields the records of type T that belong to the record with this URL.
func join[T Record](a *Archive, of URL) iter.Seq2[T, error] {
	return records(a, a.index.childrenOf(of, kindOf[T]()), func(r T) bool {
		_, parents := parents(r) // another URL may have the same hash
		return slices.Contains(parents, of)
	})
}

// parents returns the URLs of the records that a record belongs to, and the time when
// the record was created.
func parents(r Record) (created Time, urls []URL) {
	switch r := r.(type) {
	case *IssueComment:
		return r.CreatedAt, []URL{r.Parent()}
	case *IssueEvent:
		return r.CreatedAt, []URL{r.Issue, r.PullRequest}
	case *PullRequestReview:
		return r.CreatedAt, []URL{r.PullRequest}
	case *PullRequestReviewThread:
		return r.CreatedAt, []URL{r.PullRequest, r.PullRequestReview}
	case *PullRequestReviewComment:
		return r.CreatedAt, []URL{r.PullRequest, r.PullRequestReview, r.PullRequestReviewThread}
	case *Attachment:
		return r.CreatedAt, []URL{r.Parent()}
	default:
		return Time{}, nil
	}
}
