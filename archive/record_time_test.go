package archive_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestTimeReadsEveryForm(t *testing.T) {
	east := time.FixedZone("", 8*60*60)
	for _, test := range []struct {
		name, text string
		want       time.Time
		written    string
	}{
		{"null", `null`, time.Time{}, `null`},
		{"an empty string", `""`, time.Time{}, `null`},
		{"plain", `"2024-07-26T14:47:57Z"`, time.Date(2024, 7, 26, 14, 47, 57, 0, time.UTC), `"2024-07-26T14:47:57Z"`},
		{"leap day", `"2024-02-29T23:59:59Z"`, time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), `"2024-02-29T23:59:59Z"`},
		{"milliseconds and offset", `"2019-11-13T04:22:13.000+08:00"`, time.Date(2019, 11, 13, 4, 22, 13, 0, east), `"2019-11-13T04:22:13+08:00"`},
		{"milliseconds", `"2023-03-30T09:03:48.563Z"`, time.Date(2023, 3, 30, 9, 3, 48, 563000000, time.UTC), `"2023-03-30T09:03:48.563Z"`},
		{"not RFC 3339", `"2025-03-02 13:11:12 +0000"`, time.Date(2025, 3, 2, 13, 11, 12, 0, time.UTC), `"2025-03-02T13:11:12Z"`},
		{"not RFC 3339, with offset", `"2025-03-02 21:11:12 +0800"`, time.Date(2025, 3, 2, 21, 11, 12, 0, east), `"2025-03-02T21:11:12+08:00"`},
		{"escaped", `"2024-07-26T14:47:57\u005a"`, time.Date(2024, 7, 26, 14, 47, 57, 0, time.UTC), `"2024-07-26T14:47:57Z"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got archive.Time
			require.NoError(t, json.Unmarshal([]byte(test.text), &got))
			assert.WithinDuration(t, test.want, got.Time, 0)
			assert.Equal(t, test.want.IsZero(), got.IsZero())
			written, err := json.Marshal(got)
			require.NoError(t, err)
			assert.Equal(t, test.written, string(written))
		})
	}
}

func TestTimeRefusesOtherForms(t *testing.T) {
	for _, text := range []string{
		`" "`, `"yesterday"`, `5`, `true`, `{}`, `"2024-13-26T14:47:57Z"`, `"2023-02-29T00:00:00Z"`, `"2024-07-00T14:47:57Z"`,
		`"2024-07-26T24:00:00Z"`, `"2024-07-26T14:60:57Z"`, `"2024-07-26T14:47:60Z"`, `"2024-07-26T14:47:5/Z"`, `"2024-07-26 14:47:57 +2400"`, `"2024-07-26 14:47:57Z"`,
	} {
		var got archive.Time
		assert.Error(t, json.Unmarshal([]byte(text), &got), text)
	}
}

// FuzzTime checks that time.Parse reads every time that Time accepts, as the same
// moment.
func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"2024-07-26T14:47:57Z", "2024-02-30T14:47:57Z", "0000-01-01T00:00:00Z", "2024-07-26T14:47:57.5Z",
		"2019-11-13T04:22:13.000+08:00", "2025-03-02 13:11:12 +0000", "9999-12-31T23:59:59-23:59", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		var got archive.Time
		if json.Unmarshal(quoted, &got) != nil {
			at, err := time.Parse(time.RFC3339, text)
			if err == nil {
				_, err = at.MarshalJSON()
			}
			assert.Error(t, err)
			return
		}
		if text == "" {
			assert.Zero(t, got)
			return
		}
		want, err := time.Parse(time.RFC3339, text)
		if err != nil {
			want, err = time.Parse("2006-01-02 15:04:05 -0700", text)
		}
		require.NoError(t, err)
		assert.WithinDuration(t, want, got.Time, 0)
		_, err = json.Marshal(got)
		require.NoError(t, err)
	})
}
