package archive_test

import (
	"fmt"
	"io"

	"github.com/ghmigrate/ghmigrate/archive"
)

// printIssues prints the issues and their comments, in the order of the
// archive. It reads a file, or an archive that is being downloaded.
func printIssues(file io.Reader) error {
	r, err := archive.NewReader(file, nil)
	if err != nil {
		return err
	}
	for record, err := range r.Records("issue", "issue_comment") {
		if err != nil {
			return err
		}
		switch record := record.(type) {
		case *archive.Issue:
			fmt.Printf("#%d %s, closed: %t\n", record.URL.Number(), record.Title, !record.ClosedAt.IsZero())
		case *archive.IssueComment:
			fmt.Printf("comment on #%d: %s\n", record.Parent().Number(), record.Body)
		case *archive.Unknown: // does not fit its type
			fmt.Println(record.URL, record.Err, string(record.Raw()))
		}
	}
	return nil
}

// Stream the issues of an archive, in constant memory.
func ExampleReader_Records() {
	if err := printIssues(exampleArchive()); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// #1 It does not start, closed: true
	// #2 Say how to stop it, closed: false
	// comment on #1: Have you switched it on?
	// comment on #1: Thanks!
}
