package archive_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// BenchmarkDecode compares decoding a record of 2 KB by this package and by
// encoding/json.
func BenchmarkDecode(b *testing.B) {
	var issues, events [][]byte
	for n := range 100 {
		issues = append(issues, benchIssue(n))
		events = append(events, benchEvent(n))
	}
	for _, corpus := range []struct {
		name     string
		elements [][]byte
	}{{"issues", issues}, {"events", events}} {
		size := 0
		for _, element := range corpus.elements {
			size += len(element)
		}
		kind := reflect.TypeOf(decodeRecord(b, corpus.elements[0])).Elem()
		b.Run(corpus.name+"/archive", func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, element := range corpus.elements {
					decodeRecord(b, element)
				}
			}
		})
		b.Run(corpus.name+"/encoding_json", func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, element := range corpus.elements {
					require.NoError(b, json.Unmarshal(element, reflect.New(kind).Interface()))
				}
			}
		})
		b.Run(corpus.name+"/type_only", func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, element := range corpus.elements {
					archive.TypeOf(element)
				}
			}
		})
	}
}

func benchIssue(n int) []byte {
	body := strings.Repeat(`It crashes when I save \"draft\" and close the window, every time.\r\n`, 28) +
		strings.Repeat(`Größe: 10 µm\r\n`, 4)
	return fmt.Appendf(nil, `{
    "type": "issue",
    "url": "https://github.com/octo-org/app/issues/%d",
    "repository": "https://github.com/octo-org/app",
    "user": "https://github.com/monalisa%d",
    "title": "Crash number %d",
    "body": "%s",
    "assignee": "https://github.com/hubot",
    "assignees": [
      "https://github.com/hubot"
    ],
    "milestone": null,
    "labels": [
      "https://github.com/octo-org/app/labels/bug"
    ],
    "reactions": [
      {
        "user": "https://github.com/hubot",
        "content": "+1",
        "subject_type": "Issue",
        "created_at": "2024-03-01T10:15:30.000+08:00"
      }
    ],
    "closed_at": null,
    "created_at": "2024-03-01T02:03:04Z",
    "updated_at": "2024-03-01T02:03:04Z"
  }`, n, n%7, n, body)
}

func benchEvent(n int) []byte {
	return fmt.Appendf(nil, `{
    "type": "issue_event",
    "url": "https://github.com/octo-org/app/issues/%d#event-%d",
    "issue": "https://github.com/octo-org/app/issues/%d",
    "actor": "https://github.com/monalisa",
    "event": "labeled",
    "label": "https://github.com/octo-org/app/labels/bug",
    "label_name": "bug",
    "label_color": "d73a4a",
    "label_text_color": "ffffff",
    "created_at": "2024-03-01T02:03:04Z"
  }`, n, 1000+n, n)
}
