package archive_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// examples returns the records under testdata/records, by type. They are in GitHub's
// format. The first record of each type has a value in every field.
func examples(tb testing.TB) map[string][]json.RawMessage {
	tb.Helper()
	files, err := filepath.Glob("testdata/records/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	all := map[string][]json.RawMessage{}
	for _, file := range files {
		kind := strings.TrimSuffix(filepath.Base(file), ".json")
		all[kind] = readShard(tb, file)
	}
	return all
}

func readShard(tb testing.TB, file string) (elements []json.RawMessage) {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, &elements))
	return elements
}

func decodeRecord(tb testing.TB, element []byte) archive.Record {
	tb.Helper()
	r, err := archive.DecodeRecord(element)
	require.NoError(tb, err)
	return r
}

func encodeRecord(tb testing.TB, r archive.Record) string {
	tb.Helper()
	text, err := archive.EncodeRecord(r)
	require.NoError(tb, err)
	return string(text)
}

// assertSpelled asserts that r is encoded as exactly these bytes.
func assertSpelled(tb testing.TB, want string, r archive.Record) {
	tb.Helper()
	assert.Equal(tb, want, encodeRecord(tb, r))
}

// decodeAs decodes a record, which must be a T.
func decodeAs[T archive.Record](tb testing.TB, element string) T {
	tb.Helper()
	r, ok := decodeRecord(tb, []byte(element)).(T)
	require.True(tb, ok, "%T", r)
	return r
}

func compact(tb testing.TB, text []byte) string {
	tb.Helper()
	var buf bytes.Buffer
	require.NoError(tb, json.Compact(&buf, text))
	return buf.String()
}

func TestExamplesAreEncodedUnchanged(t *testing.T) {
	for kind, elements := range examples(t) {
		for _, element := range elements {
			r := decodeRecord(t, element)
			require.IsNotType(t, &archive.Unknown{}, r, kind)
			assert.Equal(t, kind, r.Kind())
			assert.Equal(t, kind, archive.TypeOf(element))
			assert.Contains(t, string(element), `"url": "`+string(r.Key())+`"`)
			assert.Equal(t, string(element), string(r.Raw()))
			assertSpelled(t, string(element), r)
		}
	}
}

// Examples that a Writer writes are read unchanged, whether they were read before or are
// new records.
func TestExamplesSurviveAnArchive(t *testing.T) {
	for name, before := range map[string]func(archive.Record) archive.Record{
		"read": func(r archive.Record) archive.Record { return r },
		"new":  archive.Forget,
	} {
		t.Run(name, func(t *testing.T) {
			want := map[archive.URL]archive.Record{}
			var buf bytes.Buffer
			w := archive.NewWriter(&buf, nil)
			for _, elements := range examples(t) {
				for _, element := range elements {
					r := before(decodeRecord(t, element))
					require.NoError(t, w.Write(r))
					want[r.Key()] = r
				}
			}
			require.NoError(t, w.Close())

			reader, err := archive.NewReader(&buf, nil)
			require.NoError(t, err)
			for r, err := range reader.Records() {
				require.NoError(t, err)
				written := want[r.Key()]
				require.NotNil(t, written, r.Key())
				assert.Equal(t, compact(t, []byte(encodeRecord(t, written))), compact(t, r.Raw()))
				if name == "new" {
					assert.Equal(t, encodeRecord(t, written), encodeRecord(t, archive.Forget(r)))
				} else {
					assert.Equal(t, archive.Forget(written), archive.Forget(r))
				}
				delete(want, r.Key())
			}
			assert.Empty(t, want)
		})
	}
}

// A new record is encoded in GitHub's format: the same keys in the same order, and the
// same values except for the fractions of times.
func TestNewRecordsAreEncodedLikeGitHubs(t *testing.T) {
	for kind, elements := range examples(t) {
		r := decodeRecord(t, elements[0])
		want := strings.ReplaceAll(compact(t, elements[0]), ".000+0", "+0")
		assert.Equal(t, want, encodeRecord(t, archive.Forget(r)), kind)
	}
}

// The structs work with encoding/json as well.
func TestEncodingJSONDecodesTheSame(t *testing.T) {
	for kind, elements := range examples(t) {
		for _, element := range elements {
			r := archive.Forget(decodeRecord(t, element))
			got := reflect.New(reflect.TypeOf(r).Elem()).Interface()
			require.NoError(t, json.Unmarshal(element, got), kind)
			assert.Equal(t, r, got)

			text, err := json.Marshal(r)
			require.NoError(t, err)
			again := reflect.New(reflect.TypeOf(r).Elem()).Interface()
			require.NoError(t, json.Unmarshal(text, again))
			assert.Equal(t, r, again)
		}
	}
}

// keyPaths returns the path of each key in text, such as reactions.user for the users of
// reactions.
func keyPaths(tb testing.TB, text []byte) map[string]bool {
	tb.Helper()
	var value any
	require.NoError(tb, json.Unmarshal(text, &value))
	paths := map[string]bool{}
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				path := strings.TrimPrefix(at+"."+key, ".")
				paths[path] = true
				walk(path, member)
			}
		case []any:
			for _, element := range value {
				walk(at, element)
			}
		}
	}
	walk("", value)
	return paths
}

// Each key of the examples is a field, and each field is in the examples.
func TestExamplesHaveEveryField(t *testing.T) {
	for kind, elements := range examples(t) {
		spelled, known := map[string]bool{}, map[string]bool{}
		for _, element := range elements {
			maps.Copy(spelled, keyPaths(t, element))
			maps.Copy(known, keyPaths(t, []byte(encodeRecord(t, archive.Forget(decodeRecord(t, element))))))
		}
		assert.Equal(t, slices.Sorted(maps.Keys(spelled)), slices.Sorted(maps.Keys(known)), kind)

		// Reflection finds fields that the examples lack.
		fields := map[string]bool{}
		jsonFields(reflect.TypeOf(decodeRecord(t, elements[0])).Elem(), "", fields)
		assert.Equal(t, slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(spelled)), kind)
	}
}

// jsonFields adds the path of each JSON field of a struct.
func jsonFields(typ reflect.Type, at string, paths map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[archive.Time]() {
		return
	}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		paths[path] = true
		jsonFields(field.Type, path, paths)
	}
}

// TestRealRecordsHaveNoUnknownField reads parts of real exports, if the machine has them.
func TestRealRecordsHaveNoUnknownField(t *testing.T) {
	const samples = "../../shared/samples"
	if _, err := os.Stat(samples); err != nil {
		t.Skip("no samples of real exports here")
	}
	known := map[string]map[string]bool{}
	for kind, elements := range examples(t) {
		known[kind] = map[string]bool{}
		for _, element := range elements {
			maps.Copy(known[kind], keyPaths(t, element))
		}
	}
	records := 0
	require.NoError(t, filepath.WalkDir(samples, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_000001.json") && !strings.HasSuffix(path, "_000002.json") {
			return err
		}
		for _, element := range readShard(t, path) {
			records++
			r := decodeRecord(t, element)
			require.IsNotType(t, &archive.Unknown{}, r, path)
			assertSpelled(t, string(element), r)
			for key := range keyPaths(t, element) {
				assert.True(t, known[r.Kind()][key], "%s: %s", path, key)
			}
		}
		return nil
	}))
	assert.NotZero(t, records)
}

func at(year int, month time.Month, day, hour, minute, second int) archive.Time {
	return archive.Time{Time: time.Date(year, month, day, hour, minute, second, 0, time.UTC)}
}

func TestNullIsZero(t *testing.T) {
	r := archive.Forget(decodeRecord(t, []byte(`{"type":"pull_request","url":"https://github.com/o/r/pull/8","user":null,"repository":"https://github.com/o/r",
		"title":"x","body":null,"base":{"ref":"main","sha":"1","user":"https://github.com/o","repo":"https://github.com/o/r"},
		"head":{"ref":"fix","sha":"2","user":null,"repo":null},"assignee":null,"assignees":[],"milestone":null,"labels":null,"work_in_progress":null,
		"merged_at":null,"closed_at":null,"created_at":"2024-01-02T03:04:05Z","merge_commit_sha":null}`)))
	assert.Equal(t, &archive.PullRequest{
		Type: "pull_request", URL: "https://github.com/o/r/pull/8", Repository: "https://github.com/o/r", Title: "x",
		Base:      archive.PullRequestBranch{Ref: "main", SHA: "1", User: "https://github.com/o", Repo: "https://github.com/o/r"},
		Head:      archive.PullRequestBranch{Ref: "fix", SHA: "2"},
		Assignees: []archive.URL{}, CreatedAt: at(2024, 1, 2, 3, 4, 5),
	}, r)
	assert.Empty(t, archive.References(r)["label"])
}

func TestMissingKeysAreZero(t *testing.T) {
	gl := decodeAs[*archive.Issue](t, `{"type":"issue","url":"https://gitlab.com/o/r/issues/1","repository":"https://gitlab.com/o/r",
		"user":"https://gitlab.com/mona","title":"x","body":"y","assignee":null,"milestone":null,"labels":[],"closed_at":null,"created_at":"2023-03-30T09:03:48.563Z"}`)
	assert.Equal(t, &archive.Issue{
		Type: "issue", URL: "https://gitlab.com/o/r/issues/1", Repository: "https://gitlab.com/o/r", User: "https://gitlab.com/mona",
		Title: "x", Body: "y", Labels: []archive.URL{}, CreatedAt: archive.Time{Time: time.Date(2023, 3, 30, 9, 3, 48, 563000000, time.UTC)},
	}, archive.Forget(gl))

	user := decodeAs[*archive.User](t, `{"type":"user","url":"https://gitlab.com/mona","login":"mona","name":"Mona","company":null,"website":null,
		"location":null,"emails":[{"address":"mona@example.com","primary":true}],"created_at":null}`)
	assert.Equal(t, &archive.User{
		Type: "user", URL: "https://gitlab.com/mona", Login: "mona", Name: "Mona",
		Emails: []archive.Email{{Address: "mona@example.com", Primary: true}},
	}, archive.Forget(user))

	review := decodeAs[*archive.PullRequestReview](t, `{"type":"pull_request_review","url":"https://bb.example.com/r","pull_request":"https://bb.example.com/p",
		"user":"https://bb.example.com/u","formatter":"markdown","head_sha":"1","state":40,"created_at":"2024-01-02T03:04:05Z","submitted_at":"2024-01-02T03:04:05Z"}`)
	assert.Equal(t, archive.ReviewApproved, review.State)
	assert.Empty(t, review.Body)
	assert.Nil(t, review.Reactions)

	repository := decodeAs[*archive.Repository](t, `{"type":"repository","url":"https://gitlab.com/o/r","labels":[
		{"type":"label","url":"https://gitlab.com/o/r/labels#/bug","name":"bug","color":"d73a4a","created_at":"2025-03-02 13:11:12 +0000"}]}`)
	assert.Equal(t, []archive.Label{
		{Type: "label", URL: "https://gitlab.com/o/r/labels#/bug", Name: "bug", Color: "d73a4a", CreatedAt: repository.Labels[0].CreatedAt},
	}, repository.Labels)
	assert.WithinDuration(t, time.Date(2025, 3, 2, 13, 11, 12, 0, time.UTC), repository.Labels[0].CreatedAt.Time, 0)
	assert.Contains(t, encodeRecord(t, repository), `"2025-03-02 13:11:12 +0000"`)
}

func TestReviewStatesAreNumbers(t *testing.T) {
	for number, want := range map[string]string{
		"1": "commented", "30": "changes requested", "40": "approved", "50": "review state 50", "null": "review state 0",
	} {
		text := `{"type":"pull_request_review","state":` + number + `}`
		review := decodeAs[*archive.PullRequestReview](t, text)
		assert.Equal(t, want, review.State.String())
	}
	assert.Contains(t, encodeRecord(t, &archive.PullRequestReview{State: archive.ReviewChangesRequested}), `"state":30`)
}

func TestReactionsAreSpelledAsInArchives(t *testing.T) {
	issue := decodeAs[*archive.Issue](t, string(examples(t)["issue"][0]))
	assert.Equal(t, archive.ReactionPlusOne, issue.Reactions[0].Content)
	assert.Equal(t, archive.ReactionThinkingFace, issue.Reactions[1].Content)
	assert.Equal(t, "Issue", issue.Reactions[1].SubjectType)
	assert.WithinDuration(t, time.Date(2024, 3, 1, 2, 15, 30, 0, time.UTC), issue.Reactions[1].CreatedAt.Time, 0)
}

func TestParentsExcludeEachOther(t *testing.T) {
	all := examples(t)
	on := decodeAs[*archive.IssueComment](t, string(all["issue_comment"][0]))
	assert.Equal(t, archive.URL("https://github.com/octo-org/app/issues/5"), on.Parent())
	assert.Empty(t, on.PullRequest)
	on = decodeAs[*archive.IssueComment](t, string(all["issue_comment"][1]))
	assert.Equal(t, archive.URL("https://github.com/octo-org/app/pull/7"), on.Parent())
	assert.Empty(t, on.Issue)

	event := decodeAs[*archive.IssueEvent](t, string(all["issue_event"][8]))
	assert.Equal(t, archive.URL("https://github.com/octo-org/app/pull/7"), event.Parent())

	var parents []archive.URL
	for _, element := range all["attachment"] {
		parents = append(parents, decodeAs[*archive.Attachment](t, string(element)).Parent())
	}
	assert.Equal(t, []archive.URL{
		"https://github.com/octo-org/app/issues/5", "https://github.com/octo-org/app/issues/5#issuecomment-1972345678",
		"https://github.com/octo-org/app/pull/7", "https://github.com/octo-org/app/issues/6",
		"https://github.com/octo-org/app/pull/7/files#pullrequestreview-1912345678", "https://github.com/octo-org/app/pull/7/files#r1512345678",
	}, parents)
	assert.Empty(t, (&archive.Attachment{Repository: "https://github.com/octo-org/app"}).Parent())

	// A null would be a second parent.
	text := encodeRecord(t, &archive.IssueComment{URL: "u", PullRequest: "p"})
	assert.NotContains(t, text, `"issue"`)
}

func TestAttachmentReadsCreatedDate(t *testing.T) {
	const text = `{"type":"attachment","url":"u","issue":"i","user":"m","asset_name":"a","asset_content_type":"c","asset_url":"tarball://root/attachments/1/a","created_date":"2023-03-30T09:03:48Z"}`
	attachment := decodeAs[*archive.Attachment](t, text)
	assert.Equal(t, at(2023, 3, 30, 9, 3, 48), attachment.CreatedAt)
	assertSpelled(t, text, attachment)

	both := decodeAs[*archive.Attachment](t, `{"type":"attachment","created_at":"2024-01-02T03:04:05Z","created_date":"2023-03-30T09:03:48Z"}`)
	assert.Equal(t, at(2024, 1, 2, 3, 4, 5), both.CreatedAt)

	attachment.AssetName = "b"
	assertSpelled(t, strings.Replace(text, `"a"`, `"b"`, 1), attachment)
}

func TestEnforcementLevelsAreNumbersOrWords(t *testing.T) {
	branch := decodeAs[*archive.ProtectedBranch](t, string(examples(t)["protected_branch"][0]))
	assert.Equal(t, archive.EnforcementLevel("2"), branch.BlockDeletionsEnforcementLevel)
	assert.Equal(t, archive.EnforcementLevel("off"), branch.PullRequestReviewsEnforcementLevel)
	for level, want := range map[archive.EnforcementLevel]string{"": "null", "0": "0", "2": "2", "02": `"02"`, "off": `"off"`, "-1": `"-1"`} {
		text, err := json.Marshal(level)
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
		var got archive.EnforcementLevel
		require.NoError(t, json.Unmarshal(text, &got))
		assert.Equal(t, level, got)
	}
	require.Error(t, json.Unmarshal([]byte("true"), new(archive.EnforcementLevel)))
	require.Error(t, json.Unmarshal([]byte("1.5"), new(archive.EnforcementLevel)))
}

func TestBodiesMayHoldAnything(t *testing.T) {
	const text = `{"type":"issue","body":"a\u0000b\r\nc \ud83c\udf89 <script> \u2028","title":"` + "\xff" + `"}`
	issue := decodeAs[*archive.Issue](t, text)
	assert.Equal(t, "a\x00b\r\nc 🎉 <script> \u2028", issue.Body)
	assert.Equal(t, "\ufffd", issue.Title)
	assertSpelled(t, text, issue)
}

func TestUserID(t *testing.T) {
	for avatar, want := range map[string]int64{
		"https://avatars.githubusercontent.com/u/583231?v=4": 583231,
		"https://avatars.ghes.example.com/u/6":               6,
		"https://avatars.githubusercontent.com/in/29110?v=4": 0,
		"": 0,
	} {
		assert.Equal(t, want, (&archive.User{AvatarURL: avatar}).ID(), avatar)
	}
}

func TestTypeOf(t *testing.T) {
	for element, want := range map[string]string{
		`{"type":"issue"}`: "issue",
		" {\n \"type\" :\t\"issue\" , \"url\": null }":          "issue",
		`{"a":{"type":"x"},"b":[{"type":"y"},"]}"],"type":"z"}`: "z",
		`{"a":"\"type\":\"x\\","b":-1.5e3,"c":null,"type":"z"}`: "z",
		`{"\u0074ype":"iss\u0075e"}`:                            "issue",
		`{"type":5}`:                                            "",
		`{"Type":"issue"}`:                                      "",
		`{}`:                                                    "",
		`{"url":"x"}`:                                           "",
		`["type","issue"]`:                                      "",
		`"type"`:                                                "",
		`5`:                                                     "",
		``:                                                      "",
		`{"type"`:                                               "",
		`{"type":`:                                              "",
		`{"a":[[{"b":{}}], {}], "c" : "d","type":"issue_event"}`: "issue_event",
	} {
		assert.Equal(t, want, archive.TypeOf([]byte(element)), element)
	}
}

func TestUnknownTypesAreKept(t *testing.T) {
	for _, test := range []struct{ text, kind, key string }{
		{`{"type":"sprint","url":"https://github.com/o/r/sprints/1","goal":[1,2]}`, "sprint", "https://github.com/o/r/sprints/1"},
		{`{ "goal" : "none" }`, "", ""},
		{`{"type":7,"url":{"href":"x"}}`, "", ""},
		{`[1,2]`, "", ""},
		{`null`, "", ""},
		{`"issue"`, "", ""},
	} {
		unknown := decodeAs[*archive.Unknown](t, test.text)
		require.NoError(t, unknown.Err)
		assert.Equal(t, test.kind, unknown.Kind())
		assert.Equal(t, archive.URL(test.key), unknown.Key())
		assert.Equal(t, test.text, string(unknown.Raw()))
		assertSpelled(t, test.text, unknown)
		assert.Empty(t, archive.References(unknown))
		assert.Empty(t, archive.Links(unknown))
	}
	assertSpelled(t, `{"type":"sprint","url":"u"}`, &archive.Unknown{Type: "sprint", URL: "u"})
}

func TestRecordsThatDoNotFitAreUnknown(t *testing.T) {
	for _, text := range []string{
		`{"type":"issue","url":"u","title":5}`,
		`{"type":"issue","url":"u","created_at":"yesterday"}`,
		`{"type":"issue","url":"u","assignees":"mona"}`,
		`{"type":"issue","url":"u","reactions":[{"user":{"login":"mona"}}]}`,
		`{"type":"pull_request_review","url":"u","state":"approved"}`,
		`{"type":"pull_request","url":"u","base":"main"}`,
		`{"type":"commit_comment","url":"u","position":1.5}`,
		`{"type":"attachment","url":"u","created_date":5}`,
	} {
		unknown := decodeAs[*archive.Unknown](t, text)
		require.Error(t, unknown.Err, text)
		assert.Equal(t, archive.TypeOf([]byte(text)), unknown.Kind())
		assert.Equal(t, archive.URL("u"), unknown.Key())
		assertSpelled(t, text, unknown)
	}
}

func TestInvalidJSONIsAnError(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `{"type":"issue"`, `{"type":"issue",}`, `{"type":"issue"}}`, `{"type":"issue"} {}`, `{"type":"issue","title":"a` + "\n" + `"}`,
		`{"type":"issue","n":01}`, `{"type":"issue","n":tru}`, `{"type":"sprint","n":tru}`, `{"type":"issue","title":5,"body":"\x"}`, `{'type':"issue"}`, `x`,
	} {
		r, err := archive.DecodeRecord([]byte(text))
		require.Error(t, err, text)
		assert.Nil(t, r)
	}
}

func FuzzDecode(f *testing.F) {
	for _, elements := range examples(f) {
		for _, element := range elements {
			f.Add([]byte(element))
		}
	}
	f.Add([]byte(`{"a":[{"b":"]}\\\""}],"type":"issue","type":"user","\u0075rl":"x"}`))
	f.Add([]byte(`{"type":"attachment","created_date":null,"user":"\ud800"}`))
	f.Add([]byte(` [1e5, null ] `))
	f.Fuzz(func(t *testing.T, element []byte) {
		r, err := archive.DecodeRecord(element)
		if err != nil {
			assert.Nil(t, r)
			return
		}
		assert.Equal(t, string(element), string(r.Raw()))
		if reflect.ValueOf(r).Elem().FieldByName("Type").String() == r.Kind() { // the "type" is not a duplicate
			text := encodeRecord(t, r)
			assert.Equal(t, strings.TrimLeft(string(element), " \t\r\n"), strings.TrimLeft(text, " \t\r\n"))
		}
		archive.References(r)
		archive.Keys(r)
		archive.Links(r)
		if _, ok := r.(*archive.Unknown); ok {
			return
		}
		// The fields of the struct survive a change of another field, and the loss of the
		// text.
		reflect.ValueOf(r).Elem().FieldByName("URL").SetString("https://github.com/changed")
		changed := decodeRecord(t, []byte(encodeRecord(t, r)))
		literal := encodeRecord(t, archive.Forget(r))
		again := decodeRecord(t, []byte(literal))
		assertSpelled(t, literal, archive.Forget(changed))
		assertSpelled(t, literal, archive.Forget(again))
	})
}
