package archive_test

import (
	"bytes"
	"io"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// exampleArchive returns an archive of one small repository.
func exampleArchive() io.ReadSeeker {
	const (
		repo = "https://github.com/octo-org/app"
		user = "https://github.com/octocat"
	)
	day := func(day int) archive.Time {
		return archive.Time{Time: time.Date(2026, 3, day, 9, 30, 0, 0, time.UTC)}
	}
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{ModTime: day(20).Time})
	for _, record := range []archive.Record{
		&archive.User{URL: user, Login: "octocat", CreatedAt: day(1)},
		&archive.Organization{URL: "https://github.com/octo-org", Login: "octo-org", CreatedAt: day(1)},
		&archive.Repository{
			URL:           repo,
			Owner:         "https://github.com/octo-org",
			Name:          "app",
			DefaultBranch: "main",
			GitURL:        "tarball://root/repositories/octo-org/app.git",
			CreatedAt:     day(2),
		},
		&archive.Issue{
			URL:        repo + "/issues/1",
			Repository: repo,
			User:       user,
			Title:      "It does not start",
			CreatedAt:  day(3),
			ClosedAt:   day(5),
		},
		&archive.Issue{URL: repo + "/issues/2", Repository: repo, User: user, Title: "Say how to stop it", CreatedAt: day(6)},
		&archive.IssueComment{
			URL:       repo + "/issues/1#issuecomment-101",
			Issue:     repo + "/issues/1",
			User:      user,
			Body:      "Have you switched it on?",
			CreatedAt: day(4),
		},
		// The account of the author was deleted.
		&archive.IssueComment{URL: repo + "/issues/1#issuecomment-102", Issue: repo + "/issues/1", Body: "Thanks!", CreatedAt: day(5)},
		&archive.Attachment{
			URL:              "https://github.com/user-attachments/assets/5e6fb79b-5d2a-4b0f-9d1c-7e7c2b0f1a11",
			Issue:            repo + "/issues/1",
			User:             user,
			AssetName:        "log.txt",
			AssetContentType: "text/plain",
			AssetURL:         "tarball://root/attachments/5e6fb79b-5d2a-4b0f-9d1c-7e7c2b0f1a11/log.txt",
			CreatedAt:        day(3),
		},
	} {
		check(w.Write(record))
	}
	const content = "no power yet"
	f, err := w.Create("attachments/5e6fb79b-5d2a-4b0f-9d1c-7e7c2b0f1a11/log.txt", int64(len(content)))
	check(err)
	_, err = io.WriteString(f, content)
	check(err)
	check(w.AddRepository("octo-org/app", emptyRepository()))
	check(w.Close())
	return bytes.NewReader(b.Bytes())
}

// emptyRepository returns a bare repository without a commit.
func emptyRepository() fstest.MapFS {
	return fstest.MapFS{
		"HEAD":    {Data: []byte("ref: refs/heads/main\n")},
		"config":  {Data: []byte("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")},
		"objects": {Mode: fs.ModeDir},
		"refs":    {Mode: fs.ModeDir},
	}
}

// check ends an example that fails.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
