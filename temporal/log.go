package temporal

import (
	"log/slog"

	"github.com/ghmigrate/ghmigrate/export"
)

// logTo returns a function that logs the events of package export, except for the
// progress of downloads and the counts of repositories, which are not known here.
func logTo(log func(msg string, keyvals ...any)) func(export.Event) {
	return func(e export.Event) {
		if e.Kind == export.EventProgress {
			return
		}
		var pairs []any
		for _, a := range e.Attrs() {
			if a.Key != "done" && a.Key != "all" {
				pairs = append(pairs, a.Key, slog.AnyValue(a.Value).String())
			}
		}
		log("export", pairs...)
	}
}
