// Package actionlint holds no code: its module pins actionlint, which cannot be
// built with what the linter in module tools needs.
package actionlint
