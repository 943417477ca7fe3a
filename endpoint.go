package ghmigrate

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// An endpoint is a path below the API root, every segment escaped, or the
// reason to refuse the arguments.
type endpoint struct {
	path string
	id   int64 // in the path; 0 if there is none
	err  error
}

func (e endpoint) literal(segment string) endpoint {
	e.path += "/" + segment
	return e
}

// name adds a segment that the caller named. It refuses a name that would lead
// to another path.
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

// An argumentError is the reason to refuse a call before any request.
type argumentError struct{ argument, problem string }

func (e *argumentError) Error() string { return "ghmigrate: " + e.argument + " " + e.problem }

// Is reports that the request was not sent.
func (e *argumentError) Is(target error) bool { return target == ErrNotSent }

// badArgument redacts the argument, which may be a URL with a token in it.
func badArgument(argument, problem string, args ...any) error {
	return &argumentError{argument, netx.Redact(fmt.Sprintf(problem, args...))}
}
