package browse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// addressOf returns the address at which a page shows a record, or "" if no page
// shows it.
func (r *request) addressOf(e *entry) string {
	switch e.kind {
	case kindUser:
		return r.links.page(userPath(e.author))
	case kindRepository:
		if repo, err := r.store.repository(r.ctx, `key = ?`, e.key); err == nil {
			return r.links.page(repo.slug)
		}
		return ""
	case kindOrganization, kindTeam:
		return r.links.page("")
	case kindCommitComment:
		c, err := read[archive.CommitComment](r.ctx, r.store, e.id)
		repo, missing := r.store.repository(r.ctx, `key = ?`, e.repo)
		if err != nil || missing != nil || !isSHA(c.CommitID) {
			return ""
		}
		return r.links.page(repo.slug+"/commit/"+c.CommitID) + "#" + anchorOf(e)
	default: // part of a conversation, or on no page
	}
	top := e
	if e.kind > kindMilestone {
		var err error
		if top, err = r.store.one(r.ctx, `key = ? AND key <> 0`, e.thread); err != nil {
			return ""
		}
	}
	if top.kind < kindIssue || top.kind > kindMilestone {
		return ""
	}
	repo, err := r.store.repository(r.ctx, `key = ?`, top.repo)
	if err != nil {
		return ""
	}
	address := itemPath(repo, top)
	if top == e {
		return r.links.page(address)
	}
	return r.links.page(address, "page", r.threadPageOf(top, e)) + "#" + anchorOf(e)
}

// itemPath returns the path of an issue, a pull request, a discussion, a release or a
// milestone. The path ends with the number of the item, or else with its ID in the
// index.
func itemPath(repo *repository, e *entry) string {
	section := map[kind]string{
		kindIssue: "issues", kindPull: "pull", kindDiscussion: "discussions", kindRelease: "releases", kindMilestone: "milestones",
	}[e.kind]
	if e.number > 0 {
		return repo.slug + "/" + section + "/" + itoa(e.number)
	}
	return repo.slug + "/" + section + "/id-" + itoa(e.id)
}

// userPath returns the path of a user's page.
func userPath(login string) string { return "-/users/" + pathPart(login) }

// pathPart encodes a name as one part of a path, in addresses and on every file system.
// Letters, digits, "_", "-" and "." stay. Every other byte becomes "~" and two
// hexadecimal digits. A long name is truncated and gets a checksum.
func pathPart(name string) string {
	var b strings.Builder
	onlyDots := strings.Trim(name, ".") == ""
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_',
			c == '-' && i > 0,
			c == '.' && !onlyDots && i < len(name)-1:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02x", c)
		}
		if b.Len() > 150 {
			fmt.Fprintf(&b, "~~%016x", keyOf(archive.URL(name)))
			break
		}
	}
	part := b.String()
	if part == "" {
		return "~"
	}
	stem, _, _ := strings.Cut(strings.ToLower(part), ".")
	if devices[stem] {
		return "~" + part
	}
	return part
}

// devices are names that Windows reserves for devices, also with an extension.
var devices = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
}

// fromPart decodes a part of a path. It cannot restore a truncated name.
func fromPart(part string) string {
	if plain := strings.TrimPrefix(part, "~"); plain != part && devices[strings.ToLower(strings.SplitN(plain, ".", 2)[0])] {
		return plain
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] == '~' && i+2 < len(part) {
			if c, err := strconv.ParseUint(part[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

// isTruncated reports whether pathPart truncated the name.
func isTruncated(part string) bool { return strings.Contains(part, "~~") }

// slugOf encodes the OWNER/NAME of a repository for addresses and file names: see
// pathPart.
func slugOf(name string) string {
	owner, repo, ok := strings.Cut(name, "/")
	if !ok {
		owner, repo = "unknown", name
	}
	return pathPart(owner) + "/" + pathPart(repo)
}
