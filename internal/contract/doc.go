// Package contract checks the library against GitHub's own OpenAPI description
// of the migration endpoints. Every request that the library sends and every
// response that it decodes matches the description, for each product and each
// version of the API. Every response of the fake GitHub in ghmigratetest does,
// too.
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
// Reflection and the description list everything, so that no list can miss an
// item. A new operation, parameter or property in the description fails the
// check by name, and so does a method or a field that is removed here.
package contract

//go:generate go run ./examples ../../testdata
