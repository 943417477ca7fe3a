package ghmigrate

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// An endpoint is a path below the API root with escaped segments. Its methods
// return the endpoint with one more segment.
type endpoint struct {
	path string
	id   int64 // in the path; 0 if the path has no ID
	err  error // why an argument is refused
}

func (e endpoint) literal(segment string) endpoint {
	e.path += "/" + segment
	return e
}

// name adds a name that the caller gave. It refuses a name that would lead to
// another path.
func (e endpoint) name(argument, value string) endpoint {
	if e.err == nil {
		e.err = checkName(argument, value)
	}
	return e.literal(url.PathEscape(value))
}

func (e endpoint) number(argument string, value int64) endpoint {
	if e.err == nil && value <= 0 {
		e.err = badArgument(argument, "is %d: want a positive number", value)
	}
	e.id = value
	return e.literal(strconv.FormatInt(value, 10))
}

func checkName(argument, value string) error {
	switch {
	case value == "":
		return badArgument(argument, "is empty")
	case value == "." || value == ".." || strings.Contains(value, "/"):
		return badArgument(argument, "is %q: want a single name", value)
	}
	return nil
}

// An argumentError says why a call is refused before any request is sent.
type argumentError struct{ argument, problem string }

func (e *argumentError) Error() string { return "ghmigrate: " + e.argument + " " + e.problem }

// Is reports that the request was not sent.
func (e *argumentError) Is(target error) bool { return target == ErrNotSent }

// badArgument returns an argumentError. It redacts the problem, which may quote
// a URL with a token.
func badArgument(argument, problem string, args ...any) error {
	return &argumentError{argument, netx.Redact(fmt.Sprintf(problem, args...))}
}
