package archive_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestURLNumber(t *testing.T) {
	for url, want := range map[archive.URL]int64{
		"": 0,
		"https://github.com/octo-org/app/issues/5":                                        5,
		"https://github.com/octo-org/app/pull/1234567":                                    1234567,
		"https://github.com/octo-org/app/milestones/3":                                    3,
		"https://github.com/octo-org/app/discussions/9":                                   9,
		"https://github.com/octo-org/app/projects/1":                                      1,
		"https://github.com/octo-org/app/issues/5#issuecomment-1972345678":                1972345678,
		"https://github.com/octo-org/app/pull/7#event-11893940101":                        11893940101,
		"https://github.com/octo-org/app/pull/7/files#pullrequestreview-1912345678":       1912345678,
		"https://github.com/octo-org/app/pull/7/files#pullrequestreviewthread-412345":     412345,
		"https://github.com/octo-org/app/pull/7/files#r1512345678":                        1512345678,
		"https://github.com/octo-org/app/commit/6dcb09b5b57875f334f61#commitcomment-1398": 1398,
		"https://gitlab.com/octo-org/app/merge_requests/7#note_88":                        88,

		"https://github.com/octo-org/app":                                 0,
		"https://github.com/octo-org/app-2":                               0,
		"https://github.com/octo-org/app/releases/tag/v1.2.3":             0,
		"https://github.com/octo-org/app/releases/tag/2024":               0,
		"https://github.com/octo-org/app/releases/tag/fix/issues/5":       0,
		"https://github.com/octo-org/app/protected_branches/issues/5":     0,
		"https://github.com/octo-org/2048":                                0,
		"https://github.com/12345":                                        0,
		"https://github.com/orgs/octo-org/teams/42":                       0,
		"https://github.com/octo-org/app/files/14445678/2024":             0,
		"https://github.com/octo-org/app/commit/1234567":                  0,
		"https://github.com/octo-org/app/labels/2024":                     0,
		"https://github.com/octo-org/app/labels/p1":                       0,
		"https://gitlab.com/octo-org/app/labels#/5":                       0,
		"https://github.com/octo-org/app/issues/":                         0,
		"https://github.com/octo-org/app/issues/-5":                       0,
		"https://github.com/octo-org/app/issues/+5":                       0,
		"https://github.com/octo-org/app/issues/5_0":                      0,
		"https://github.com/octo-org/app/issues/99999999999999999999":     0,
		"https://github.com/octo-org/app/issues/5#":                       0,
		"https://github.com/octo-org/app/issues/5#5":                      0,
		"https://github.com/octo-org/app/pull/7/files#r1512345678-suffix": 0,
		"5": 0,
	} {
		assert.Equal(t, want, url.Number(), "%q", url)
	}
}

func TestURLIsNullWhenEmpty(t *testing.T) {
	text, err := json.Marshal([]archive.URL{"", `https://github.com/octo-org/app/labels/"<a>&b"`})
	require.NoError(t, err)
	assert.JSONEq(t, `[null, "https://github.com/octo-org/app/labels/\"<a>&b\""]`, string(text))

	got := []archive.URL{"x"}
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, []archive.URL{"x", `https://github.com/octo-org/app/labels/"<a>&b"`}[1], got[1])
}

func FuzzURLNumber(f *testing.F) {
	f.Add("https://github.com/octo-org/app/issues/5")
	f.Add("https://github.com/octo-org/app/issues/5#issuecomment-123")
	f.Add("#r0012")
	f.Fuzz(func(t *testing.T, url string) {
		n := archive.URL(url).Number()
		assert.GreaterOrEqual(t, n, int64(0))
		if n > 0 {
			assert.True(t, strings.HasSuffix(url, strconv.FormatInt(n, 10)))
		}
	})
}
