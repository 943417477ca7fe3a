package archive_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// extractAndCheck extracts an archive into dir and lets git check each repository.
// Verify does not read the history; git fsck does.
func extractAndCheck(ctx context.Context, file io.Reader, dir string) (*archive.Summary, error) {
	summary, err := archive.Extract(ctx, file, dir, nil)
	if err != nil {
		return summary, err
	}
	bare, err := filepath.Glob(filepath.Join(dir, "repositories", "*", "*.git"))
	if err != nil {
		return summary, err
	}
	for _, repository := range bare { // including wikis
		out, err := exec.CommandContext(ctx, "git", "-C", repository, "fsck", "--full").CombinedOutput()
		if err != nil {
			return summary, fmt.Errorf("git fsck %s: %w: %s", repository, err, out)
		}
	}
	return summary, nil
}

// restore pushes each repository of an archive, with all branches and tags, to the
// empty repository of the same name at another host.
func restore(ctx context.Context, file io.Reader, dir, host string) error {
	summary, err := extractAndCheck(ctx, file, dir)
	if err != nil {
		return err
	}
	for _, repository := range summary.Repositories {
		if repository.Refs == 0 {
			continue // no refs to push
		}
		bare := filepath.Join(dir, "repositories", filepath.FromSlash(repository.Name)+".git")
		to := host + "/" + repository.Name + ".git"
		out, err := exec.CommandContext(ctx, "git", "-C", bare, "push", "--quiet", "--mirror", to).CombinedOutput()
		if err != nil {
			return fmt.Errorf("push %s: %w: %s", repository.Name, err, out)
		}
		fmt.Println("restored", repository.Name)
	}
	return nil
}

// Restore the repositories of an archive to another host. Issues and pull requests
// stay in the JSON files, for a program that uses the host's API.
func ExampleExtract_restore() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	host := filepath.Join(dir, "host") // a folder of bare repositories
	file, commit := exampleGitArchive(dir)
	git(dir, "init", "--quiet", "--bare", filepath.Join(host, "octo-org", "app.git"))

	check(restore(ctx, file, filepath.Join(dir, "unpacked"), "file://"+filepath.ToSlash(host)))
	restored := git(filepath.Join(host, "octo-org", "app.git"), "rev-parse", "refs/heads/main")
	fmt.Println("the same commit:", restored == commit)
	// Output:
	// restored octo-org/app
	// the same commit: true
}

// exampleGitArchive returns an archive of a repository with a commit, and the name
// of the commit.
func exampleGitArchive(dir string) (file io.Reader, commit string) {
	bare := filepath.Join(dir, "app.git")
	git(dir, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	tree := git(bare, "hash-object", "-w", "-t", "tree", os.DevNull)
	commit = git(bare, "-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "commit-tree", "-m", "First", tree)
	git(bare, "update-ref", "refs/heads/main", commit)
	f, err := os.Create(filepath.Join(dir, "archive.tar.gz"))
	check(err)
	w := archive.NewWriter(f, nil)
	check(w.AddRepository("octo-org/app", os.DirFS(bare)))
	check(w.Close())
	_, err = f.Seek(0, io.SeekStart)
	check(err)
	return f, commit
}

// git runs git and returns what it prints.
func git(dir string, args ...string) string {
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("git %s: %v: %s", strings.Join(args, " "), err, out))
	}
	return strings.TrimSpace(string(out))
}
