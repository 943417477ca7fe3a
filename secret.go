package ghmigrate

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that is not printed. Packages fmt, log/slog and
// encoding/json show REDACTED instead, or nothing if the Secret is empty.
//
// Package fmt ignores the methods of values in unexported fields, and of values
// behind nested pointers if the verb is not %v. Keep a Secret in an exported
// field, and print structs with pointers to it with %v.
type Secret string

// Reveal returns the secret as a plain string.
func (s Secret) Reveal() string { return string(s) }

// Format prints REDACTED, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.redacted()) }

// LogValue logs REDACTED.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.redacted()) }

// MarshalJSON encodes REDACTED.
func (s Secret) MarshalJSON() ([]byte, error) { return encode(s.redacted()) }

func (s Secret) redacted() string {
	if s == "" {
		return ""
	}
	return "REDACTED"
}
