//go:build race

package export_test

// underRace tells that everything takes five times as long: there is less of it.
const underRace = true
