// Package actionlint has no code. Its module pins the version of actionlint, which
// cannot be built with the dependencies of the module tools.
package actionlint
