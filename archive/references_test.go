package archive_test

import (
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
			"repository": {"https://github.com/octo-org/app"},
		}},
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
	} {
		assert.Equal(t, test.want, archive.References(decodeRecord(t, examples(t)[test.kind][test.index])), test.kind)
	}
}

// Every field of type URL is a reference, but a record's own, a label's own
// and the subjects of events that name no account.
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
		"https://github.com/octo-org/app", "https://github.com/octo-org/app/labels/good%20first%20issue",
	}, archive.Keys(repository))
	assert.Equal(t, []string{
		"tarball://root/repositories/octo-org/app.git", "tarball://root/repositories/octo-org/app.wiki.git",
	}, archive.Links(repository))
	assert.Equal(t, []string{"tarball://root/repositories/octo-org/empty.git"}, archive.Links(decodeRecord(t, all["repository"][1])))
	assert.Equal(t, []string{"tarball://root/attachments/3f0a5b52-7a1c-4f3a-9a5c-0c4f7d0f2b11/shot.png"}, archive.Links(decodeRecord(t, all["attachment"][0])))
	assert.Equal(t, []string{"tarball://root/repository_files/14445678/log.txt"}, archive.Links(decodeRecord(t, all["repository_file"][0])))
	assert.Equal(t, []string{"tarball://root/releases/0d9a8d5e-98a1-4b5f-8f54-2f1e4c1c3c1f/app.zip"}, archive.Links(decodeRecord(t, all["release"][0])))
	assert.Empty(t, archive.Links(&archive.Attachment{AssetURL: "https://example.com/a.png"}))
	assert.Empty(t, archive.Links(decodeRecord(t, all["issue"][0])))
	assert.Empty(t, archive.Keys(&archive.Unknown{}))
}
