package export_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// exportAll exports repositories of an account and prints the missing repositories.
func exportAll(ctx context.Context, acct export.Account, names []string, dir string) error {
	manifest, err := export.Run(ctx, acct, export.Options{
		Repositories:   names, // "octo-org/hello-world", …
		Dir:            dir,
		Start:          ghmigrate.StartMigrationRequest{LockRepositories: true},
		DeleteArchives: true, // at GitHub, when they are safe here
	})
	if partial, ok := errors.AsType[*export.PartialError](err); ok {
		for _, row := range partial.Repositories {
			fmt.Println("not exported:", row.Repository, row.Error)
		}
		for _, name := range partial.Locked {
			fmt.Println("perhaps still locked:", name)
		}
	}
	if err != nil {
		return err
	}
	for _, row := range manifest.Repositories {
		fmt.Println(row.Repository, "is in", row.Archive)
	}
	return nil
}

// Export a list of repositories into verified archives. After a crash or an error, the
// same call continues the run.
func ExampleRun() {
	names := []string{"octo-org/hello-world"}
	server, acct, dir := exampleServer(names...)
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()

	if err := exportAll(context.Background(), acct, names, dir); err != nil {
		fmt.Println(err)
	}
	// Output: octo-org/hello-world is in migration-79.tar.gz
}
