package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
)

func TestHelpNamesEveryFlag(t *testing.T) {
	res := backup(t.Context(), t, nil, "-h")
	assert.Equal(t, result{status: 0, stdout: usage}, res)
	var repos string
	flags(&options{}, &repos).VisitAll(func(f *flag.Flag) {
		assert.Contains(t, usage, "\n  -"+f.Name+" ")
	})
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("o/%d", i))
	}
	for name, test := range map[string]struct{ args, says string }{
		"unknown":                     {"-nope", "flag provided but not defined: -nope"},
		"no flag":                     {"octo-org", `unexpected argument "octo-org"`},
		"repositories of nobody":      {"-repos o/a", "-repos is given, but neither -org nor -user: whose repositories?"},
		"a host and nobody":           {"-host ghes.example.com", "-host is given, but neither -org nor -user: whose repositories?"},
		"a URL and nobody":            {"-base-url http://127.0.0.1", "-base-url is given, but neither -org nor -user: whose repositories?"},
		"an empty organization":       {"-org= -repos o/a", "-org is empty"},
		"an empty folder":             {"-out=", "-out is empty"},
		"both accounts":               {"-org o -user -repos o/a", "-org and -user exclude each other"},
		"an organization with a path": {"-org o/a -repos o/a", `-org is "o/a": want a name`},
		"no repositories":             {"-org o", "-repos is missing: which repositories?"},
		"a bare name":                 {"-org o -repos o/a,b", `-repos has "b": want OWNER/NAME`},
		"two slashes":                 {"-user -repos o/a/b", `-repos has "o/a/b": want OWNER/NAME`},
		"another's repository":        {"-org o -repos O/a,x/b", `-repos has "x/b", which does not belong to o`},
		"too many":                    {"-org o -repos " + strings.Join(many, ","), "-repos has 101 repositories: GitHub takes 100 at once"},
		"two hosts":                   {"-user -repos o/a -host h -base-url u", "-host and -base-url exclude each other"},
		"nothing left to export":      {"-user -repos o/a -exclude-metadata -exclude-git-data", "-exclude-metadata and -exclude-git-data leave nothing to export"},
		"a lock that stays":           {"-user -repos o/a -host ghes.example.com -keep -lock", "-lock is refused: GitHub Enterprise Server cannot unlock repositories of users"},
		"an archive that stays":       {"-user -repos o/a -host ghes.example.com", "-keep is missing: GitHub Enterprise Server cannot delete archives of users"},
		"no token":                    {"-org o -repos o/a", "GITHUB_TOKEN is not set: want a personal access token (classic)"},
	} {
		t.Run(name, func(t *testing.T) {
			res := backup(t.Context(), t, nil, strings.Fields(test.args)...)
			assert.Equal(t, result{status: 2, stderr: "backup: " + test.says + "\nRun it with -h for help.\n"}, res)
		})
	}
}

func TestWhatTheClientRefusesIsUsageToo(t *testing.T) {
	for name, args := range map[string]string{
		"host":     "-user -repos o/a -host https://github.com",
		"base URL": "-user -repos o/a -base-url http://github.example.com",
		"password": "-user -repos o/a -base-url https://me:hunter2@github.example.com",
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
	o, err := parse(strings.Fields("-org Octo -repos Octo/b,octo/a,octo/B -lock -exclude-metadata -exclude-attachments " +
		"-exclude-releases -exclude-owner-projects -keep -out dir -host octocorp.ghe.com"))
	require.NoError(t, err)
	assert.Equal(t, options{
		org: "Octo",
		request: ghmigrate.StartMigrationRequest{
			Repositories:         []string{"octo/a", "Octo/b"},
			LockRepositories:     true,
			ExcludeMetadata:      true,
			ExcludeAttachments:   true,
			ExcludeReleases:      true,
			ExcludeOwnerProjects: true,
			OmitRepositories:     true,
		},
		out:  "dir",
		keep: true,
		host: "octocorp.ghe.com",
	}, o)
}
