// Package check has only tests, of the repository as a whole: the snippets and
// output in its documents, its links, its exported surface, and the English of
// its comments.
package check
