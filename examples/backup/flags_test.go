package main

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

func TestHelpNamesEveryFlag(t *testing.T) {
	res := backup(t.Context(), t, nil, "-h")
	assert.Equal(t, result{status: 0, stdout: help}, res)
	new(options).flags().VisitAll(func(f *flag.Flag) {
		assert.Contains(t, help, "\n  -"+f.Name+" ")
	})
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for name, test := range map[string]struct{ args, says string }{
		"unknown":                    {"-nope", "flag provided but not defined: -nope"},
		"no flag":                    {"octo-org", `unexpected argument "octo-org"`},
		"repositories of nobody":     {"-repos o/a", "-repos is given, but neither -org nor -user: whose repositories?"},
		"all of nobody":              {"-all", "-all is given, but neither -org nor -user: whose repositories?"},
		"locks of nobody":            {"-unlock", "-unlock is given, but neither -org nor -user: whose repositories?"},
		"a host and nobody":          {"-host ghes.example.com", "-host is given, but neither -org nor -user: whose repositories?"},
		"an empty organization":      {"-org= -repos o/a", "-org is empty"},
		"an empty folder":            {"-out=", "-out is empty"},
		"both accounts":              {"-org o -user -repos o/a", "-org and -user exclude each other"},
		"some and all":               {"-org o -repos o/a -all", "-all and -repos exclude each other"},
		"two tasks":                  {"-org o -unlock -preflight", "-unlock and -preflight exclude each other"},
		"silent and loud":            {"-q -v", "-q and -v exclude each other"},
		"two hosts":                  {"-user -repos o/a -host h -base-url u", "-host and -base-url exclude each other"},
		"all of a user":              {"-user -all -out d", "-all is for organizations: name your own repositories with -repos"},
		"no repositories":            {"-org o -out d", "neither -repos nor -all is given: which repositories?"},
		"no folder":                  {"-org o -all", "-out is missing: where do the archives go?"},
		"an archive that stays":      {"-user -repos o/a -host ghes.example.com -out d", "-keep is missing: GitHub Enterprise Server cannot delete archives of users"},
		"an organization's path":     {"-org o/a -all -out d", `-org is "o/a": want a bare name such as octo-org`},
		"a bare name":                {"-org o -repos o/a,b -out d", `-repos has "b": want OWNER/NAME`},
		"another's repository":       {"-org o -repos O/a,p/b -out d", `-repos has "p/b", which does not belong to o`},
		"a host that is a URL":       {"-org o -all -out d -host https://h", "-host is no bare name such as ghes.example.com: a whole URL goes to -base-url"},
		"a repository twice":         {"-org o -repos o/a,O/A -out d", `export: Repositories[1] is "O/A", which is there already as "o/a"`},
		"batches of a negative":      {"-org o -all -batch -1 -out d", "-batch is -1: want 1 to 1000"},
		"a demonstration of nothing": {"-exclude-metadata -exclude-git-data", "export: Start excludes both metadata and Git data: nothing would be left"},
		"nothing left to export":     {"-user -repos o/a -exclude-metadata -exclude-git-data -out d", "export: Start excludes both metadata and Git data: nothing would be left"},
		"no token":                   {"-org o -repos o/a -out d", "GITHUB_TOKEN is not set: want a personal access token (classic)"},
		"no token, to find out why":  {"-org o -preflight", "GITHUB_TOKEN is not set: want a personal access token (classic)"},
	} {
		t.Run(name, func(t *testing.T) {
			res := backup(t.Context(), t, nil, strings.Fields(test.args)...)
			assert.Equal(t, result{status: 2, stderr: "backup: " + test.says + "\nRun it with -h for help.\n"}, res)
		})
	}
}

func TestWhatTheClientRefusesIsUsageToo(t *testing.T) {
	for name, args := range map[string]string{
		"host":     "-user -repos o/a -out d -host https://github.com",
		"base URL": "-user -repos o/a -out d -base-url http://github.example.com",
		"password": "-user -repos o/a -out d -base-url https://me:hunter2@github.example.com",
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr output
			status := run(t.Context(), strings.Fields(args), "ghp_secret", &stdout, &stderr)
			assert.Equal(t, 2, status)
			assert.NotContains(t, stderr.String(), "ghp_secret")
			assert.NotContains(t, stderr.String(), "hunter2")
		})
	}
}

func TestFlagsSayWhatToExport(t *testing.T) {
	o, err := parse(strings.Fields("-org Octo -repos Octo/b,octo/a -lock -exclude-metadata -exclude-attachments "+
		"-exclude-releases -exclude-owner-projects -keep -batch 7 -out dir -host octocorp.ghe.com"), "ghp_secret")
	require.NoError(t, err)
	assert.Equal(t, options{
		org:   "Octo",
		repos: "Octo/b,octo/a",
		export: export.Options{
			Repositories: []string{"Octo/b", "octo/a"},
			Dir:          "dir",
			BatchSize:    7,
			Start: ghmigrate.StartMigrationRequest{
				LockRepositories:     true,
				ExcludeMetadata:      true,
				ExcludeAttachments:   true,
				ExcludeReleases:      true,
				ExcludeOwnerProjects: true,
			},
		},
		keep: true,
		host: "octocorp.ghe.com",
	}, o)
}
