package browse

import (
	"mime"
	"net/http"
	"path"
	"strings"
)

// rasterTypes are the types of images that pages show. They hold no scripts. SVG is
// missing because an SVG is a document that may hold scripts.
var rasterTypes = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/bmp": true,
}

// mediaType returns a declared type without its parameters.
func mediaType(declared string) string {
	t, _, err := mime.ParseMediaType(declared)
	if err != nil {
		return ""
	}
	return t
}

// servedType returns the Content-Type for a file, from its declared type and its first
// bytes. Shown is false for a file that a browser may only download.
func servedType(declared string, head []byte) (contentType string, shown bool) {
	t := mediaType(declared)
	switch {
	case rasterTypes[t]:
		if http.DetectContentType(head) == t {
			return t, true
		}
	case t == "text/plain":
		if strings.HasPrefix(http.DetectContentType(head), "text/") {
			return "text/plain; charset=utf-8", true
		}
	}
	return "application/octet-stream", false
}

// passive are the extensions of files in which a browser runs nothing: it shows the file
// without scripts, or does not show it.
var passive = map[string]bool{
	".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true, ".bmp": true, ".txt": true, ".log": true,
	".zip": true, ".gz": true, ".tgz": true, ".tar": true, ".xz": true, ".bz2": true, ".7z": true, ".zst": true,
	".mp4": true, ".mov": true, ".webm": true, ".mp3": true, ".bin": true,
	".pdf": true, ".docx": true, ".xlsx": true, ".pptx": true, ".odt": true, ".ods": true,
}

// isPassive reports whether a file keeps its extension in an export. A web server may
// derive the Content-Type from the extension, so that a browser could run other files.
func isPassive(name, contentType string) bool {
	ext := strings.ToLower(path.Ext(name))
	if t := mediaType(contentType); rasterTypes[t] || t == "text/plain" {
		return passive[ext]
	}
	return passive[ext] && !strings.HasPrefix(mediaType(contentType), "text/")
}
