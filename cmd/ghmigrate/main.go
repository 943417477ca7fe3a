// Ghmigrate exports the repositories of GitHub organizations and users into verified
// archives, in a folder or a bucket. Run ghmigrate --help for its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/s3blob"    // s3://

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/cli"
)

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP) // a closed terminal may send several
		stop()                        // a second signal of another kind ends the program at once
	})
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
