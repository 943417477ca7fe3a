package ghmigrate

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// An endpoint is a path below the API root, every segment escaped, or the
// reason why there is none.
type endpoint struct {
	path string
	err  error
}

func (e endpoint) literal(segment string) endpoint {
	e.path += "/" + segment
	return e
}

// name adds a segment that the caller named: one that would be another path,
// or none, is refused.
func (e endpoint) name(argument, value string) endpoint {
	if e.err == nil {
		e.err = checkName(argument, value)
	}
	return e.literal(url.PathEscape(value))
}

func (e endpoint) id(argument string, value int64) endpoint {
	if e.err == nil && value <= 0 {
		e.err = badArgument(argument, "is %d: want a positive number", value)
	}
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

// An argumentError is why a call was refused before any request.
type argumentError struct{ argument, problem string }

func (e *argumentError) Error() string { return "ghmigrate: " + e.argument + " " + e.problem }

func badArgument(argument, problem string, args ...any) error {
	return &argumentError{argument, fmt.Sprintf(problem, args...)}
}
