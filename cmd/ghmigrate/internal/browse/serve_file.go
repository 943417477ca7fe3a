package browse

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
)

// serveFile sends a file of the archive. The browser shows an image or plain text, and
// downloads any other file.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, address string) {
	parts := strings.Split(address, "/")
	if len(parts) != 4 {
		http.NotFound(w, r)
		return
	}
	f, err := s.site.store.file(r.Context(), `id = ?`, number(parts[2]))
	if err != nil {
		http.Error(w, "404 not found: the archive does not have this file", http.StatusNotFound)
		return
	}
	content, err := s.site.lib.files.open(f.archive, f.name)
	switch {
	case errors.Is(err, errUnpacking):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "503 service unavailable: the archive is still being unpacked: load this address again in a moment", http.StatusServiceUnavailable)
		return
	case err != nil:
		http.Error(w, "404 not found: the file could not be unpacked", http.StatusNotFound)
		return
	}
	defer func() { _ = content.Close() }()
	b := bufio.NewReader(content)
	head, err := b.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, "500 internal server error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	contentType, shown := servedType(f.contentType, head)
	disposition := "attachment"
	if shown {
		disposition = "inline"
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(f.name)}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Length", itoa(f.size))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.Copy(w, io.LimitReader(b, f.size))
}
