package ghmigrate_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// An import into a server that still has the API. The import needs a password,
// which is not printed.
func ExampleSourceImports() {
	ctx := context.Background()
	ghes := ghmigratetest.NewServer(ghmigratetest.WithSourceImports(), ghmigratetest.WithExportDuration(50*time.Millisecond))
	defer ghes.Close()
	ghes.AddRepository("octo-org/hello-world")
	client := clientOf(ghes)

	_, err := client.SourceImports.Start(ctx, "octo-org", "hello-world", ghmigrate.StartImportRequest{
		VCSURL: "https://svn.example.com/private/hello",
	})
	check(err)
	i, err := client.SourceImports.Wait(ctx, "octo-org", "hello-world")
	if errors.Is(err, ghmigrate.ErrImportNeedsAction) {
		fmt.Println(i.Status)
		req := ghmigrate.UpdateImportRequest{VCSUsername: "mona", VCSPassword: "a secret"}
		fmt.Println(req.VCSPassword)
		_, err = client.SourceImports.Update(ctx, "octo-org", "hello-world", req)
		check(err)
		i, err = client.SourceImports.Wait(ctx, "octo-org", "hello-world")
	}
	check(err)
	fmt.Println(i.Status)
	// Output:
	// detection_needs_auth
	// REDACTED
	// complete
}

// GitHub.com and GHE.com no longer have source imports.
func ExampleSourceImports_retired() {
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	github.Inject(ghmigratetest.ServerError(http.StatusGone))

	_, err := client.SourceImports.Get(context.Background(), "octo-org", "hello-world")
	fmt.Println(errors.Is(err, ghmigrate.ErrSourceImportsRetired))
	// Output: true
}

// A handler for the webhook that reports the end of an import.
func ExampleParseRepositoryImportEvent() {
	secret := []byte("the webhook's secret")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := ghmigrate.ParseRepositoryImportEvent(r, secret)
		if err != nil {
			fmt.Println(err)
			http.Error(w, "not from GitHub", http.StatusForbidden)
			return
		}
		fmt.Println("import into", event.Repository.FullName+":", event.Status)
	})

	// A request signed with the secret, as GitHub sends it, and a forged request.
	for _, key := range []string{"the webhook's secret", "a guess"} {
		body := `{"status":"success","repository":{"full_name":"octo-org/hello-world"}}`
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "repository_import")
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}

	// Output:
	// import into octo-org/hello-world: success
	// repository_import webhook: invalid signature: it matches no secret
}
