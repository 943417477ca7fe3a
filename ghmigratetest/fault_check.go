package ghmigratetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// mustBeValid panics if the fault is invalid. The message names the method that got
// the fault.
func (f *Fault) mustBeValid(method string) {
	if err := f.check(); err != nil {
		panic(fmt.Sprintf("ghmigratetest: %s: %v", method, err))
	}
}

// check returns an error that lists what is invalid in a fault.
func (f *Fault) check() error {
	problems := []error{f.checkSelection(), f.checkResponse()}
	for name, d := range map[string]time.Duration{
		"from": f.From, "until": f.Until, "within": f.Within, "delay": f.Delay, "hidden": f.Hidden,
	} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("%s is negative", name))
		}
	}
	for name, value := range f.Repositories {
		_, err := parseChange(value)
		if strings.Count(name, "/") != 1 {
			err = fmt.Errorf("%q is not owner/name", name)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("repositories: %s: %w", name, err))
		}
	}
	for name, values := range f.Header {
		problems = append(problems, checkHeader(name, values))
	}
	return errors.Join(problems...)
}

// checkHeader returns an error for a header that net/http would drop, and for a
// placeholder that Server.expand cannot parse.
func checkHeader(name string, values []string) error {
	const punctuation = "!#$%&'*+-.^_`|~"
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(punctuation, r)
	}) {
		return fmt.Errorf("header: %q is not the name of a header", name)
	}
	for _, value := range values {
		for _, parts := range placeholders().FindAllStringSubmatch(value, -1) {
			if _, err := time.ParseDuration(parts[2]); parts[2] != "" && err != nil {
				return fmt.Errorf("header: %s: %s: %w", name, parts[0], err)
			}
		}
	}
	return nil
}

func (f *Fault) checkSelection() error {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	for method := range strings.FieldsSeq(f.Method) {
		if !slices.Contains(methods, method) {
			return fmt.Errorf("method: %q is not one of %s", method, strings.Join(methods, " "))
		}
	}
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("path %q: %w", f.Path, err)
	}
	if f.Operation != "" {
		known := operationIDs()
		if !slices.ContainsFunc(known, func(id string) bool { return matchPattern(f.Operation, id) }) {
			return fmt.Errorf("operation %q is not one of %s", f.Operation, strings.Join(known, ", "))
		}
		if f.Origin == Storage {
			return errors.New("storage has no operations")
		}
	}
	switch {
	case f.Repository != "" && strings.Count(f.Repository, "/") != 1:
		return fmt.Errorf("repository %q is not owner/name", f.Repository)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	case f.Until != 0 && f.Until <= f.From:
		return fmt.Errorf("until %v is not later than from %v", f.Until, f.From)
	case f.After < 0:
		return errors.New("after is negative")
	}
	return nil
}

func (f *Fault) checkResponse() error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	}
	edits := len(f.Set) + len(f.Remove)
	switch {
	case edits > 0 && f.Origin == Storage:
		return errors.New("set and remove are for JSON, which storage does not send")
	case edits > 0 && (f.Status != 0 || f.Body != "" || f.Applied || f.Handler != nil):
		return errors.New("set and remove change the true response, which status, body, applied and handler replace")
	case f.Rate < 0:
		return errors.New("rate is negative")
	case f.CutAfter < AfterHeader || f.StallAfter < AfterHeader:
		return errors.New("cut_after or stall_after is below -1")
	}
	for pointer, value := range f.Set {
		if pointer != "" && pointer[0] != '/' {
			return fmt.Errorf("set: %q is not a JSON Pointer, as it does not begin with a slash", pointer)
		}
		if _, err := json.Marshal(value); err != nil {
			return fmt.Errorf("set: the value of %q: %w", pointer, err)
		}
	}
	for _, pointer := range f.Remove {
		if pointer == "" || pointer[0] != '/' {
			return fmt.Errorf("remove: %q is not a JSON Pointer to a value", pointer)
		}
	}
	return nil
}
