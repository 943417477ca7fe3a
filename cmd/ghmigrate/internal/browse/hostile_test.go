package browse_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// attacks returns texts that run a script or send a request to the canary, unless a page
// escapes or sanitizes them. The scripts set window.ran and send a request.
func attacks(canary string) []string {
	run := "window.ran=1;fetch('" + canary + "ran')"
	return []string{
		`"><script>` + run + `</script>`,
		`'"><img src=x onerror="` + run + `">`,
		`<svg onload="` + run + `"><script>` + run + `</script></svg>`,
		`</textarea></title></style></pre></code><script>` + run + `</script>`,
		`<iframe srcdoc="<script>parent.` + run + `</script>"></iframe><object data="` + canary + `object"></object><embed src="` + canary + `embed">`,
		`<a href="javascript:` + run + `">click</a> [click](javascript:` + strings.ReplaceAll(run, "'", "%27") + `) <javascript:` + run + `>`,
		`<a href="data:text/html,<script>` + run + `</script>">data</a> [d](data:text/html;base64,PHNjcmlwdD4x) [v](vbscript:x)`,
		`![x](` + canary + `image.png) <img src="` + canary + `image2.png" srcset="` + canary + `image3.png 2x"> <video src="` + canary + `video" autoplay poster="` + canary + `poster"></video>`,
		`<style>@import "` + canary + `style";body{background:url(` + canary + `background)}</style><link rel=stylesheet href="` + canary + `link"><link rel=prefetch href="` + canary + `prefetch">`,
		`<meta http-equiv=refresh content="0;url=` + canary + `refresh"><base href="` + canary + `"><form action="` + canary + `form"><button autofocus>x</button></form>`,
		`<p style="background:url(` + canary + `inline)" onmouseover="` + run + `" id=main class=skip>x</p><details open ontoggle="` + run + `"><summary>x</summary></details>`,
		`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=` + run + `&gt;">`,
		`<noscript><p title="</noscript><img src=x onerror=` + run + `>"></noscript></div></div></article></main></body></html><h1>after the end`,
		"```html\n<script>" + run + "</script>\n```\n`<script>" + run + "</script>`\n\n<!--><script>" + run + "</script>-->",
		`{{.}} {{template "layout" .}} ${` + run + `} <%= 1 %> @<script>#1 ` + "\x00\x1b[31m\u202e\ufeff\u2028",
		strings.Repeat("[", 3000) + strings.Repeat("> ", 2000) + strings.Repeat("<div>", 1000) + strings.Repeat("*_", 2000),
	}
}

// fill sets each string in a value to a text, and each time to at(1).
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[archive.Time]() {
			v.Set(reflect.ValueOf(at(1)))
			return
		}
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field, text)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 || v.Type().Elem() == reflect.TypeFor[[]byte]() {
			return
		}
		if v.Type().Elem().Kind() == reflect.Slice { // raw JSON
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.String:
		v.SetString(text)
	default:
	}
}

// hostileArchive writes an archive with attacks in every text of every type of record, in
// the names of files and in their content.
func hostileArchive(t *testing.T, canary string) string {
	t.Helper()
	repository, _ := bareRepository(t, strings.Join(attacks(canary), "\n\n"))
	run := "window.ran=1;fetch('" + canary + "ran')"
	svg := `<svg xmlns="http://www.w3.org/2000/svg" onload="` + run + `"><script>` + run + `</script><image href="` + canary + `svg"/></svg>`
	page := `<script>` + run + `</script><img src="` + canary + `html">`
	return writeArchive(t, func(a archiveWriter) {
		n := 0
		for _, text := range attacks(canary) {
			// One record of each type with the attack in every field, except for the URLs that
			// connect the records.
			for _, r := range []archive.Record{
				&archive.Repository{}, &archive.Issue{}, &archive.PullRequest{}, &archive.Discussion{}, &archive.Release{}, &archive.Milestone{},
				&archive.IssueComment{}, &archive.IssueEvent{}, &archive.PullRequestReview{}, &archive.PullRequestReviewThread{},
				&archive.PullRequestReviewComment{}, &archive.CommitComment{}, &archive.Attachment{}, &archive.RepositoryFile{},
				&archive.User{}, &archive.Organization{}, &archive.Team{}, &archive.Label{}, &archive.DiscussionCategory{}, &archive.Project{}, &archive.ProtectedBranch{},
			} {
				n++
				kind := r.Kind()
				fill(reflect.ValueOf(r), text)
				set := func(field string, value any) {
					if f := reflect.ValueOf(r).Elem().FieldByName(field); f.IsValid() {
						f.Set(reflect.ValueOf(value).Convert(f.Type()))
					}
				}
				set("Type", kind)
				set("URL", fmt.Sprintf("%s/%s/%d", app, kind, n))
				if kind != "repository" && kind != "user" {
					set("Repository", app)
				}
				issue := fmt.Sprintf("%s/issues/1", app)
				pull := fmt.Sprintf("%s/pull/2", app)
				switch r := r.(type) {
				case *archive.IssueComment:
					r.Issue, r.PullRequest = archive.URL(issue), ""
				case *archive.IssueEvent:
					r.Issue, r.PullRequest = archive.URL(issue), ""
					if n%2 == 0 {
						r.Event = []string{"labeled", "closed", "renamed", "referenced", "assigned", "milestoned", "head_ref_force_pushed"}[n%7]
					}
				case *archive.PullRequestReview:
					r.PullRequest = archive.URL(pull)
				case *archive.PullRequestReviewThread:
					r.PullRequest, r.PullRequestReview = archive.URL(pull), ""
				case *archive.PullRequestReviewComment:
					r.PullRequest, r.PullRequestReview, r.PullRequestReviewThread, r.InReplyTo = archive.URL(pull), "", "", ""
				case *archive.Attachment:
					r.Issue, r.IssueComment, r.AssetURL, r.AssetContentType = archive.URL(issue), "", "tarball://root/attachments/1/a.svg", "image/svg+xml"
				case *archive.RepositoryFile:
					r.FileURL, r.FileContentType = "tarball://root/repository_files/2/a.html", "text/html"
				case *archive.Repository:
					r.GitURL = "tarball://root/repositories/" + strings.Map(plainRune, text[:min(len(text), 20)]) + "/x.git"
				case *archive.Release:
					r.ReleaseAssets[0].AssetURL = "tarball://root/releases/3/a.xhtml"
				}
				a.records(r)
			}
		}
		a.records(
			&archive.Repository{URL: app, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git", DefaultBranch: "main"},
			&archive.Issue{URL: app + "/issues/1", Repository: app, User: host + "/mona", Title: attacks(canary)[0], Body: strings.Join(attacks(canary), "\n\n"), CreatedAt: at(0)},
			&archive.PullRequest{URL: app + "/pull/2", Repository: app, Title: attacks(canary)[1], Body: strings.Join(attacks(canary)[:5], "\n\n"), CreatedAt: at(0)},
			&archive.Issue{URL: app + "/issues/3", Repository: app, Title: strings.Repeat("W", 2<<20), Body: strings.Repeat("<script>x</script>", 1<<17), CreatedAt: at(0)},
			&archive.Attachment{URL: app + "/liar", Issue: app + "/issues/1", AssetName: "liar.png", AssetContentType: "image/png", AssetURL: "tarball://root/attachments/4/liar.png"},
			&archive.Attachment{URL: app + "/text", Issue: app + "/issues/1", AssetName: "x.txt", AssetContentType: "text/plain", AssetURL: "tarball://root/attachments/5/x.txt"},
			// Two review comments that reply to each other.
			&archive.PullRequestReviewComment{URL: app + "/pull/2/files#r1", PullRequest: app + "/pull/2", InReplyTo: app + "/pull/2/files#r2", Body: "a", CreatedAt: at(1)},
			&archive.PullRequestReviewComment{URL: app + "/pull/2/files#r2", PullRequest: app + "/pull/2", InReplyTo: app + "/pull/2/files#r1", Body: "b", CreatedAt: at(1)},
		)
		a.file("attachments/1/a.svg", []byte(svg))
		a.file("attachments/4/liar.png", []byte(page))
		a.file("attachments/5/x.txt", []byte(page))
		a.file("repository_files/2/a.html", []byte(page))
		a.file("releases/3/a.xhtml", []byte(`<html xmlns="http://www.w3.org/1999/xhtml"><script>`+run+`</script></html>`))
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	})
}

// plainRune replaces a rune that the name of a repository in an archive cannot have.
func plainRune(r rune) rune {
	if r >= 'a' && r <= 'z' || strings.ContainsRune(`<>"' =`, r) {
		return r
	}
	return '-'
}
