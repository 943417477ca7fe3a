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

// composed are the exported methods of a Client and its services that are no
// single call of one operation, and why.
var composed = map[string]string{
	"Client.CloseIdleConnections":    "sends nothing",
	"Client.Do":                      "calls what the caller names",
	"Client.Format":                  "sends nothing",
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

// A Method is one exported method of a service of the library.
type Method struct {
	Service string // the field of a Client
	Name    string
	typ     reflect.Type // without the receiver
}

func (m Method) String() string { return m.Service + "." + m.Name }

// Methods are those of the library's methods that call one operation each,
// sorted. Problems are the entries of the list of other methods that name
// none.
func Methods() (methods []Method, problems []string) {
	client, unseen := reflect.TypeFor[*ghmigrate.Client](), maps.Clone(composed)
	for m := range client.Methods() {
		name := "Client." + m.Name
		if _, ok := unseen[name]; !ok {
			problems = append(problems, name+" belongs to no service and is not known to call no single operation")
		}
		delete(unseen, name)
	}
	for _, field := range reflect.VisibleFields(client.Elem()) {
		if !field.IsExported() || field.Type.Kind() != reflect.Pointer {
			continue
		}
		service := reflect.Zero(field.Type)
		for m := range field.Type.Methods() {
			method := Method{field.Name, m.Name, service.Method(m.Index).Type()}
			if _, ok := unseen[method.String()]; ok {
				delete(unseen, method.String())
			} else {
				methods = append(methods, method)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unseen)) {
		problems = append(problems, name+" is known to call no single operation, but there is no such method")
	}
	return methods, problems
}

// Result is the type of one item of what the method returns beside its error;
// nil if it returns nothing else.
func (m Method) Result() reflect.Type {
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

// IsList tells whether the method returns a sequence.
func (m Method) IsList() bool { return m.typ.Out(0).Kind() == reflect.Func }

// A Call is a method with its arguments.
type Call struct {
	Method Method
	Kind   string          // "minimal", "maximal", or the field that is set alone
	Names  []string        // the arguments that name or number something, in order
	args   []reflect.Value // without the context
}

func (c Call) String() string { return fmt.Sprintf("%s with %s arguments", c.Method, c.Kind) }

// Do calls the method and returns what it does: one value, or a slice of them;
// nil if it returns an error alone.
func (c Call) Do(ctx context.Context, client *ghmigrate.Client) (any, error) {
	service := reflect.ValueOf(client).Elem().FieldByName(c.Method.Service)
	out := service.MethodByName(c.Method.Name).Call(append([]reflect.Value{reflect.ValueOf(ctx)}, c.args...))
	if c.Method.IsList() {
		return collect(out[0].Seq2())
	}
	err, _ := reflect.TypeAssert[error](out[len(out)-1])
	if len(out) == 1 || err != nil {
		return nil, err
	}
	return out[0].Interface(), nil
}

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

// A World is what the arguments of calls name: what does exist, if there is a
// server.
type World struct {
	Org, User, Repo string
	ID              int64
}

// Calls are calls of the method with the fewest arguments, with the most, and
// with each of those that exclude all others.
func (m Method) Calls(world World) []Call {
	calls := []Call{m.call(world, "minimal", nil), m.call(world, "maximal", func(typ reflect.Type, field string) bool {
		return !exclusive[typ.Name()+"."+field]
	})}
	for _, only := range slices.Sorted(maps.Keys(exclusive)) {
		typeName, _, _ := strings.Cut(only, ".")
		for in := range m.typ.Ins() {
			if in.Name() == typeName {
				calls = append(calls, m.call(world, "only "+only, func(typ reflect.Type, field string) bool {
					return typ.Name()+"."+field == only
				}))
			}
		}
	}
	return calls
}

// exclusive are the fields that may be set only if all others are zero.
var exclusive = map[string]bool{"StartMigrationRequest.OrgMetadataOnly": true}

// required are the fields without which a call is refused.
var required = map[string]bool{
	"StartMigrationRequest.Repositories": true,
	"StartImportRequest.VCSURL":          true,
}

// call makes the arguments; set chooses the fields of structs that are not
// zero, nil those that are required.
func (m Method) call(world World, kind string, set func(typ reflect.Type, field string) bool) Call {
	c := Call{Method: m, Kind: kind}
	names := map[string][]string{
		"OrgMigrations":  {world.Org, world.Repo},
		"UserMigrations": {world.Repo},
		"SourceImports":  {world.User, world.Repo},
	}[m.Service]
	for i := 1; i < m.typ.NumIn(); i++ { // 0 is the context
		in := m.typ.In(i)
		arg := reflect.New(in).Elem()
		switch {
		case in == reflect.TypeFor[string]():
			if len(names) == 0 {
				panic(fmt.Sprintf("%s takes more names than a %s has", m, m.Service))
			}
			arg.SetString(names[0])
			c.Names, names = append(c.Names, names[0]), names[1:]
		case in == reflect.TypeFor[int64]():
			arg.SetInt(world.ID)
			c.Names = append(c.Names, fmt.Sprint(world.ID))
		case in.Kind() == reflect.Pointer:
			if set != nil {
				arg.Set(reflect.New(in.Elem()))
				m.fill(world, arg.Elem(), set)
			}
		case in.Kind() == reflect.Struct:
			if set == nil {
				m.fill(world, arg, func(typ reflect.Type, field string) bool { return required[typ.Name()+"."+field] })
			} else {
				m.fill(world, arg, set)
			}
		default:
			m.fill(world, arg, set)
		}
		c.args = append(c.args, arg)
	}
	return c
}

// fill gives a value to an argument, or to those of its fields that are to be
// set.
func (m Method) fill(world World, arg reflect.Value, set func(reflect.Type, string) bool) {
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
		m.fill(world, item, set)
		arg.Set(reflect.Append(arg, item))
	case reflect.Struct:
		for field := range typ.Fields() {
			switch value := arg.FieldByIndex(field.Index); {
			case field.Anonymous:
				m.fill(world, value, set)
			case !field.IsExported() || !set(typ, field.Name):
			case m.sample(world, typ.Name()+"."+field.Name) != "":
				m.fillSample(value, m.sample(world, typ.Name()+"."+field.Name))
			default:
				m.fill(world, value, set)
			}
		}
	default:
		panic(fmt.Sprintf("%s takes a %v, for which there is no value", m, typ))
	}
}

// sample is a text that a field takes, where not any text will do.
func (m Method) sample(world World, field string) string {
	switch field {
	case "StartMigrationRequest.Repositories":
		if m.Service == "OrgMigrations" {
			return world.Org + "/" + world.Repo
		}
		return world.User + "/" + world.Repo
	case "StartImportRequest.VCSURL":
		return "https://svn.example.com/tfvc/project"
	case "StartImportRequest.VCS", "UpdateImportRequest.VCS":
		return "tfvc"
	case "MapAuthorRequest.Email":
		return "hubot@github.com"
	}
	return ""
}

func (m Method) fillSample(value reflect.Value, sample string) {
	if value.Kind() == reflect.Slice {
		value.Set(reflect.Append(value, reflect.ValueOf(sample).Convert(value.Type().Elem())))
		return
	}
	value.SetString(sample)
}
