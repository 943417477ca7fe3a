package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ghmigrate/ghmigrate/archive"
)

// verify makes sure that a backup is one: whole, consistent, and of all that
// was asked for. It prints everything that is wrong.
func verify(ctx context.Context, file io.Reader) error {
	summary, err := archive.Verify(ctx, file, &archive.VerifyOptions{Repositories: []string{"octo-org/app"}})
	if faults, ok := errors.AsType[*archive.FaultError](err); ok {
		for _, fault := range faults.Faults {
			fmt.Println(fault) // with the name of its entry
		}
	}
	if err != nil {
		return err
	}
	fmt.Println(summary.Records["issue"], "issues,", len(summary.Repositories), "repository, all whole")
	return nil
}

// An archive that nobody has verified is not a backup yet.
func ExampleVerify() {
	if err := verify(context.Background(), exampleArchive()); err != nil {
		fmt.Println(err)
	}
	// Output: 2 issues, 1 repository, all whole
}
