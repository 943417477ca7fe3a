package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// Count what is in an archive, without decoding any of it.
func ExampleReader_Entries() {
	r, err := archive.NewReader(exampleArchive(), nil)
	check(err)
	files, size := 0, int64(0)
	for entry, err := range r.Entries() {
		check(err)
		if entry.Kind == archive.KindAttachment && entry.Mode.IsRegular() {
			files++
			size += entry.Size
		}
	}
	fmt.Printf("%d attachment of %d bytes\n", files, size)
	// Output:
	// 1 attachment of 12 bytes
}

// Stream the issues of an archive and what was said of them, in constant memory
// whatever its size.
func ExampleReader_Records() {
	f := exampleArchive() // an *os.File, or the client's OpenArchive

	r, err := archive.NewReader(f, nil)
	check(err)
	for record, err := range r.Records("issue", "issue_comment") {
		check(err)
		switch record := record.(type) {
		case *archive.Issue:
			fmt.Printf("#%d %s, closed: %t\n", record.URL.Number(), record.Title, !record.ClosedAt.IsZero())
		case *archive.IssueComment:
			fmt.Printf("of #%d: %s\n", record.Parent().Number(), record.Body)
		case *archive.Unknown: // does not fit the type as this version knows it
			fmt.Println(record.URL, record.Err, string(record.Raw()))
		}
	}
	// Output:
	// #1 It does not start, closed: true
	// #2 Say how to stop it, closed: false
	// of #1: Have you switched it on?
	// of #1: Thanks!
}

// Go through the issues with their comments and the names of their authors,
// which is beyond one pass.
func ExampleOpen() {
	path := exampleFile(exampleArchive())
	defer func() { check(os.Remove(path)) }()

	a, err := archive.Open(path, nil)
	check(err)
	defer func() { check(a.Close()) }()
	for issue, err := range archive.All[*archive.Issue](a) {
		check(err)
		fmt.Printf("#%d %s\n", issue.URL.Number(), issue.Title)
		for comment, err := range a.Comments(issue.URL) {
			check(err)
			author := "somebody" // whose account is gone, or was not exported
			record, err := a.Lookup(comment.User)
			if user, ok := record.(*archive.User); ok {
				author = user.Login
			} else if !errors.Is(err, archive.ErrNotFound) {
				check(err)
			}
			fmt.Printf("   %s: %s\n", author, comment.Body)
		}
	}
	// Output:
	// #1 It does not start
	//    octocat: Have you switched it on?
	//    somebody: Thanks!
	// #2 Say how to stop it
}

// Make sure that a backup is one: whole, consistent, and of all that was asked
// for.
func ExampleVerify() {
	f := exampleArchive() // an *os.File, or the client's OpenArchive

	summary, err := archive.Verify(f, &archive.VerifyOptions{Repositories: []string{"octo-org/app"}})
	check(err)
	for _, kind := range slices.Sorted(maps.Keys(summary.Records)) {
		fmt.Println(summary.Records[kind], kind)
	}
	for kind, why := range summary.Misfits {
		fmt.Println(summary.Unknown[kind], kind, "as *Unknown:", why)
	}
	// Output:
	// 1 attachment
	// 2 issue
	// 2 issue_comment
	// 1 organization
	// 1 repository
	// 1 user
}

// Everything that is wrong comes in one error, each fault with its entry.
func ExampleVerify_faults() {
	_, err := archive.Verify(exampleArchive(), &archive.VerifyOptions{
		Repositories: []string{"octo-org/app", "octo-org/gone"},
	})
	if faults, ok := errors.AsType[*archive.FaultError](err); ok {
		for _, fault := range faults.Faults {
			fmt.Println(fault)
		}
	}

	whole, _ := io.ReadAll(exampleArchive())
	_, err = archive.Verify(bytes.NewReader(whole[:len(whole)/2]), nil)
	fmt.Println("cut short:", errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// archive: repository octo-org/gone is not in the archive
	// cut short: true
}

// Unpack an archive. What is in dir/repositories can be cloned.
func ExampleExtract() {
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()

	_, err = archive.Extract(exampleArchive(), dir, nil)
	check(err)
	config, err := os.ReadFile(filepath.Join(dir, "repositories", "octo-org", "app.git", "config"))
	check(err)
	fmt.Printf("%s", config)
	// Output:
	// [core]
	// 	repositoryformatversion = 0
	// 	filemode = true
	// 	bare = true
}

// Write an archive: for a test, or for GitHub's importer.
func ExampleWriter() {
	const repo = "https://github.com/octo-org/app"
	var b bytes.Buffer
	w := archive.NewWriter(&b, nil)
	records := []archive.Record{
		&archive.User{URL: "https://github.com/octocat", Login: "octocat"},
		&archive.Organization{URL: "https://github.com/octo-org", Login: "octo-org"},
		&archive.Repository{
			URL:           repo,
			Owner:         "https://github.com/octo-org",
			Name:          "app",
			DefaultBranch: "main",
			GitURL:        "tarball://root/repositories/octo-org/app.git",
		},
		&archive.Issue{
			URL:        repo + "/issues/1",
			Repository: repo,
			User:       "https://github.com/octocat",
			Title:      "It does not start",
			CreatedAt:  archive.Time{Time: time.Date(2026, 3, 10, 9, 30, 0, 0, time.UTC)},
		},
	}
	for _, record := range records {
		check(w.Write(record))
	}
	check(w.AddRepository("octo-org/app", emptyRepository()))
	check(w.Close())
	summary, err := archive.Verify(&b, nil)
	check(err)
	fmt.Println(summary.Repositories[0].Name, summary.Dangling)
	// Output:
	// octo-org/app map[]
}
