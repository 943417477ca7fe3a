package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

var commands = []string{
	"demo", "export", "preflight", "locks", "unlock", "prune", "list", "start", "status", "wait", "download", "delete",
	"repositories", "verify", "inspect", "browse", "extract", "fake", "version", "man",
}

func TestHelp(t *testing.T) {
	t.Parallel()
	u := newUser(t, nil)
	all := u.do("--help")
	assert.Equal(t, all, u.do(), "no arguments")
	assert.Equal(t, all, u.do("help"))
	for _, name := range commands {
		assert.Contains(t, all, "\n  "+name+" ")
		help := u.do(name, "--help")
		assert.Contains(t, help, "Usage:\n  ghmigrate "+name, name)
		assert.Equal(t, help, u.do("help", name))
	}
	assert.Contains(t, u.do("help", "environment"), "GH_ENTERPRISE_TOKEN, GITHUB_ENTERPRISE_TOKEN")
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	u := newUser(t, nil, "GH_TOKEN=ghp_secret")
	u.token = "ghp_secret"
	require.NoError(t, os.WriteFile(u.path("archive.tar.gz"), nil, 0o600))
	for line, message := range map[string]string{
		"nope":                       `unknown command "nope"`,
		"exprot":                     `unknown command "exprot"`,
		"list --nope":                "unknown flag: --nope",
		"list octo-org":              `unexpected argument "octo-org"`,
		"list --org=":                "--org is empty",
		"list --org o/a":             `--org is "o/a": want a bare name`,
		"list --state exportd":       `--state is "exportd": want pending, exporting, exported or failed`,
		"list --host https://h":      "--host is not a bare name",
		"list --host h --base-url x": "--host and --base-url exclude each other",
		"list --base-url http://github.example.com": "no token for github.example.com (--base-url): set GH_ENTERPRISE_TOKEN",
		"list --log-format xml":                     `--log-format is "xml": want text or json`,
		"list --progress loud":                      `--progress is "loud"`,
		"list -q -v":                                "--quiet and --verbose exclude each other",
		"start":                                     "missing argument: the name of a repository",
		"start a/b/c":                               `"a/b/c" is not the name of a repository`,
		"start a":                                   `"a" is not the name of a repository: want OWNER/NAME`,
		"start --org o p/a":                         "p/a does not belong to o",
		"start --org o --org-metadata-only a":       "exports no repositories",
		"start --org-metadata-only":                 "--org-metadata-only needs --org",
		"wait":                                      "missing argument: the ID of a migration",
		"wait x":                                    `"x" is not the ID of a migration: want a number such as 79`,
		"wait 079":                                  `"079" is not the ID`,
		"wait -- -1":                                `"-1" is not the ID`,
		"status 7 0":                                `"0" is not the ID`,
		"download 7 8 --file x":                     "--file is for a single migration",
		"download 7 --file x --out y":               "--file and --out exclude each other",
		"download 7 --print-url --out y":            "--print-url fetches nothing",
		"download 7 --out ftp://x":                  "ftp:// is not supported; want a folder, s3:// or azblob://",
		"delete":                                    "missing argument: the ID of a migration",
		"unlock":                                    "missing argument: the name of a repository, or --all",
		"unlock --all a/b":                          "--all unlocks everything",
		"unlock --all --migration 7":                "--all and --migration exclude each other",
		"unlock --org o p/a":                        "p/a does not belong to o",
		"export --all":                              "--out is missing: name a folder or a bucket for the archives",
		"export --out d":                            "no repositories are selected: use --all or --repos",
		"export --all --repos a/b --out d":          "--all and --repos exclude each other",
		"export --repos a/b --skip-forks --out d":   "need --all",
		"export --all --out d --skip [":             `--skip: "[" is not a pattern`,
		"export --all --out d --skip @nowhere":      "--skip: open nowhere",
		"export --all --out d --visibility secret":  `--visibility is "secret"`,
		"export --all --out d --changed-since soon": `--changed-since is "soon"`,
		"export --all --out d --state s":            "--stage and --state are for buckets",
		"export --all --out file:///d --state s":    "--stage and --state are for buckets",
		"export --all --out FILE:///d --stage":      "--stage and --state are for buckets",
		"browse file://d":                           "file:///var/backups",
		"inspect file://d":                          "file:///var/backups",
		"download 7 --out file://d":                 "file:///var/backups",
		"export --all --out d --keep-locked":        "--keep-locked needs --lock",
		"export --all --out d --batch 1001":         "--batch is 1001: want 1 to 1000",
		"export --all --out gs://b":                 "use the S3 API of Google Cloud Storage",
		"export --all --out s3://":                  "names no bucket",
		"export --all --out file://backups":         "file:///var/backups",
		"export --org o --repos app,o/App --out d":  `--repos[1] is "o/App", which is a repetition of "o/app"`,
		"export --all --out d --exclude-metadata --exclude-git-data": "nothing would be left",
		"prune":                                  "--out is missing: name the folder or the bucket of the runs",
		"prune --out d":                          "no rule says which runs to keep: use --keep-last",
		"prune --out d --keep-last 1 --forget [": `--forget: "[" is not a pattern`,
		"verify":                                 "missing argument: the name of an archive",
		"verify a b --sha256 00":                 "--sha256 is for a single archive",
		"verify a --sha256 00":                   "want 64 hexadecimal digits",
		"inspect":                                "missing argument: the name of an archive",
		"inspect a --html h --json":              "--html and --json exclude each other",
		"inspect archive.tar.gz --run r":         "--run is for a folder",
		"browse":                                 "missing argument: the name of an archive or of a folder",
		"browse a --port 99999":                  "--port is 99999",
		"browse a --export d --port 1":           "--export and --port exclude each other",
		"browse s3://b/a.tar.gz":                 "download it first",
		"browse archive.tar.gz --run r":          "--run and --org are for a folder",
		"extract a":                              "missing argument: the name of an archive and a folder",
		"fake --rate -1":                         "--rate and --export-duration must not be negative",
		"fake --faults nowhere":                  "nowhere",
		"man":                                    "missing argument: a folder",
		"extract a b c":                          `unexpected argument "c"`,
		"version x":                              `unexpected argument "x"`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			res := u.run(strings.Fields(line)...)
			assert.Equal(t, 2, res.status)
			assert.Empty(t, res.stdout)
			assert.True(t, strings.HasPrefix(res.stderr, "ghmigrate: "), res.stderr)
			assert.Contains(t, res.stderr, message)
			assert.Regexp(t, `\nRun ghmigrate( \w+)* --help for help\.\n$`, res.stderr)
		})
	}
}

// TestNumbersOutOfRange checks every flag with a number or a time.
func TestNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	u := newUser(t, nil, "GH_TOKEN=ghp_secret")
	const number, duration = ": want a number that is not negative\n", ": want a positive time such as 30s or 5h\n"
	for line, problem := range map[string]string{
		"wait 7 --timeout -5s":                        duration,
		"wait 7 --timeout 0s":                         duration,
		"wait 7 --poll-interval 0s":                   duration,
		"wait 7 --poll-interval -1ms":                 duration,
		"export --all --out d --timeout -1h0m0s":      duration,
		"export --all --out d --timeout 0s":           duration,
		"export --all --out d --poll-interval 0s":     duration,
		"export --all --out d --batch -1":             number,
		"export --all --out d --concurrency -1":       number,
		"export --all --out d --transfers -1":         number,
		"list --limit -1":                             number,
		"unlock a/b --migration -79":                  number,
		"unlock a/b --migration 0":                    ": want the ID of a migration\n",
		"browse a --port -1":                          number,
		"prune --out d --keep-last -1":                number,
		"prune --out d --keep-last 1 --keep-daily -1": number,
		"prune --out d --keep-weekly -1":              number,
		"prune --out d --keep-monthly -1":             number,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(line)
			res := u.fails(2, words, "ghmigrate: "+words[len(words)-2]+" is "+words[len(words)-1]+problem)
			assert.Empty(t, res.stdout)
		})
	}
}

func TestEmptyArgument(t *testing.T) {
	newUser(t, nil, "GH_TOKEN=ghp_secret").fails(2, []string{"status", ""}, "is empty")
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	for _, flags := range [][]string{{"-q"}, {"-q", "--log-format", "json"}} {
		fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Status: 502})
		res := u.run(append(flags, "list", "--org", "octo-org")...)
		assert.Equal(t, 0, res.status)
		assert.Empty(t, res.stderr, flags)
		u.fails(1, append(flags, "verify", "nowhere.tar.gz"), "nowhere.tar.gz")
	}
	res := newUser(t, nil).run("fake", "-q", binary, "repositories", "--org", "octo-org")
	assert.Equal(t, result{0, "octo-org/hello-world\n", ""}, res)
}

func TestFakePassesEmptyArguments(t *testing.T) {
	newUser(t, nil).fails(2, []string{"fake", binary, "status", ""}, "Run ghmigrate status --help for help.")
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	u := newUser(t, nil)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		assert.Contains(t, u.do("completion", shell), "ghmigrate", shell)
	}
	assert.Contains(t, u.do("__complete", "exp"), "export\t")
}

func TestManPages(t *testing.T) {
	u := newUser(t, nil)
	assert.Equal(t, "man/ghmigrate.1", strings.ReplaceAll(u.do("man", "man"), `\`, "/"))
	assert.Contains(t, u.read("man", "ghmigrate.1"), ".TH \"GHMIGRATE\" \"1\"")
	pages, err := os.ReadDir(u.path("man"))
	require.NoError(t, err)
	assert.Greater(t, len(pages), len(commands))
}

func TestVersion(t *testing.T) {
	u := newUser(t, nil)
	assert.Regexp(t, `^ghmigrate \S+ .*go1\.\d+\S* \w+/\w+$`, u.do("version"))
	assert.Regexp(t, `^ghmigrate version \S+$`, u.do("--version"))
	info := decode[map[string]any](t, u.do("version", "--json"))
	assert.NotEmpty(t, info["version"])
	assert.NotEmpty(t, info["go"])
}
