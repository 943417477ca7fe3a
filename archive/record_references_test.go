package archive_test

import (
	"io/fs"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestReferences(t *testing.T) {
	for _, test := range []struct {
		kind  string
		index int
		want  map[string][]archive.URL
	}{
		{"user", 0, map[string][]archive.URL{}},
		{"organization", 0, map[string][]archive.URL{
			"team": {"https://github.com/orgs/octo-org/teams/owners"},
			"user": {"https://github.com/monalisa", "https://github.com/hubot"},
		}},
		{"team", 0, map[string][]archive.URL{
			"organization": {"https://github.com/octo-org"},
			"team":         {"https://github.com/orgs/octo-org/teams/everyone"},
			"repository":   {"https://github.com/octo-org/app", "https://github.com/octo-org/not-exported"},
			"user":         {"https://github.com/monalisa", "https://github.com/hubot"},
		}},
		{"repository", 0, map[string][]archive.URL{
			"user":       {"https://github.com/octo-org", "https://github.com/hubot", "https://github.com/monalisa"},
			"repository": {"https://github.com/octo-org/app", "https://github.com/octo-org/app"},
		}},
		{"label", 0, map[string][]archive.URL{"repository": {"https://github.com/octo-org/app"}}},
		{"issue", 0, map[string][]archive.URL{
			"repository": {"https://github.com/octo-org/app"},
			"user": {
				"https://github.com/monalisa", "https://github.com/hubot", "https://github.com/hubot", "https://github.com/monalisa",
				"https://github.com/hubot", "https://github.com/monalisa",
			},
			"milestone": {"https://github.com/octo-org/app/milestones/3"},
			"label":     {"https://github.com/octo-org/app/labels/good%20first%20issue"},
		}},
		{"issue", 1, map[string][]archive.URL{"repository": {"https://github.com/octo-org/app"}}},
		{"issue_event", 2, map[string][]archive.URL{
			"issue": {"https://github.com/octo-org/app/issues/5"},
			"user":  {"https://github.com/monalisa", "https://github.com/hubot"},
		}},
		{"issue_event", 10, map[string][]archive.URL{
			"issue":        {"https://github.com/octo-org/app/issues/5"},
			"user":         {"https://github.com/monalisa"},
			"pull_request": {"https://github.com/octo-org/app/pull/7"},
		}},
		{"issue_event", 11, map[string][]archive.URL{
			"pull_request": {"https://github.com/octo-org/app/pull/7"},
			"user":         {"https://github.com/monalisa", "https://github.com/hubot"},
		}},
		{"issue_event", 12, map[string][]archive.URL{
			"pull_request": {"https://github.com/octo-org/app/pull/7"},
			"user":         {"https://github.com/monalisa"},
			"team":         {"https://github.com/orgs/octo-org/teams/reviewers"},
		}},
		{"issue_event", 13, map[string][]archive.URL{
			"issue": {"https://github.com/octo-org/app/issues/5", "https://github.com/octo-org/app/issues/6"},
			"user":  {"https://github.com/monalisa"},
		}},
		{"pull_request_review_comment", 0, map[string][]archive.URL{
			"pull_request":                {"https://github.com/octo-org/app/pull/7"},
			"pull_request_review":         {"https://github.com/octo-org/app/pull/7/files#pullrequestreview-1912345678"},
			"pull_request_review_thread":  {"https://github.com/octo-org/app/pull/7/files#pullrequestreviewthread-412345"},
			"pull_request_review_comment": {"https://github.com/octo-org/app/pull/7/files#r1512345677"},
			"user":                        {"https://github.com/monalisa", "https://github.com/hubot"},
		}},
		{"attachment", 1, map[string][]archive.URL{
			"issue_comment": {"https://github.com/octo-org/app/issues/5#issuecomment-1972345678"},
			"user":          {"https://github.com/monalisa"},
		}},
		{"attachment", 5, map[string][]archive.URL{
			"pull_request_review_comment": {"https://github.com/octo-org/app/pull/7/files#r1512345678"},
			"user":                        {"https://github.com/monalisa"},
		}},
	} {
		assert.Equal(t, test.want, archive.References(decodeRecord(t, examples(t)[test.kind][test.index])), test.kind)
	}
}

// Every field of type URL is a reference, except the URLs of records and labels
// themselves.
func TestEveryURLIsAReference(t *testing.T) {
	for kind, elements := range examples(t) {
		for _, element := range elements {
			r := decodeRecord(t, element)
			var want []archive.URL
			collectURLs(reflect.ValueOf(r).Elem(), &want)
			var got []archive.URL
			for _, urls := range archive.References(r) {
				got = append(got, urls...)
			}
			assert.ElementsMatch(t, want, got, kind)
		}
	}
}

// collectURLs adds the values of all fields of type URL that are set and not
// named URL.
func collectURLs(v reflect.Value, all *[]archive.URL) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collectURLs(v.Elem(), all)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collectURLs(v.Index(i), all)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() && field.Name != "URL" {
				collectURLs(value, all)
			}
		}
	default:
		if url, ok := reflect.TypeAssert[archive.URL](v); ok && url != "" {
			*all = append(*all, url)
		}
	}
}

func TestKeysAndLinks(t *testing.T) {
	all := examples(t)
	repository := decodeRecord(t, all["repository"][0])
	assert.Equal(t, []archive.URL{
		"https://github.com/octo-org/app", "https://github.com/octo-org/app/labels/good%20first%20issue", "https://github.com/octo-org/app/labels/bug",
	}, archive.Keys(repository))
	assert.Equal(t, []string{
		"tarball://root/repositories/octo-org/app.git", "tarball://root/repositories/octo-org/app.wiki.git",
	}, archive.Links(repository))
	assert.Equal(t, []string{"tarball://root/repositories/octo-org/empty.git"}, archive.Links(decodeRecord(t, all["repository"][1])))
	assert.Equal(t, []string{"tarball://root/attachments/3f0a5b52-7a1c-4f3a-9a5c-0c4f7d0f2b11/shot.png"}, archive.Links(decodeRecord(t, all["attachment"][0])))
	assert.Equal(t, []string{"tarball://root/repository_files/14445678/log.txt"}, archive.Links(decodeRecord(t, all["repository_file"][0])))
	assert.Equal(t, []string{"tarball://root/releases/0d9a8d5e-98a1-4b5f-8f54-2f1e4c1c3c1f/app.zip"}, archive.Links(decodeRecord(t, all["release"][0])))
	assert.Empty(t, archive.Links(decodeRecord(t, all["issue"][0])))
	assert.Empty(t, archive.Keys(&archive.Unknown{}))
}

func TestSubjectsOfEvents(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/hubot":                                "user",
		"https://github.com/orgs/octo-org/teams/reviewers":        "team",
		"https://github.com/octo-org/app/issues/6":                "issue",
		"https://github.com/octo-org/app/pull/7":                  "pull_request",
		"https://github.com/octo-org/app/issues/6#issuecomment-1": "",
		"https://github.com/octo-org/app":                         "",
		"https://github.com/":                                     "",
		"hubot":                                                   "",
	} {
		got := archive.References(&archive.IssueEvent{Subject: archive.URL(url)})
		if want == "" {
			assert.Empty(t, got, url)
		} else {
			assert.Equal(t, map[string][]archive.URL{want: {archive.URL(url)}}, got)
		}
	}
}

func TestLinksAreFoundInEveryField(t *testing.T) {
	const link = "tarball://root/attachments/1/a.png"
	for text, found := range map[string]bool{
		`{"type":"poll","image":"` + link + `"}`:                            true,
		`{"type":"poll","deep":[[{"images":["x","` + link + `"]}]]}`:        true,
		`{"type":"issue","url":"u","cover":{"url":"` + link + `"}}`:         true,
		`{"type":"issue","url":"u","title":5,"cover":"` + link + `"}`:       true,
		`{"type":"poll","image":"tarball:\/\/root\/attachments\/1\/a.png"}`: true,
		`["` + link + `"]`: true,
		` { "type" : "poll" , "a" : [ ] , "b" : { } , "c" : [ 1 , { "d" : null , "e" : "` + link + `" } ] } `: true,
		`{"type":"poll","title":["` + link + `"],"c":true,"body":{"d":"` + link + `"}}`:                       false,
		`{"type":"issue","url":"u","body":"` + link + `"}`:                                                    false, // people could write this
		`{"type":"poll","options":[{"title":"` + link + `"}]}`:                                                false,
		`{"type":"issue","url":"u","cover":"see ` + link + `"}`:                                               false,
		`{"type":"issue","url":"u","` + link + `":1}`:                                                         false,
		`{"type":"attachment","asset_url":"https://example.com/a.png"}`:                                       false,
	} {
		want := []string{link}
		if !found {
			want = nil
		}
		assert.Equal(t, want, archive.Links(decodeRecord(t, []byte(text))), text)
	}
}

func TestEntryName(t *testing.T) {
	for link, want := range map[string]string{
		"tarball://root/attachments/1/shot.png":      "attachments/1/shot.png",
		"tarball://root/./attachments/1/shot.png":    "attachments/1/shot.png",
		"tarball://root/repositories/octo/app.git/":  "repositories/octo/app.git",
		"tarball://root/attachments/1/a%20b.png":     "attachments/1/a%20b.png",
		"tarball://root/schema.json":                 "schema.json",
		"tarball://root/":                            "",
		"tarball://root":                             "",
		"tarball://root/../x":                        "",
		"tarball://root//etc/passwd":                 "",
		"tarball://root/a/../../x":                   "",
		"tarball://else/attachments/1/shot.png":      "",
		"https://example.com/attachments/1/shot.png": "",
		"": "",
	} {
		name, err := archive.EntryName(link)
		assert.Equal(t, want, name)
		assert.Equal(t, want == "", err != nil, link)
	}
}

func FuzzEntryName(f *testing.F) {
	f.Add("tarball://root/attachments/1/shot.png")
	f.Add("tarball://root/./a/../b/")
	f.Fuzz(func(t *testing.T, link string) {
		name, err := archive.EntryName(link)
		if err != nil {
			assert.Empty(t, name)
			return
		}
		assert.True(t, fs.ValidPath(name) && name != ".", name)
		assert.Contains(t, link, name)
	})
}
