//go:build !race

package export //nolint:testpackage // both test packages share it

const UnderRace = false
