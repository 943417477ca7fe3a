// Package contract holds the library to GitHub's own OpenAPI description of
// the migration endpoints: every request that it sends and every response that
// it decodes is what GitHub describes, for each product and each version of
// the API, and so is every response of the fake GitHub in ghmigratetest.
//
// The description is the npm package @octokit/openapi. package-lock.json pins
// its version and its digest, and
//
//	npm ci --prefix internal/contract
//
// fetches it, from the root of the repository. The tests of this package are
// the check, and they fail without it. What they cover is printed by
//
//	go test -C internal/contract -count=1 -v -run TestCoverage .
//
// To see what GitHub has changed since, install the latest package:
//
//	npm install --prefix internal/contract --save-exact @octokit/openapi@latest
//	go generate -C internal/contract .
//
// The second command writes GitHub's documented examples to testdata of the
// root, where the library's own tests read them.
//
// Everything is found by reflection and from the description, so that nothing
// is left out by forgetting it: a new operation, parameter or property in the
// description, and a method or a field that is gone here, fail the check by
// name.
package contract

//go:generate go run ./examples ../../testdata
