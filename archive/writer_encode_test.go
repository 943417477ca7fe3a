package archive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestEncodeFillsInTheType(t *testing.T) {
	assertSpelled(t, `{"type":"discussion_category","url":"u","repository":null,"name":"a<b>","emoji":"","description":""}`,
		&archive.DiscussionCategory{URL: "u", Name: "a<b>"})

	category := decodeAs[*archive.DiscussionCategory](t, `{"type":"discussion_category","url":"u","x":1}`)
	category.Type = ""
	assertSpelled(t, `{"type":"discussion_category","url":"u","x":1}`, category)

	assert.Contains(t, encodeRecord(t, &archive.Issue{Type: "user"}), `{"type":"issue",`)
}

func TestEncodeRefusesOtherTypes(t *testing.T) {
	_, err := archive.EncodeRecord(nil)
	require.Error(t, err)
	_, err = archive.EncodeRecord(struct{ archive.Record }{&archive.Issue{}})
	require.Error(t, err)
}

func TestArraysAreNeverNull(t *testing.T) {
	for kind, elements := range examples(t) {
		r := reflect.New(reflect.TypeOf(decodeRecord(t, elements[0])).Elem()).Interface().(archive.Record)
		text := encodeRecord(t, r)
		typ := reflect.TypeOf(r).Elem()
		for field := range typ.Fields() {
			if name := field.Tag.Get("json"); field.Type.Kind() == reflect.Slice {
				assert.Contains(t, text, `"`+name+`":[]`, kind)
			}
		}
	}
}

func TestChangesKeepUnknownFields(t *testing.T) {
	const text = `{
  "new": {"a": [1, 2.50]},
  "type": "repository",
  "url": "u",
  "name": "app",
  "description": null,
  "private": true,
  "labels": [
    {"url": "l1", "name": "bug", "color": "ff0000", "id": 1, "created_at": "2025-03-02 13:11:12 +0000"},
    {"url": "l2", "name": "good", "color": "00ff00", "id": 2, "created_at": "2024-01-02T03:04:05Z"}
  ],
  "page": {"cname": "docs", "source_ref_name": "gh-pages", "built": true},
  "wiki_url": "tarball://root/repositories/o/app.wiki.git",
  "\u0078yz": "<&>"
}`
	for _, test := range []struct {
		name   string
		change func(r *archive.Repository)
		want   string
	}{
		{"a string", func(r *archive.Repository) { r.Name = "api" }, strings.Replace(text, `"app"`, `"api"`, 1)},
		{"a null", func(r *archive.Repository) { r.Description = "<b>" }, strings.Replace(text, `null`, `"<b>"`, 1)},
		{"a missing field", func(r *archive.Repository) { r.IsArchived = true }, strings.Replace(text, `"<&>"`, `"<&>","is_archived":true`, 1)},
		{"a removed field", func(r *archive.Repository) { r.WikiURL = "" }, strings.Replace(text, `"wiki_url": "tarball://root/repositories/o/app.wiki.git",`, ``, 1)},
		{"inside an object", func(r *archive.Repository) { r.Page.SourceRefName = "main" }, strings.Replace(text, `"gh-pages"`, `"main"`, 1)},
		{"a removed object", func(r *archive.Repository) { r.Page = nil }, strings.Replace(text, `{"cname": "docs", "source_ref_name": "gh-pages", "built": true}`, `null`, 1)},
		{"inside an array", func(r *archive.Repository) { r.Labels[1].Color = "0000ff" }, strings.Replace(text, `00ff00`, `0000ff`, 1)},
		{"another order", func(r *archive.Repository) { slices.Reverse(r.Labels) }, strings.NewReplacer(
			`{"url": "l1", "name": "bug", "color": "ff0000", "id": 1, "created_at": "2025-03-02 13:11:12 +0000"}`,
			`{"url": "l2", "name": "good", "color": "00ff00", "id": 2, "created_at": "2024-01-02T03:04:05Z"}`,
			`{"url": "l2", "name": "good", "color": "00ff00", "id": 2, "created_at": "2024-01-02T03:04:05Z"}`,
			`{"url": "l1", "name": "bug", "color": "ff0000", "id": 1, "created_at": "2025-03-02 13:11:12 +0000"}`,
		).Replace(text)},
		{"a removed element", func(r *archive.Repository) { r.Labels = r.Labels[1:] }, strings.Replace(text,
			`{"url": "l1", "name": "bug", "color": "ff0000", "id": 1, "created_at": "2025-03-02 13:11:12 +0000"},`, ``, 1)},
		{"an additional element", func(r *archive.Repository) {
			r.Labels = append(r.Labels, archive.Label{URL: "l3", Name: "new", Color: "0", CreatedAt: at(2024, 1, 2, 3, 4, 5)})
		}, strings.Replace(text, "\n  ],", `,{"url":"l3","name":"new","color":"0","created_at":"2024-01-02T03:04:05Z"}],`, 1)},
		{"nothing", func(*archive.Repository) {}, text},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := decodeAs[*archive.Repository](t, text)
			test.change(r)
			got := encodeRecord(t, r)
			assert.Equal(t, compact(t, []byte(test.want)), compact(t, []byte(got)))

			again := archive.Forget(decodeRecord(t, []byte(got)))
			assert.Equal(t, archive.Forget(r), again)
		})
	}
}

// The time to merge a list grows with its length, not with the square of the length.
func TestChangesOfLongListsTakeLinearTime(t *testing.T) {
	const n = 40_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"l%d"`, i)
	}
	r, err := archive.DecodeRecord(json.RawMessage(`{"type":"issue","url":"u","labels":[` + text.String()[1:] + `]}`))
	require.NoError(t, err)
	issue, ok := r.(*archive.Issue)
	require.True(t, ok)
	issue.Labels = issue.Labels[1:]
	encoded, err := archive.EncodeRecord(issue)
	require.NoError(t, err)
	assert.Equal(t, n-1, bytes.Count(encoded, []byte(`"l`))-1) // "labels" has the same beginning
}

func TestChangesReplaceEmptyFields(t *testing.T) {
	comment := decodeAs[*archive.IssueComment](t, `{"type":"issue_comment","issue":null,"pull_request":"p","x":1}`)
	comment.Issue, comment.PullRequest = "i", ""
	assertSpelled(t, `{"type":"issue_comment","issue":"i","x":1}`, comment)

	repository := decodeAs[*archive.Repository](t, `{"type":"repository","page":null,"wiki_url":""}`)
	repository.WikiURL = "tarball://root/repositories/o/r.wiki.git"
	repository.Page = &archive.Page{CNAME: "docs"}
	again := decodeRecord(t, []byte(encodeRecord(t, repository)))
	assert.Equal(t, archive.Forget(repository), archive.Forget(again))
}

func TestDuplicateNames(t *testing.T) {
	const text = `{"type":"issue","title":"a","x":1,"title":"b","x":2}`
	issue := decodeAs[*archive.Issue](t, text)
	assert.Equal(t, "b", issue.Title)
	assertSpelled(t, text, issue)
	issue.Body = "c"
	assertSpelled(t, `{"type":"issue","title":"b","x":2,"body":"c"}`, issue)
}
