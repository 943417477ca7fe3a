package archive_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestFaultNamesEntryAndPosition(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for want, fault := range map[string]*archive.Fault{
		"schema.json: broken":           {Entry: "schema.json", Offset: -1, Err: broken},
		"schema.json at byte 0: broken": {Entry: "schema.json", Err: broken},
		"archive: broken":               {Offset: -1, Err: broken},
		"archive at byte 7: broken":     {Offset: 7, Err: broken},
		`"a\x1b[2J\n": broken`:          {Entry: "a\x1b[2J\n", Offset: -1, Err: broken},
	} {
		require.EqualError(t, fault, want)
		require.ErrorIs(t, fault, broken)
	}
}

func TestFaultErrorListsTheFirstFaults(t *testing.T) {
	t.Parallel()
	fault := func(name string) *archive.Fault {
		return &archive.Fault{Entry: name, Offset: -1, Err: fs.ErrExist}
	}
	for want, err := range map[string]*archive.FaultError{
		"a: file already exists": {Faults: []*archive.Fault{fault("a")}},
		"2 faults in the archive: a: file already exists; b: file already exists": {
			Faults: []*archive.Fault{fault("a"), fault("b")},
		},
		"14 faults in the archive: a: file already exists; b: file already exists; c: file already exists; …": {
			Faults: []*archive.Fault{fault("a"), fault("b"), fault("c"), fault("d")}, More: 10,
		},
	} {
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, fs.ErrExist)
		found, ok := errors.AsType[*archive.Fault](err)
		require.True(t, ok)
		assert.Equal(t, "a", found.Entry)
	}
}
