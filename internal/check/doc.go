// Package check has only tests, of the repository as a whole. They check the code and
// the output in documents, links, the exported surface, the changelog, and the English
// of comments.
package check
