// Package tools holds no code: its module pins the linter and apidiff, which
// the checks run, apart from the library's dependencies.
package tools
