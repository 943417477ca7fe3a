package browse

import (
	"mime"
	"net/http"
	"path"
	"strings"
)

// rasterTypes are the images that are shown: a browser decodes them and runs nothing.
// An SVG is a document with scripts, and not one of them.
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

// servedType returns the type with which a file is sent, from the declared one and
// from the first bytes of the file. Shown is false for a file that is only for
// downloading.
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

// passive are the extensions of files that a browser shows without running anything,
// or does not show at all.
var passive = map[string]bool{
	".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true, ".bmp": true, ".txt": true, ".log": true,
	".zip": true, ".gz": true, ".tgz": true, ".tar": true, ".xz": true, ".bz2": true, ".7z": true, ".zst": true,
	".mp4": true, ".mov": true, ".webm": true, ".mp3": true, ".bin": true,
	".pdf": true, ".docx": true, ".xlsx": true, ".pptx": true, ".odt": true, ".ods": true,
}

// isPassive reports whether a file can have its own name in an export.
func isPassive(name, contentType string) bool {
	ext := strings.ToLower(path.Ext(name))
	if t := mediaType(contentType); rasterTypes[t] || t == "text/plain" {
		return passive[ext]
	}
	return passive[ext] && !strings.HasPrefix(mediaType(contentType), "text/")
}
