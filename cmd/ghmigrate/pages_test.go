package main_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// browser returns the path of Chromium or one of its kind. A browser takes half a
// minute: `.ci/run pages` has one, and asks for the test.
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

// open opens a page of the user in a browser that loads nothing else.
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

// A browser shows the pages. Their Content-Security-Policy lets it run no scripts.
func TestPagesInABrowser(t *testing.T) {
	chromium := browser(t)
	u, path := archived(t)
	u.do("inspect", path, "--html", "archive.html")
	fake := newFake(t)
	fake.AddRepository("octo-org/app")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	exporter := newUser(t, fake)
	exporter.fails(1, []string{"export", "--org", "octo-org", "--all", "--out", "backups"})
	u.do("inspect", exporter.path("backups"), "--html", "run.html")

	for page, want := range map[string][]string{
		"archive.html": {"<td>octo-org/app</td>", "a&amp;b.png", "The archive is whole: no faults."},
		"run.html":     {"<td>octo-org/app</td>", "octo-org/hopeless", "1 of 2 repositories exported"},
	} {
		dom := string(u.open(chromium, page, "--dump-dom"))
		for _, text := range want {
			assert.Contains(t, dom, text, page)
		}
		u.open(chromium, page, "--screenshot="+u.path(page+".png"))
		assertDrawn(t, u.path(page+".png"))
		if keep := os.Getenv("SCREENSHOTS"); keep != "" { // a folder, for people
			data, err := os.ReadFile(u.path(page + ".png"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(keep+"/"+page+".png", data, 0o600))
		}
	}
}

// assertDrawn fails if a screenshot shows nothing: no text, no bar.
func assertDrawn(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	colors := map[[3]uint32]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			colors[rgb(picture, x, y)]++
		}
	}
	assert.Greater(t, len(colors), 20, "text has many shades")
	assert.Greater(t, colors[[3]uint32{0x09, 0x69, 0xda}]+colors[[3]uint32{0xcf, 0x22, 0x2e}], 1000, "there are bars, blue or red")
}

func rgb(picture image.Image, x, y int) [3]uint32 {
	r, g, b, _ := picture.At(x, y).RGBA()
	return [3]uint32{r >> 8, g >> 8, b >> 8}
}
