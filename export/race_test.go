//go:build race

package export //nolint:testpackage // both test packages share it

// UnderRace tells that everything takes five times as long: there is less of it.
const UnderRace = true
