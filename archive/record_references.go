package archive

import (
	"reflect"
	"strings"
)

// The struct tag ref of a URL field is the type of the record that the URL names.
// `ref:"user"` also stands for an organization that owns something. With `ref:"*"`
// the URL itself shows the type.

// A referenceReader finds the references of records. It analyzes each type of
// struct once.
type referenceReader struct {
	fields map[reflect.Type][]referenceField
}

// A referenceField is a field of a struct that holds references.
type referenceField struct {
	index int
	kind  string           // the struct tag; empty for a struct
	many  bool             // the field is a list
	in    []referenceField // the fields of a struct
}

func newReferenceReader() *referenceReader {
	return &referenceReader{fields: make(map[reflect.Type][]referenceField)}
}

// each calls yield for each URL in r that names another record, with the type of
// that record.
func (x *referenceReader) each(r Record, yield func(kind string, to URL)) {
	v := reflect.ValueOf(r)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return
	}
	v = v.Elem()
	fields, ok := x.fields[v.Type()]
	if !ok {
		fields = referenceFields(v.Type())
		x.fields[v.Type()] = fields
	}
	eachReference(v, fields, yield)
}

func eachReference(v reflect.Value, fields []referenceField, yield func(kind string, to URL)) {
	for i := range fields {
		f := &fields[i]
		field := v.Field(f.index)
		if !f.many {
			f.visit(field, yield)
			continue
		}
		for j := range field.Len() {
			f.visit(field.Index(j), yield)
		}
	}
}

func (f *referenceField) visit(v reflect.Value, yield func(kind string, to URL)) {
	if f.in != nil {
		eachReference(v, f.in, yield)
		return
	}
	to := URL(v.String())
	kind := f.kind
	if kind == "*" {
		kind = kindInURL(to)
	}
	if to != "" && kind != "" {
		yield(kind, to)
	}
}

// referenceFields returns the fields of a struct that hold references. It skips
// pointers, because they point to settings, which have no references.
func referenceFields(t reflect.Type) (fields []referenceField) {
	for i := range t.NumField() {
		field := t.Field(i)
		f := referenceField{index: i, kind: field.Tag.Get("ref")}
		element := field.Type
		if element.Kind() == reflect.Slice {
			f.many = true
			element = element.Elem()
		}
		if f.kind == "" && element.Kind() == reflect.Struct && element != reflect.TypeFor[Time]() {
			f.in = referenceFields(element)
		}
		if f.kind != "" || f.in != nil {
			fields = append(fields, f)
		}
	}
	return fields
}

// kindInURL returns the type of the user, team, issue or pull request that a URL of
// GitHub names. It returns "" for all other URLs.
func kindInURL(u URL) string {
	_, path, _ := strings.Cut(string(u), "://")
	_, path, _ = strings.Cut(path, "/") // after the host
	dir, base := splitLast(path)
	_, parent := splitLast(dir)
	switch {
	case strings.Contains(base, "#"), base == "":
		return ""
	case dir == "":
		return "user"
	case parent == "teams":
		return "team"
	case parent == "issues":
		return "issue"
	case parent == "pull":
		return "pull_request"
	default:
		return ""
	}
}

// keys calls yield for each URL that other records may refer to: the record's
// own URL, and the URLs of the labels in a repository.
func keys(r Record, yield func(URL)) {
	if key := r.Key(); key != "" {
		yield(key)
	}
	if r, ok := r.(*Repository); ok {
		for i := range r.Labels {
			yield(r.Labels[i].URL)
		}
	}
}
