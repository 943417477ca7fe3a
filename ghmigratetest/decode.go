package ghmigratetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// decode decodes the body of a call into v, a pointer to a struct with the
// documented fields. It returns a refusal and false if the body is invalid. It
// checks more than encoding/json, which accepts null for every type and ignores
// the case of names.
func (s *Server) decode(c *call, resource string, v any) (response, bool) {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return response{}, true
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return invalid(fieldError{Resource: resource, Code: "invalid", Message: "the body is not an object"}), false
		}
		return failure(http.StatusBadRequest, "Problems parsing JSON"), false
	}
	var errs []fieldError
	if _, err := dec.Token(); !errors.Is(err, io.EOF) && !s.cfg.lenient {
		errs = append(errs, fieldError{Resource: resource, Code: "invalid", Message: strict("there is data after the object")})
	}
	rv := reflect.ValueOf(v).Elem()
	known := make([]string, rv.NumField())
	for i := range rv.NumField() {
		name, _, _ := strings.Cut(rv.Type().Field(i).Tag.Get("json"), ",")
		known[i] = name
		raw, ok := fields[name]
		if !ok {
			continue
		}
		message := "must be a " + jsonType(rv.Field(i).Type())
		if err := json.Unmarshal(raw, rv.Field(i).Addr().Interface()); err != nil {
			errs = append(errs, fieldError{Resource: resource, Field: name, Code: "invalid", Message: message})
		} else if string(raw) == "null" && !s.cfg.lenient && name != "repositories" { // resolve reports these as missing
			errs = append(errs, fieldError{Resource: resource, Field: name, Code: "invalid", Message: strict(message)})
		}
	}
	for name := range fields {
		if !slices.Contains(known, name) && !s.cfg.lenient {
			errs = append(errs, fieldError{Resource: resource, Field: name, Code: "invalid", Message: strict("is not a field of this request")})
		}
	}
	if len(errs) > 0 {
		slices.SortFunc(errs, func(a, b fieldError) int { return strings.Compare(a.Field, b.Field) })
		return invalid(errs...), false
	}
	return response{}, true
}

// jsonType returns the name of a type for messages.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "list of strings"
	default:
		return "string"
	}
}
