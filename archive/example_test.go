package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// Count the attachments in an archive, without decoding records.
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

// Print the issues with their comments and the names of the authors. One pass over the
// archive is not enough.
func ExampleOpen() {
	a, err := archive.Open(context.Background(), exampleArchive(), nil)
	check(err)
	defer func() { check(a.Close()) }()
	for issue, err := range archive.All[*archive.Issue](a) {
		check(err)
		fmt.Printf("#%d %s\n", issue.URL.Number(), issue.Title)
		for comment, err := range a.Comments(issue.URL) {
			check(err)
			author := "somebody" // the account was deleted, or not exported
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

// One error has all faults, each with its entry.
func ExampleVerify_faults() {
	_, err := archive.Verify(context.Background(), exampleArchive(), &archive.VerifyOptions{
		Repositories: []string{"octo-org/app", "octo-org/gone"},
	})
	if faults, ok := errors.AsType[*archive.FaultError](err); ok {
		for _, fault := range faults.Faults {
			fmt.Println(fault)
		}
	}

	whole, _ := io.ReadAll(exampleArchive())
	_, err = archive.Verify(context.Background(), bytes.NewReader(whole[:len(whole)/2]), nil)
	fmt.Println("truncated:", errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// archive: repository octo-org/gone is not in the archive
	// truncated: true
}

// Look up an issue, and list its attachments.
func ExampleArchive_Lookup() {
	a, err := archive.Open(context.Background(), exampleArchive(), nil)
	check(err)
	defer func() { check(a.Close()) }()

	record, err := a.Lookup("https://github.com/octo-org/app/issues/1")
	check(err)
	issue, ok := record.(*archive.Issue)
	if !ok {
		fmt.Println("not an issue, but", record.Kind())
		return
	}
	for file, err := range a.Attachments(issue.URL) {
		check(err)
		fmt.Println(file.AssetName, "of", file.User, "is in", file.AssetURL)
	}
	_, err = a.Lookup("https://github.com/octo-org/app/issues/99")
	fmt.Println("another:", errors.Is(err, archive.ErrNotFound))
	// Output:
	// log.txt of https://github.com/octocat is in tarball://root/attachments/5e6fb79b-5d2a-4b0f-9d1c-7e7c2b0f1a11/log.txt
	// another: true
}

// Records of unknown types are kept.
func ExampleUnknown() {
	var b bytes.Buffer
	w := archive.NewWriter(&b, nil)
	check(w.Write(poll{Type: "poll", URL: "https://github.com/octo-org/app/polls/1", Question: "Tabs?"}))
	check(w.Close())

	r, err := archive.NewReader(&b, nil)
	check(err)
	for record, err := range r.Records() {
		check(err)
		if unknown, ok := record.(*archive.Unknown); ok {
			fmt.Println(unknown.Type, strings.Contains(string(unknown.Raw()), `"Tabs?"`))
		}
	}
	// Output: poll true
}

// A poll is a record of a type that package archive does not have.
type poll struct {
	Type     string      `json:"type"`
	URL      archive.URL `json:"url"`
	Question string      `json:"question"`
}

func (p poll) Kind() string         { return p.Type }
func (p poll) Key() archive.URL     { return p.URL }
func (p poll) Raw() json.RawMessage { return nil }

// Unpack an archive. The repositories in dir/repositories can be cloned.
func ExampleExtract() {
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()

	_, err = archive.Extract(context.Background(), exampleArchive(), dir, nil)
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
	summary, err := archive.Verify(context.Background(), &b, nil)
	check(err)
	fmt.Println(summary.Repositories[0].Name, summary.Dangling)
	// Output:
	// octo-org/app map[]
}
