// Demo runs a fake GitHub, exports two repositories, prints the content of the archive,
// and restores a repository. It is `ghmigrate demo` without the other commands, so that
// it compiles quickly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ghmigrate/ghmigrate/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := demo.Run(ctx, os.Stdout, os.Stderr, nil)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
