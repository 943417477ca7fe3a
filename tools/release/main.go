// Release prepares the released modules for a version. It removes the replace
// directives from their go.mod files, and writes a module proxy that serves the
// same files as the Go module mirror would.
//
//	go run -C tools ./release -version v0.1.0 -tree COPY -proxy DIR
//
// The program changes the tree, which is a copy of the checkout. Other modules come from
// GOPROXY and the module cache of Go's environment.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const library = "github.com/ghmigrate/ghmigrate"

// released are the folders of the released modules, each after the modules that it
// requires.
var released = []string{".", "blobstore", "cmd/ghmigrate", "temporal"}

func main() {
	version := flag.String("version", "", "the version, such as v0.1.0")
	tree := flag.String("tree", "", "a copy of the checkout")
	proxy := flag.String("proxy", "", "the folder of the module proxy")
	flag.Parse()
	if err := run(*version, *tree, *proxy); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run prepares and serves the modules, one after the other.
func run(version, tree, proxy string) error {
	if version == "" || tree == "" || proxy == "" {
		return errors.New("want -version, -tree and -proxy")
	}
	tree, err := filepath.Abs(tree)
	if err != nil {
		return err
	}
	if proxy, err = filepath.Abs(proxy); err != nil {
		return err
	}
	for _, folder := range released {
		dir := filepath.Join(tree, filepath.FromSlash(folder))
		if folder != "." {
			if err := pin(filepath.Join(dir, "go.mod"), version); err != nil {
				return fmt.Errorf("%s: %w", folder, err)
			}
			if err := tidy(dir, proxy); err != nil {
				return fmt.Errorf("%s: %w", folder, err)
			}
		}
		if err := serve(tree, folder, version, proxy); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}

// isOwn reports whether a module is of this repository.
func isOwn(path string) bool { return path == library || strings.HasPrefix(path, library+"/") }

// pin makes a go.mod file require the version of the modules of this repository, without
// replace directives.
func pin(name, version string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return err
	}
	for _, replace := range file.Replace {
		if err := file.DropReplace(replace.Old.Path, replace.Old.Version); err != nil {
			return err
		}
	}
	for _, require := range file.Require {
		if isOwn(require.Mod.Path) {
			if err := file.AddRequire(require.Mod.Path, version); err != nil {
				return err
			}
		}
	}
	file.Cleanup()
	if data, err = file.Format(); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644) //nolint:gosec // the mode that git has
}

// tidy adds the checksums of the modules of this repository to go.sum.
func tidy(dir, proxy string) error {
	others, err := exec.Command("go", "env", "GOPROXY").Output() //nolint:noctx // go ends by itself
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "mod", "tidy") //nolint:noctx // as above
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GONOSUMDB="+library, "GOPROXY=file://"+filepath.ToSlash(proxy)+","+strings.TrimSpace(string(others)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy: %w: %s", err, out)
	}
	return nil
}

// serve writes the files of a version of a module into the proxy.
func serve(tree, folder, version, proxy string) error {
	m := module.Version{Path: strings.TrimSuffix(library+"/"+folder, "/."), Version: version}
	dir := filepath.Join(tree, filepath.FromSlash(folder))
	at := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil { //nolint:gosec // everybody may read a proxy
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"list": version + "\n", version + ".info": fmt.Sprintf("{\"Version\": %q}\n", version), version + ".mod": string(data),
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(content), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	remove, err := addLicense(tree, dir)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	size := int64(0)
	err = zip.CreateFromDir(f, m, dir)
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if err := errors.Join(err, f.Close(), remove()); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", m, size)
	return nil
}

// addLicense copies the license of the repository into a nested module, as Go does when
// it makes the zip of the module from a repository. Remove removes the copy.
func addLicense(tree, dir string) (remove func() error, err error) {
	name := filepath.Join(dir, "LICENSE")
	if _, err := os.Stat(name); err == nil {
		return func() error { return nil }, nil
	}
	data, err := os.ReadFile(filepath.Join(tree, "LICENSE"))
	if err != nil {
		return nil, err
	}
	return func() error { return os.Remove(name) }, os.WriteFile(name, data, 0o644) //nolint:gosec // the mode that git has
}
