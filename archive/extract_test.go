package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
)

// extracted returns the files that Extract makes from the layout.
func (l *layout) extracted() map[string]string {
	files := map[string]string{}
	for _, m := range l.members {
		dir, rest, git := strings.Cut(m.name, ".git/")
		switch {
		case git && rest == "config":
			files[dir+".git/github-config"] = string(m.body)
			files[m.name] = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
			if strings.Contains(string(m.body), "sha256") {
				files[m.name] = "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
			}
		case m.typeflag != tar.TypeReg, git && (strings.HasPrefix(rest, "hooks/") || strings.HasSuffix(rest, "lock") || rest == "objects/info/alternates"):
		case git && isRebuilt(rest):
		case git && (strings.HasPrefix(rest, "logs/") || rest == "audit_log" || rest == "dgit-state" || rest == "info/nwo"):
			files[dir+".git/github-"+strings.ReplaceAll(rest, "/", "%2F")] = string(m.body)
		default:
			files[m.name] = string(m.body)
		}
	}
	return files
}

// isRebuilt reports whether Git rebuilds the file from others.
func isRebuilt(name string) bool {
	switch path.Ext(name) {
	case ".rev", ".bitmap", ".mtimes", ".graph", ".midx":
		return true
	}
	return slices.Contains([]string{"info/refs", "objects/info/packs", "objects/info/commit-graph", "objects/pack/multi-pack-index"}, name)
}

// tree returns the files in dir, and checks the modes of all files and directories.
func tree(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	files := map[string]string{}
	require.NoError(tb, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if runtime.GOOS == "windows" {
			want = want.Type() | info.Mode().Perm()
		}
		assert.Equal(tb, want, info.Mode(), file)
		if d.IsDir() {
			return nil
		}
		content, err := os.ReadFile(file)
		rel, relErr := filepath.Rel(dir, file)
		files[filepath.ToSlash(rel)] = string(content)
		return errors.Join(err, relErr)
	}))
	return files
}

func TestExtractAcceptsAnyOrder(t *testing.T) {
	t.Parallel()
	l := exported(t)
	want := l.extracted()
	random := rand.New(rand.NewPCG(1, 2))
	for name, order := range map[string]func(){
		"sorted":   func() {},
		"backward": func() { slices.Reverse(l.members) },
		"mixed": func() {
			random.Shuffle(len(l.members), func(i, j int) { l.members[i], l.members[j] = l.members[j], l.members[i] })
		},
		"without directories": func() {
			l.members = slices.DeleteFunc(l.members, func(m *member) bool { return m.typeflag == tar.TypeDir })
		},
	} {
		order()
		file := l.file(t)
		dir := filepath.Join(t.TempDir(), "made", "for it")
		summary, err := archive.Extract(t.Context(), bytes.NewReader(file), dir, nil)
		require.NoError(t, err, name)
		verified, err := archive.Verify(t.Context(), bytes.NewReader(file), nil)
		require.NoError(t, err, name)
		assert.Equal(t, verified, summary, name)
		got := tree(t, dir)
		assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), name)
		assert.Equal(t, want, got, name)
	}
}

func TestExtractLeavesRepositoriesThatGitAccepts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(exported(t).file(t)), dir, nil)
	require.NoError(t, err)
	for name, refs := range map[string]int{"app": 5, "app.wiki": 5, "next": 5, "next.wiki": 5, "empty": 0} {
		bare := filepath.Join(dir, "repositories", "octocat", name+".git")
		gittest.Run(t, bare, "", "git", "fsck", "--full", "--strict")
		clone := filepath.Join(t.TempDir(), "clone")
		gittest.Run(t, dir, "", "git", "clone", "-q", "--mirror", bare, clone)
		assert.Equal(t, refs, strings.Count(gittest.Run(t, clone, "", "git", "for-each-ref"), "\n"), name)
		format := strings.TrimSpace(gittest.Run(t, bare, "", "git", "rev-parse", "--show-object-format"))
		assert.Equal(t, map[bool]string{true: "sha1", false: "sha256"}[strings.HasPrefix(name, "app")], format, name)
	}
}

func TestExtractNeedsAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	untouched := func() io.Reader { return readerFunc(func([]byte) (int, error) { t.Error("read"); return 0, io.EOF }) }

	summary, err := archive.Extract(t.Context(), untouched(), dir, nil)
	require.ErrorContains(t, err, "is not empty")
	assert.NotNil(t, summary)
	_, err = archive.Extract(t.Context(), untouched(), file, nil)
	require.Error(t, err)
	assert.Equal(t, map[string]string{"precious": "mine"}, tree(t, dir))
}

func TestExtractStopsWhenItCannotWrite(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("an open directory cannot be removed")
	}
	dir := filepath.Join(t.TempDir(), "dir")
	file := bytes.NewReader(smallArchive(t))
	_, err := archive.Extract(t.Context(), readerFunc(func(p []byte) (int, error) {
		require.NoError(t, os.RemoveAll(dir))
		return file.Read(p)
	}), dir, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, ok := errors.AsType[*archive.Fault](err)
	assert.False(t, ok, "%v", err)
	assert.Regexp(t, `^extract .*: mkdirat `, err)
}

func TestExtractReturnsTheErrorOfItsReader(t *testing.T) {
	t.Parallel()
	file, broken := smallArchive(t), errors.New("broken")
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), io.MultiReader(bytes.NewReader(file[:len(file)/2]), readerFunc(func([]byte) (int, error) { return 0, broken })), dir, nil)
	require.ErrorIs(t, err, broken)
	tree(t, dir)
}

func TestExtractLeavesNoPartsOfFiles(t *testing.T) {
	t.Parallel()
	l := exported(t)
	want := l.extracted()
	file := l.file(t)
	for cut := 0; cut < len(file); cut += stride(len(file)/8+1) + len(file)/100 {
		dir := t.TempDir()
		_, err := archive.Extract(t.Context(), bytes.NewReader(file[:cut]), dir, nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		for name, content := range tree(t, dir) {
			if path.Base(name) != "config" { // The object format depends on files that may be missing.
				assert.Equal(t, want[name], content, "%s, truncated at %d", name, cut)
			}
		}
	}
}

func TestExtractContinuesAfterARefusal(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	const windows = "is not a name on Windows"
	sha := strings.Repeat("0", 40)
	file := smallArchive(t)
	for name, test := range map[string]struct {
		entry member
		want  string
	}{
		"a symbolic link":                {member{name: "attachments/1/link", typeflag: tar.TypeSymlink, link: "/etc/passwd"}, "a symbolic link"},
		"a hard link":                    {member{name: "attachments/1/link", typeflag: tar.TypeLink, link: "schema.json"}, "a hard link"},
		"a character device":             {member{name: "null", typeflag: tar.TypeChar}, "a character device"},
		"a block device":                 {member{name: "disk", typeflag: tar.TypeBlock}, "a block device"},
		"a pipe":                         {member{name: "pipe", typeflag: tar.TypeFifo}, "a named pipe"},
		"an absolute name":               {member{name: "/tmp/x"}, "absolute"},
		"a name that leads out":          {member{name: "../x"}, `".."`},
		"a name that leads back":         {member{name: "attachments/../attachments/1/x"}, `".."`},
		"a name that was there":          {member{name: "attachments/1/shot.png"}, "same name"},
		"a file for a directory":         {member{name: "attachments/1/shot.png/x"}, "which is a file"},
		"a reserved name":                {member{name: "attachments/1/aux"}, "is a device on Windows"},
		"a reserved name, extended":      {member{name: "attachments/1/Com1.tar.gz"}, "is a device on Windows"},
		"a reserved name with space":     {member{name: "attachments/1/nul .txt"}, "is a device on Windows"},
		"a reserved directory":           {member{name: "attachments/lpt²/x"}, "is a device on Windows"},
		"a console":                      {member{name: "attachments/1/conOUT$"}, "is a device on Windows"},
		"a stream":                       {member{name: "attachments/1/a:b"}, windows},
		"a backslash":                    {member{name: `attachments/1/..\..\x`}, windows},
		"a question mark":                {member{name: "attachments/1/why?"}, windows},
		"a quote":                        {member{name: `attachments/1/"x"`}, windows},
		"a pipe in a name":               {member{name: "attachments/1/a|b"}, windows},
		"an angle bracket":               {member{name: "attachments/1/<x>"}, windows},
		"an asterisk":                    {member{name: "attachments/1/*"}, windows},
		"a dot at the end":               {member{name: "attachments/1/x."}, windows},
		"a space at the end":             {member{name: "attachments/1 /x"}, windows},
		"a control character":            {member{name: "attachments/1/a\x1b[2Jb"}, "control character"},
		"a line break":                   {member{name: "attachments/1/a\nb"}, "control character"},
		"a name that is not UTF-8":       {member{name: "attachments/1/\xff"}, "UTF-8"},
		"a long name":                    {member{name: "attachments/1/" + strings.Repeat("x", 256)}, "more than 255 bytes"},
		"a deep name":                    {member{name: strings.Repeat("xxxx/", 250) + "x"}, "more than 1024 bytes"},
		".git":                           {member{name: "attachments/1/.git"}, "treated as .git"},
		".git as a directory":            {member{name: ".git/config"}, "treated as .git"},
		".git in a repository":           {member{name: git + ".git/config"}, "treated as .git"},
		".git in capitals":               {member{name: "attachments/.GIT/config"}, "treated as .git"},
		".git, an invisible character":   {member{name: "attachments/1/.g\u200cit"}, "treated as .git"},
		".git with a mark":               {member{name: "attachments/1/\ufeff.git"}, "treated as .git"},
		".git by its short name":         {member{name: "attachments/1/GIT~1"}, "treated as .git"},
		"a HEAD at the top":              {member{name: "HEAD"}, "treat its directory as a repository"},
		"a HEAD of an attachment":        {member{name: "attachments/1/Head"}, "treat its directory as a repository"},
		"HEAD, an invisible character":   {member{name: "novelties/HE\u200dAD"}, "treat its directory as a repository"},
		"a commondir":                    {member{name: "attachments/1/commondir"}, "treat its directory as a repository"},
		"too deep":                       {member{name: "attachments/1/objects/x"}, "its name does not have the form attachments/<id>/<file>"},
		"a directory too deep":           {member{name: "releases/1/objects", typeflag: tar.TypeDir}, "its name does not have the form releases/<id>/<file>"},
		"not deep enough":                {member{name: "repository_files/x"}, "its name does not have the form repository_files/<id>/<file>"},
		"outside of repositories":        {member{name: "repositories/octocat/x"}, "not in a bare repository"},
		"by another case":                {member{name: "repositories/octocat/app.GIT/config"}, "not in a bare repository"},
		"another case of the top":        {member{name: "Repositories/octocat/app.git/config"}, "could name another directory"},
		"a short name of the top":        {member{name: "reposi~1/octocat/app.git/config"}, "could name another directory"},
		"a file as a repository":         {member{name: "repositories/octocat/x.git"}, "a file in place of a bare repository"},
		"a hook":                         {member{name: git + "hooks/post-update"}, "git could run it"},
		"a hook of another case":         {member{name: git + "Hooks/post-update"}, "git could run it"},
		"a config of another case":       {member{name: git + "CONFIG"}, "tell Git what to run"},
		"a config of a worktree":         {member{name: git + "config.worktree"}, "tell Git what to run"},
		"a common directory":             {member{name: git + "commondir"}, "another repository"},
		"a directory elsewhere":          {member{name: git + "gitdir"}, "another repository"},
		"a worktree":                     {member{name: git + "worktrees/x/gitdir"}, "another repository"},
		"a directory of worktrees":       {member{name: git + "worktrees", typeflag: tar.TypeDir}, "another repository"},
		"a module":                       {member{name: git + "modules/x/config"}, "another repository"},
		"an old remote":                  {member{name: git + "branches/origin"}, "where to fetch from"},
		"an older remote":                {member{name: git + "remotes/origin"}, "where to fetch from"},
		"grafts":                         {member{name: git + "info/grafts"}, "history"},
		"alternates by HTTP":             {member{name: git + "objects/info/http-alternates"}, "other objects"},
		"an invalid ref":                 {member{name: git + "refs/config", body: []byte("[alias]\n\tx = !x\n")}, "not a ref"},
		"a ref and more":                 {member{name: git + "refs/config", body: []byte(sha + "\n[alias]\n\tx = !x\n")}, "not a ref"},
		"a long ref":                     {member{name: git + "refs/x", body: bytes.Repeat([]byte(" "), 1<<20)}, "too long"},
		"a ref with a valid beginning":   {member{name: git + "refs/x", body: []byte(sha + strings.Repeat(" ", 8<<10-len(sha)) + "[alias]\n\tx = !x\n")}, "too long"},
		"Mercurial's directory":          {member{name: ".hg/hgrc"}, "begins with a dot"},
		"a hidden directory deeper":      {member{name: "attachments/.hg/hgrc"}, "begins with a dot"},
		"a hidden owner":                 {member{name: "repositories/.hg/hgrc.git/HEAD"}, "begins with a dot"},
		"hidden, an invisible character": {member{name: "attachments/\u200c.hg/hgrc"}, "begins with a dot"},
		"the directory of an editor":     {member{name: "novelties/.vscode/tasks.json"}, "begins with a dot"},
		"an empty hidden directory":      {member{name: "attachments/.svn", typeflag: tar.TypeDir}, "begins with a dot"},
		"a file of a shell":              {member{name: ".envrc"}, "begins with a dot"},
		"a hidden file elsewhere":        {member{name: "novelties/.envrc"}, "begins with a dot"},
		"too many directories":           {member{name: "novelties/" + strings.Repeat("x/", 8) + "x"}, "more than 8 directories"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := readLayout(t, file)
			want := l.extracted()
			if test.entry.typeflag == 0 {
				test.entry.typeflag = tar.TypeReg
			}
			l.members = append(l.members, &test.entry, &member{name: "attachments/9/after.txt", typeflag: tar.TypeReg, body: []byte("after")})
			want["attachments/9/after.txt"] = "after"
			parent := t.TempDir()
			dir := filepath.Join(parent, "dir")
			_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
			faults := faultsOf(t, err)
			for _, fault := range faults.Faults {
				assert.Contains(t, fault.Entry, path.Clean(test.entry.name))
			}
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, want, tree(t, dir))
			entries, err := os.ReadDir(parent)
			require.NoError(t, err)
			assert.Len(t, entries, 1)
		})
	}
}

func TestExtractKeepsNamesThatOnlyLookOdd(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	for _, name := range []string{"config", "objects", "refs", "hooks", "console.txt", "com.txt", "com10", "nul-1", "git~x", ".gitignore", ".x", "émoji 👩‍💻", " x", "~", "$x", "a..b"} {
		l.add("attachments/1/"+name, name)
	}
	l.add("Read me (1).txt", "at the top")
	l.add("novelties/"+strings.Repeat("x/", 7)+"x", "deep")
	want := l.extracted()
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.NoError(t, err)
	assert.Equal(t, want, tree(t, dir))
}

func TestExtractKeepsTheFirstOfTwo(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	l.add("attachments/1/shot.png", "another")
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.ErrorContains(t, err, "same name")
	assert.Equal(t, "not really a picture", tree(t, dir)["attachments/1/shot.png"])
}

func TestExtractRefusesSparseFiles(t *testing.T) {
	t.Parallel()
	in, dir := t.TempDir(), t.TempDir()
	f, err := os.Create(filepath.Join(in, "sparse"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<30))
	require.NoError(t, f.Close())
	for _, format := range []string{"gnu", "posix"} {
		file := gittest.Run(t, in, "", "tar", "--sparse", "--format="+format, "-czf", "-", "sparse")
		_, err = archive.Extract(t.Context(), strings.NewReader(file), filepath.Join(dir, format), nil)
		require.ErrorContains(t, err, "a sparse file")
		assert.Empty(t, tree(t, filepath.Join(dir, format)))
	}
}
