package archive

import (
	"fmt"
	"io/fs"
	"strings"
)

// links calls yield for each tarball:// link to a file in the archive, or to a
// directory.
func links(r Record, yield func(link string, dir bool)) {
	link := func(s string, dir bool) {
		if strings.HasPrefix(s, "tarball://") {
			yield(s, dir)
		}
	}
	switch r := r.(type) {
	case *Repository:
		link(r.GitURL, true)
		link(r.WikiURL, true)
	case *Attachment:
		link(r.AssetURL, false)
	case *RepositoryFile:
		link(r.FileURL, false)
	case *Release:
		for i := range r.ReleaseAssets {
			link(r.ReleaseAssets[i].AssetURL, false)
		}
	case *Unknown:
		if r.Err == nil {
			return
		}
		// It has the links of its type, whatever else is wrong with it.
		link(r.member("git_url"), true)
		link(r.member("wiki_url"), true)
		link(r.member("asset_url"), false)
		link(r.member("file_url"), false)
		for name, value := range named(r.text) {
			if name == "release_assets" {
				for asset := range elements(value) {
					link(string(stringMember(asset, "asset_url")), false)
				}
			}
		}
	}
}

// linkRoot is what every link into the archive begins with.
const linkRoot = "tarball://root/"

// linkTarget returns the name of the entry that a link names.
func linkTarget(link string) (string, error) {
	name, ok := strings.CutPrefix(link, linkRoot)
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !ok || !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("link that leads out of the archive: %q", shorten(link))
	}
	return name, nil
}
