package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ghmigrate/ghmigrate/archive"
)

// verifyThenRead verifies a backup, which must be whole and have the requested
// repository, and then prints its open issues.
func verifyThenRead(ctx context.Context, file io.ReadSeeker) error {
	_, err := archive.Verify(ctx, file, &archive.VerifyOptions{Repositories: []string{"octo-org/app"}})
	if faults, ok := errors.AsType[*archive.FaultError](err); ok {
		for _, fault := range faults.Faults {
			fmt.Println(fault) // with the name of its entry
		}
	}
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := archive.NewReader(file, nil)
	if err != nil {
		return err
	}
	for issue, err := range archive.Records[*archive.Issue](r) {
		if err != nil {
			return err
		}
		if issue.ClosedAt.IsZero() {
			fmt.Printf("#%d %s\n", issue.URL.Number(), issue.Title)
		}
	}
	return nil
}

// An archive that nobody has verified is not a backup yet.
func ExampleVerify() {
	if err := verifyThenRead(context.Background(), exampleArchive()); err != nil {
		fmt.Println(err)
	}
	// Output: #2 Say how to stop it
}
