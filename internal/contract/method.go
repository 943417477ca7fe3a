package contract

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// compositeMethods returns the exported methods of a Client and its services that do
// not call exactly one operation, each with its behavior.
func compositeMethods() map[string]string {
	return map[string]string{
		"Client.CloseIdleConnections":    "sends nothing",
		"Client.Do":                      "calls the endpoint that the caller names",
		"Client.Host":                    "sends nothing",
		"Client.RateLimit":               "sends nothing",
		"OrgMigrations.DownloadArchive":  "ArchiveURL, then storage",
		"OrgMigrations.OpenArchive":      "ArchiveURL, then storage",
		"OrgMigrations.Wait":             "Get, again and again",
		"OrgMigrations.Watch":            "List and Get, again and again",
		"OrgMigrations.WatchAll":         "List, again and again",
		"SourceImports.Wait":             "Get, again and again",
		"UserMigrations.DownloadArchive": "ArchiveURL, then storage",
		"UserMigrations.OpenArchive":     "ArchiveURL, then storage",
		"UserMigrations.Wait":            "Get, again and again",
		"UserMigrations.Watch":           "Get, again and again",
		"UserMigrations.WatchAll":        "List and Get, again and again",
	}
}

// A Method is one exported method of a service of the library.
type Method struct {
	Service string // the field of a Client
	Name    string
	typ     reflect.Type // without the receiver
}

func (m Method) String() string { return m.Service + "." + m.Name }

// Methods returns the library's methods that call one operation each, sorted. Problems
// are methods of Client that compositeMethods lacks, and entries of compositeMethods
// that do not exist.
func Methods() (methods []Method, problems []string) {
	client, remaining := reflect.TypeFor[*ghmigrate.Client](), compositeMethods()
	for m := range client.Methods() {
		name := "Client." + m.Name
		if _, ok := remaining[name]; !ok {
			problems = append(problems, name+" does not belong to a service, and compositeMethods does not have it")
		}
		delete(remaining, name)
	}
	for _, field := range reflect.VisibleFields(client.Elem()) {
		if !field.IsExported() || field.Type.Kind() != reflect.Pointer {
			continue
		}
		service := reflect.Zero(field.Type)
		for m := range field.Type.Methods() {
			method := Method{field.Name, m.Name, service.Method(m.Index).Type()}
			if _, ok := remaining[method.String()]; ok {
				delete(remaining, method.String())
			} else {
				methods = append(methods, method)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(remaining)) {
		problems = append(problems, name+" is in compositeMethods, but does not exist")
	}
	return methods, problems
}

// result returns the type of the method's result or of an item of its sequence. It
// returns nil if the method returns only an error.
func (m Method) result() reflect.Type {
	out := m.typ.Out(0)
	switch {
	case out == reflect.TypeFor[error]():
		return nil
	case out.Kind() == reflect.Func: // an iter.Seq2
		out = out.In(0).In(0)
	}
	if out.Kind() == reflect.Pointer {
		return out.Elem()
	}
	return out
}

// isList reports whether the method returns a sequence.
func (m Method) isList() bool { return m.typ.Out(0).Kind() == reflect.Func }

// A Call is a method with arguments.
type Call struct {
	Method Method
	Kind   string          // "minimal", "maximal", or the only field that is set
	Names  []string        // the arguments that are names or IDs, in order
	args   []reflect.Value // without the context
}

func (c Call) String() string { return fmt.Sprintf("%s with %s arguments", c.Method, c.Kind) }

// do calls the method. It returns the result, or the items of a sequence as a slice. It
// returns nil if the method returns only an error.
func (c Call) do(ctx context.Context, client *ghmigrate.Client) (any, error) {
	service := reflect.ValueOf(client).Elem().FieldByName(c.Method.Service)
	out := service.MethodByName(c.Method.Name).Call(append([]reflect.Value{reflect.ValueOf(ctx)}, c.args...))
	if c.Method.isList() {
		return collect(out[0].Seq2())
	}
	err, _ := reflect.TypeAssert[error](out[len(out)-1])
	if len(out) == 1 || err != nil {
		return nil, err
	}
	return out[0].Interface(), nil
}

// collect returns the items of a sequence.
func collect(seq iter.Seq2[reflect.Value, reflect.Value]) (any, error) {
	all := []any{}
	for item, errValue := range seq {
		if err, ok := reflect.TypeAssert[error](errValue); ok {
			return nil, err
		}
		all = append(all, item.Interface())
	}
	return all, nil
}

// The names and IDs in the arguments of calls.
const (
	anOrg = "octo-org"
	aUser = "octocat"
	aRepo = "hello-world"
	anID  = 79
)

// calls returns calls of the method with the fewest arguments, with the most arguments,
// and with each field that excludes all others.
func (m Method) calls() []Call {
	all := []Call{m.call("minimal", nil), m.call("maximal", func(typ reflect.Type, field string) bool {
		return !slices.Contains(exclusive(), typ.Name()+"."+field)
	})}
	for _, only := range exclusive() {
		typeName, _, _ := strings.Cut(only, ".")
		for in := range m.typ.Ins() {
			if in.Name() == typeName {
				all = append(all, m.call("only "+only, func(typ reflect.Type, field string) bool {
					return typ.Name()+"."+field == only
				}))
			}
		}
	}
	return all
}

// exclusive returns the fields that may be set only if all other fields are zero.
func exclusive() []string { return []string{"StartMigrationRequest.OrgMetadataOnly"} }

// required returns the fields without which the library rejects a call.
func required() []string {
	return []string{"StartMigrationRequest.Repositories", "StartImportRequest.VCSURL"}
}

// call returns a call with arguments. set selects the struct fields that have a value.
// If set is nil, these are the required fields.
func (m Method) call(kind string, set func(typ reflect.Type, field string) bool) Call {
	c := Call{Method: m, Kind: kind}
	names := map[string][]string{
		"OrgMigrations":  {anOrg, aRepo},
		"UserMigrations": {aRepo},
		"SourceImports":  {aUser, aRepo},
	}[m.Service]
	for i := 1; i < m.typ.NumIn(); i++ { // 0 is the context
		in := m.typ.In(i)
		arg := reflect.New(in).Elem()
		switch {
		case in == reflect.TypeFor[string]():
			if len(names) == 0 {
				panic(fmt.Sprintf("%s has more names as arguments than expected of %s", m, m.Service))
			}
			arg.SetString(names[0])
			c.Names, names = append(c.Names, names[0]), names[1:]
		case in == reflect.TypeFor[int64]():
			arg.SetInt(anID)
			c.Names = append(c.Names, fmt.Sprint(anID))
		case in.Kind() == reflect.Pointer:
			if set != nil {
				arg.Set(reflect.New(in.Elem()))
				m.fill(arg.Elem(), set)
			}
		case in.Kind() == reflect.Struct:
			if set == nil {
				m.fill(arg, func(typ reflect.Type, field string) bool { return slices.Contains(required(), typ.Name()+"."+field) })
			} else {
				m.fill(arg, set)
			}
		default:
			m.fill(arg, set)
		}
		c.args = append(c.args, arg)
	}
	return c
}

// fill gives a value to an argument. In a struct, set selects the fields.
func (m Method) fill(arg reflect.Value, set func(reflect.Type, string) bool) {
	typ := arg.Type()
	if typ == reflect.TypeFor[ghmigrate.LFSPreference]() {
		arg.SetString(map[bool]string{true: "opt_in", false: "opt_out"}[set == nil])
		return
	}
	switch typ.Kind() {
	case reflect.Bool:
		arg.SetBool(true)
	case reflect.Int, reflect.Int64:
		arg.SetInt(2)
	case reflect.String:
		arg.SetString("some text")
	case reflect.Slice:
		item := reflect.New(typ.Elem()).Elem()
		m.fill(item, set)
		arg.Set(reflect.Append(arg, item))
	case reflect.Struct:
		for field := range typ.Fields() {
			switch value := arg.FieldByIndex(field.Index); {
			case field.Anonymous:
				m.fill(value, set)
			case !field.IsExported() || !set(typ, field.Name):
			case m.sample(typ.Name()+"."+field.Name) != "":
				m.fillSample(value, m.sample(typ.Name()+"."+field.Name))
			default:
				m.fill(value, set)
			}
		}
	default:
		panic(fmt.Sprintf("%s has an argument of type %v, for which fill has no value", m, typ))
	}
}

// sample returns a valid text for a field that does not accept every text.
func (m Method) sample(field string) string {
	switch field {
	case "StartMigrationRequest.Repositories":
		if m.Service == "OrgMigrations" {
			return anOrg + "/" + aRepo
		}
		return aUser + "/" + aRepo
	case "StartImportRequest.VCSURL":
		return "https://svn.example.com/tfvc/project"
	case "StartImportRequest.VCS", "UpdateImportRequest.VCS":
		return "tfvc"
	case "MapAuthorRequest.Email":
		return "hubot@github.com"
	}
	return ""
}

// fillSample sets a string, or a slice with one string.
func (m Method) fillSample(value reflect.Value, sample string) {
	if value.Kind() == reflect.Slice {
		value.Set(reflect.Append(value, reflect.ValueOf(sample).Convert(value.Type().Elem())))
		return
	}
	value.SetString(sample)
}
