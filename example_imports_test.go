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

// Import a repository, where the API is still alive, and give the import what
// it asks for. A password never prints.
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

// On GitHub.com and GHE.com there are no source imports any more.
func ExampleSourceImports_retired() {
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	github.Inject(ghmigratetest.ServerError(http.StatusGone))

	_, err := client.SourceImports.Get(context.Background(), "octo-org", "hello-world")
	fmt.Println(errors.Is(err, ghmigrate.ErrSourceImportsRetired))
	// Output: true
}

// Receive the webhook that tells how an import ended.
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

	// What GitHub sends, signed with the secret, and what somebody else may send.
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
