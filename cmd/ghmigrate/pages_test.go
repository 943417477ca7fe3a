package main_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// browser returns the path of Chromium or Chrome. It skips the test without TEST_PAGES:
// the test takes half a minute, and `.ci/run pages` runs it.
func browser(t *testing.T) string {
	t.Helper()
	if os.Getenv("TEST_PAGES") == "" {
		t.Skip("TEST_PAGES is not set")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.Fail(t, "there is no Chromium")
	return ""
}

// open opens a page of the user in a browser without network, and returns what the
// browser prints.
func (u *user) open(chromium, page string, flags ...string) []byte {
	u.t.Helper()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + u.path("profile"), "--window-size=1100,1600", "--force-device-scale-factor=1",
	}, flags...)
	cmd := exec.CommandContext(u.t.Context(), chromium, append(args, "file://"+u.path(page))...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(u.t, err, stderr.String())
	return out
}

// TestPagesInABrowser checks that a browser shows the pages of inspect.
func TestPagesInABrowser(t *testing.T) {
	chromium := browser(t)
	u, path := exportedArchive(t)
	u.do("inspect", path, "--html", "archive.html")
	fake := newFake(t)
	fake.AddRepository("octo-org/app")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	exporter := newUser(t, fake)
	exporter.fails(1, []string{"export", "--org", "octo-org", "--all", "--out", "backups"})
	u.do("inspect", exporter.path("backups"), "--html", "run.html")

	for page, want := range map[string][]string{
		"archive.html": {"<td>octo-org/app</td>", "a&amp;b.png", "The archive has no faults."},
		"run.html":     {"<td>octo-org/app</td>", "octo-org/hopeless", "1 of 2 repositories exported"},
	} {
		dom := string(u.open(chromium, page, "--dump-dom"))
		for _, text := range want {
			assert.Contains(t, dom, text, page)
		}
		u.open(chromium, page, "--screenshot="+u.path(page+".png"))
		assertDrawn(t, u.path(page+".png"))
		if folder := os.Getenv("SCREENSHOTS"); folder != "" { // keeps the screenshots
			require.NoError(t, os.WriteFile(folder+"/"+page+".png", []byte(u.read(page+".png")), 0o600))
		}
	}
}

// assertDrawn fails the test if a screenshot has no text or no bars.
func assertDrawn(t *testing.T, name string) {
	t.Helper()
	picture, err := png.Decode(strings.NewReader(readFile(t, name)))
	require.NoError(t, err)
	colors := map[[3]uint32]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			colors[rgb(picture, x, y)]++
		}
	}
	assert.Greater(t, len(colors), 20, "text is drawn in many shades")
	assert.Greater(t, colors[[3]uint32{0x09, 0x69, 0xda}]+colors[[3]uint32{0xcf, 0x22, 0x2e}], 1000, "blue or red bars")
}

func rgb(picture image.Image, x, y int) [3]uint32 {
	r, g, b, _ := picture.At(x, y).RGBA()
	return [3]uint32{r >> 8, g >> 8, b >> 8}
}
