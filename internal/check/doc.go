// Package check has no code but tests, of the repository as a whole: what its
// documents show, where its links lead, and what it exports.
package check
