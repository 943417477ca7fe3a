// Package tools holds no code: its module pins the linter, which the checks run,
// apart from the library's dependencies.
package tools
