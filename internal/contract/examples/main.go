// Command examples writes the documented examples of GitHub's OpenAPI
// description into a folder, one file per response. It is run in the folder of
// the module, where the description is installed:
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
		return fmt.Errorf("want the folder for the files, got %q", args)
	}
	all, err := contract.Load(".")
	if err != nil {
		return err
	}
	files, err := contract.Examples(all)
	if err != nil {
		return err
	}
	folder, err := os.OpenRoot(args[0])
	if err != nil {
		return err
	}
	for name, content := range files {
		err = errors.Join(err, folder.WriteFile(name, content, 0o600))
	}
	return errors.Join(err, folder.Close())
}
