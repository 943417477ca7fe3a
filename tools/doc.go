// Package tools has no code. Its module pins the version of the linter, apart from the
// dependencies of the library.
package tools
