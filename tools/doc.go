// Package tools holds no code: its module pins the linter and apidiff, which
// the checks run, apart from the library's dependencies. The module in
// actionlint pins that, which cannot be built with what the linter needs.
package tools
