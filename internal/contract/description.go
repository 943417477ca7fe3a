package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// baseVersion is the version of the API that a document describes. The document has
// the changes of later versions as patches.
const baseVersion = "2022-11-28"

// A Description describes the migration endpoints of one product in one version of the
// API.
type Description struct {
	Product    string // such as "api.github.com" or "ghes-3.19"
	Version    string // such as "2022-11-28"
	Operations []*Operation
	Event      *openapi3.Schema // the payload of the webhook repository_import; nil if there is no such webhook
	host       string           // the argument of WithHost
	server     string           // the base URL of the API
	router     routers.Router
}

// An Operation is one operation of the API.
type Operation struct {
	ID     string // such as "migrations/list-for-org"
	Method string
	Path   string
	*openapi3.Operation
}

// Name returns the product and the version.
func (d *Description) Name() string { return d.Product + " " + d.Version }

// Load returns the descriptions of products from the npm package that is installed
// below dir, sorted by name. Without names of products, it reads all products. Each
// product has a description for each version of the API that changes its migration
// endpoints.
func Load(dir string, products ...string) ([]*Description, error) {
	documents, err := readPackage(dir, products)
	if err != nil {
		return nil, err
	}
	var all []*Description
	for _, document := range documents {
		versions, err := document.Versions()
		if err != nil {
			return nil, err
		}
		all = append(all, versions...)
	}
	return all, nil
}

// readPackage reads the documents of products from the npm package, if its version is
// the pinned version.
func readPackage(dir string, products []string) ([]*Document, error) {
	const command = "in the root of the repository, run: npm ci --prefix internal/contract"
	installed, err := packageVersion(filepath.Join(dir, "node_modules", "@octokit", "openapi", "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("GitHub's OpenAPI description is not installed; %s", command)
	} else if err != nil {
		return nil, err
	}
	if pinned, err := pinnedVersion(filepath.Join(dir, "package.json")); err != nil {
		return nil, err
	} else if installed != pinned {
		return nil, fmt.Errorf("GitHub's OpenAPI description has version %s, not %s; %s", installed, pinned, command)
	}
	files, err := filepath.Glob(filepath.Join(dir, "node_modules", "@octokit", "openapi", "generated", "*.json"))
	if err != nil {
		return nil, err
	}
	// In a .deref.json file, the target replaces each reference.
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, ".deref.json") })
	if len(files) == 0 {
		return nil, errors.New("GitHub's OpenAPI description is empty; " + command)
	}
	var documents []*Document
	for _, file := range files {
		product := strings.TrimSuffix(filepath.Base(file), ".json")
		if len(products) > 0 && !slices.Contains(products, product) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		document, err := ReadDocument(product, data)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

func packageVersion(file string) (string, error) {
	var manifest struct {
		Version string `json:"version"`
	}
	err := readJSON(file, &manifest)
	return manifest.Version, err
}

func pinnedVersion(file string) (string, error) {
	var manifest struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	err := readJSON(file, &manifest)
	return manifest.Dependencies["@octokit/openapi"], err
}

func readJSON(file string, out any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// newDescription parses an excerpt of a document with the OpenAPI library. event is the
// name of the schema for Event.
func newDescription(product, version string, excerpt map[string]any, event string) (*Description, error) {
	fail := func(err error) (*Description, error) {
		return nil, fmt.Errorf("description of %s, version %s: %w", product, version, err)
	}
	data, err := json.Marshal(excerpt)
	if err != nil {
		return fail(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return fail(err)
	}
	if len(doc.Servers) == 0 {
		return fail(errors.New("there is no server"))
	}
	d := &Description{Product: product, Version: version, host: resolveServers(doc.Servers), server: doc.Servers[0].URL}
	d.router, err = gorillamux.NewRouter(doc)
	if err != nil {
		return fail(err)
	}
	if ref := doc.Components.Schemas[event]; ref != nil {
		d.Event = ref.Value
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			operation.Parameters = append(operation.Parameters, item.Parameters...)
			d.Operations = append(d.Operations, &Operation{ID: operation.OperationID, Method: method, Path: path, Operation: operation})
		}
	}
	slices.SortFunc(d.Operations, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	return d, nil
}

// resolveServers sets the host in the URL of a server that GitHub does not run. It
// returns the host that the library connects to.
func resolveServers(servers openapi3.Servers) (host string) {
	host = "github.com"
	for _, server := range servers {
		if _, ok := server.Variables["hostname"]; ok {
			host = "ghes.example.com"
			server.URL = strings.NewReplacer("{protocol}", "https", "{hostname}", host).Replace(server.URL)
			server.Variables = nil
		}
	}
	return host
}
