// Command examples writes the documented examples of GitHub's OpenAPI description to a
// directory, one file for each response. It runs in the directory of the module, where
// the description is installed:
//
//	go generate -C internal/contract .
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the directory for the files, got %q", args)
	}
	all, err := contract.Load(".")
	if err != nil {
		return err
	}
	files, err := contract.Examples(all)
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(args[0])
	if err != nil {
		return err
	}
	for name, content := range files {
		err = errors.Join(err, dir.WriteFile(name, content, 0o600))
	}
	return errors.Join(err, dir.Close())
}
