package browse_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

const (
	host = archive.URL("https://github.com")
	org  = host + "/octo-org"
	app  = org + "/app"
)

// lostCommit is a commit that the Git data of the archive lack.
const lostCommit = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

// at returns the time some hours after the creation of the first issue.
func at(hours int) archive.Time {
	return archive.Time{Time: time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC).Add(time.Duration(hours) * time.Hour)}
}

// picture returns a PNG of 320 by 160 pixels.
func picture(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 160))
	for x := range 320 {
		for y := range 160 {
			img.Set(x, y, color.RGBA{uint8(x / 2), uint8(y), 160, 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// bareRepository makes a bare repository with two commits. It returns the folder and the
// ID of the first commit.
func bareRepository(t *testing.T, readme string) (dir, first string) {
	t.Helper()
	work, dir := t.TempDir(), filepath.Join(t.TempDir(), "app.git")
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Mona", "GIT_AUTHOR_EMAIL=mona@example.com", "GIT_COMMITTER_NAME=Mona", "GIT_COMMITTER_EMAIL=mona@example.com",
			"GIT_AUTHOR_DATE=2024-05-01T10:00:00Z", "GIT_COMMITTER_DATE=2024-05-01T10:00:00Z")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	require.NoError(t, os.WriteFile(filepath.Join(work, "README.md"), []byte(readme), 0o600))
	git("add", ".")
	git("commit", "-q", "-m", "Begin the app")
	first = git("rev-parse", "HEAD")
	require.NoError(t, os.WriteFile(filepath.Join(work, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600))
	git("add", ".")
	git("commit", "-q", "-m", "Add a program\n\nIt does nothing yet.")
	git("branch", "feature/crash")
	git("tag", "v1.0")
	git("clone", "-q", "--bare", work, dir)
	return dir, first
}

// An archiveWriter writes the archive of a test.
type archiveWriter struct {
	t *testing.T
	w *archive.Writer
}

func (a archiveWriter) records(records ...archive.Record) {
	a.t.Helper()
	for _, r := range records {
		require.NoError(a.t, a.w.Write(r))
	}
}

func (a archiveWriter) file(name string, content []byte) {
	a.t.Helper()
	w, err := a.w.Create(name, int64(len(content)))
	require.NoError(a.t, err)
	_, err = w.Write(content)
	require.NoError(a.t, err)
}

// writeArchive writes an archive, and returns its path.
func writeArchive(t *testing.T, fill func(archiveWriter)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "migration-79.tar.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := archive.NewWriter(f, &archive.WriterOptions{ModTime: at(0).Time, Level: 1})
	fill(archiveWriter{t, w})
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	return path
}

// user returns the record of an account.
func user(login, name string) *archive.User {
	return &archive.User{URL: host + "/" + archive.URL(login), Login: login, Name: name, Emails: []archive.Email{{Address: login + "@example.com", Primary: true}}}
}

const readme = "# The app\n\nIt crashes, see #1 and [the docs](docs/x.md).\n\n" +
	"[an issue](../../issues/1), [the license](/LICENSE), [no issue](../../issues/99), [a heading](#the-app), ![logo](logo.png)\n\n" +
	"![shot](https://elsewhere.example/pixel.png)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"

// sampleArchive writes an archive with a record of each kind that has a page.
func sampleArchive(t *testing.T) string {
	t.Helper()
	repository, first := bareRepository(t, readme)
	mona, hubot := host+"/mona", host+"/hubot"
	shot := archive.URL("https://github.com/user-attachments/assets/0000-1111")
	issue, pull, big := app+"/issues/1", app+"/pull/2", app+"/issues/3"
	hunk := "@@ -1,3 +1,4 @@\n package main\n \n-func main() {}\n+func main() {\n+\trun()"
	return writeArchive(t, func(a archiveWriter) {
		a.records(
			// A comment may come before its issue.
			&archive.IssueComment{URL: issue + "#issuecomment-11", Issue: issue, User: hubot, Formatter: "markdown", CreatedAt: at(2),
				Body:      "Same here, @mona. It began with " + first + ", I think, and `#1` is code.\n\n- [x] reproduced\n- [ ] mended\n\n<details><summary>The log</summary>\n\n```\npanic: runtime error: index out of range\n```\n</details>",
				Reactions: []archive.Reaction{{User: mona, Content: archive.ReactionPlusOne}, {User: hubot, Content: archive.ReactionPlusOne}, {Content: archive.ReactionRocket}}},
			&archive.IssueEvent{URL: issue + "#event-1", Issue: issue, Actor: mona, Event: "labeled", Label: app + "/labels/bug", LabelName: "bug", LabelColor: "d73a4a", LabelTextColor: "ffffff", CreatedAt: at(1)},
			&archive.IssueEvent{URL: issue + "#event-2", Issue: issue, Actor: mona, Event: "closed", ReferencingPullRequest: pull, CreatedAt: at(9)},
			&archive.IssueEvent{URL: issue + "#event-3", Issue: issue, Actor: mona, Event: "renamed", TitleWas: "It crashes", TitleIs: "Crash on the first start", CreatedAt: at(3)},
			&archive.IssueEvent{URL: issue + "#event-4", Issue: issue, Event: "flew_to_the_moon", CreatedAt: at(4)},
			&archive.Organization{URL: org, Login: "octo-org", Name: "The Octo Organization", Description: "Makes apps", Members: []archive.OrganizationMember{{User: mona, Role: "admin", State: "active"}}},
			&archive.Team{URL: host + "/orgs/octo-org/teams/core", Organization: org, Name: "core", Privacy: "closed", Members: []archive.TeamMember{{User: mona, Role: "maintainer"}}, Permissions: []archive.TeamPermission{{Repository: app, Access: "admin"}}},
			user("mona", "Mona Lisa"), user("hubot", ""),
			&archive.Repository{URL: app, Owner: org, Name: "app", Description: "An app that crashes", DefaultBranch: "main", Private: true, HasIssues: true,
				GitURL: "tarball://root/repositories/octo-org/app.git", CreatedAt: at(-1000), Website: "https://app.example",
				Labels: []archive.Label{
					{URL: app + "/labels/bug", Name: "bug", Color: "d73a4a", Description: "Something is broken"},
					{URL: app + "/labels/good%20first%20issue", Name: "good first issue", Color: "7057ff"},
				},
				Webhooks:         []archive.Webhook{{PayloadURL: "https://hooks.example/secret-path?token=secret-token", Active: true}},
				Collaborators:    []archive.Collaborator{{User: hubot, Permission: "write"}},
				RepositoryTopics: []archive.RepositoryTopic{{TopicName: "crash"}}},
			&archive.Repository{URL: org + "/empty", Owner: org, Name: "empty", GitURL: "tarball://root/repositories/octo-org/empty.git"},
			&archive.Milestone{URL: app + "/milestones/1", Repository: app, User: mona, Title: "1.0", Description: "The *first* one", State: "open", DueOn: at(5000), CreatedAt: at(0)},
			&archive.Issue{URL: issue, Repository: app, User: mona, Title: "Crash on the first start", Milestone: app + "/milestones/1", Assignees: []archive.URL{hubot},
				Labels: []archive.URL{app + "/labels/bug"}, CreatedAt: at(0), ClosedAt: at(9), UpdatedAt: at(9),
				Body: "The app crashes with *every* Überraschung.\r\nSee octo-org/app#2, #3, #99 and https://github.com/octo-org/app/pull/2#discussion_r1.\r\n\r\n![the shot](" + string(shot) + ")\r\n\r\n![a tracker](https://tracker.example/pixel.gif)"},
			&archive.Issue{URL: big, Repository: app, User: hubot, Title: "データが消える", Body: "再起動するとデータベースが空になる。", Labels: []archive.URL{app + "/labels/good%20first%20issue", app + "/labels/gone"}, CreatedAt: at(20), UpdatedAt: at(20)},
			&archive.PullRequest{URL: pull, Repository: app, User: hubot, Title: "Do not crash", Body: "Closes #1", Milestone: app + "/milestones/1",
				Base:      archive.PullRequestBranch{Ref: "main", SHA: first, User: org, Repo: app},
				Head:      archive.PullRequestBranch{Ref: "patch-1", SHA: strings.Repeat("ab", 20), User: hubot},
				CreatedAt: at(5), ClosedAt: at(9), MergedAt: at(9), MergeCommitSHA: first, CloseIssueReferences: []archive.CloseIssueReference{{Issue: issue, IssueRepository: app, Actor: hubot}}},
			&archive.PullRequestReview{URL: pull + "/files#pullrequestreview-7", PullRequest: pull, User: mona, Body: "Nearly.", Formatter: "markdown", State: archive.ReviewChangesRequested, CreatedAt: at(6), SubmittedAt: at(6)},
			&archive.PullRequestReviewThread{URL: pull + "/files#pullrequestreviewthread-8", PullRequest: pull, PullRequestReview: pull + "/files#pullrequestreview-7", Path: "main.go", DiffHunk: hunk, Line: new(int64(4)), OriginalLine: new(int64(4)), CreatedAt: at(6), ResolvedAt: at(7), Resolver: mona},
			&archive.PullRequestReviewComment{URL: pull + "/files#r1", PullRequest: pull, PullRequestReview: pull + "/files#pullrequestreview-7", PullRequestReviewThread: pull + "/files#pullrequestreviewthread-8", User: mona, Body: "What if `run` panics?", Path: "main.go", DiffHunk: hunk, CreatedAt: at(6), State: 1},
			&archive.PullRequestReviewComment{URL: pull + "/files#r2", PullRequest: pull, PullRequestReviewThread: pull + "/files#pullrequestreviewthread-8", InReplyTo: pull + "/files#r1", User: hubot, Body: "Then it panics.", Path: "main.go", DiffHunk: hunk, CreatedAt: at(7), State: 1},
			&archive.IssueEvent{URL: pull + "#event-9", PullRequest: pull, Actor: mona, Event: "merged", CommitID: first, CreatedAt: at(9)},
			&archive.Discussion{URL: app + "/discussions/4", Repository: app, User: mona, Title: "Where to go", Body: "Any ideas?", DiscussionCategory: app + "/discussion_categories/Ideas", CreatedAt: at(30)},
			&archive.DiscussionCategory{URL: app + "/discussion_categories/Ideas", Repository: app, Name: "Ideas", Emoji: ":bulb:"},
			&archive.Release{URL: app + "/releases/tag/v1.0", Repository: app, User: mona, Name: "The first", TagName: "v1.0", Body: "Fewer crashes", State: "published", TargetCommitish: "main", CreatedAt: at(40), PublishedAt: at(40),
				ReleaseAssets: []archive.ReleaseAsset{{User: mona, AssetName: "app.zip", AssetContentType: "application/zip", AssetURL: "tarball://root/releases/aa/app.zip"}}},
			&archive.CommitComment{URL: app + "/commit/" + archive.URL(first) + "#commitcomment-5", Repository: app, User: hubot, Body: "A fine beginning", Formatter: "markdown", CommitID: first, CreatedAt: at(3)},
			&archive.CommitComment{URL: app + "/commit/" + lostCommit + "#commitcomment-6", Repository: app, User: hubot, Body: "On a lost commit", Formatter: "markdown", CommitID: lostCommit, CreatedAt: at(4)},
			&archive.Attachment{URL: shot, Issue: issue, User: mona, AssetName: "shot.png", AssetContentType: "image/png", AssetURL: "tarball://root/attachments/0000/shot.png", CreatedAt: at(0)},
			&archive.Attachment{URL: shot + "2", IssueComment: issue + "#issuecomment-11", User: hubot, AssetName: "log.txt", AssetContentType: "text/plain", AssetURL: "tarball://root/attachments/1111/log.txt", CreatedAt: at(2)},
			&archive.Attachment{URL: shot + "3", IssueComment: issue + "#issuecomment-11", User: hubot, AssetName: "lost.png", AssetContentType: "image/png", AssetURL: "tarball://root/attachments/2222/lost.png", CreatedAt: at(2)},
			&archive.RepositoryFile{URL: app + "/files/33/report.html", Repository: app, User: hubot, FileName: "report.html", FileContentType: "text/html", FileURL: "tarball://root/repository_files/33/report.html", CreatedAt: at(2)},
		)
		a.file("attachments/0000/shot.png", picture(t))
		a.file("attachments/1111/log.txt", []byte("a log\n"))
		a.file("repository_files/33/report.html", []byte("<script>document.title='ran'</script>"))
		a.file("releases/aa/app.zip", []byte("PK\x03\x04"))
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	})
}
