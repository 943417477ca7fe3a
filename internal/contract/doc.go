// Package contract checks the library against GitHub's OpenAPI description of the
// migration endpoints, for each product and each version of the API. It checks every
// request that the library sends, every response that the library decodes, and every
// response of the fake GitHub in package ghmigratetest.
//
// The description is the npm package @octokit/openapi. package-lock.json pins
// its version and its digest, and
//
//	npm ci --prefix internal/contract
//
// fetches it, from the root of the repository. The tests of this package are the
// checks. They fail without the description. This command prints their coverage:
//
//	go test -C internal/contract -count=1 -v -run TestCoverage .
//
// To find GitHub's later changes, install the latest package:
//
//	npm install --prefix internal/contract --save-exact @octokit/openapi@latest
//	go generate -C internal/contract .
//
// The second command writes GitHub's documented examples to the root's testdata, from
// which the library's own tests read them.
//
// The checks list methods and fields by reflection, and operations, parameters and
// properties from the description. So a check fails, and names the item, if GitHub
// adds an operation, parameter or property, or if the library loses a method or a
// field.
package contract

//go:generate go run ./examples ../../testdata
