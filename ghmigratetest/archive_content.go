package ghmigratetest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// writeArchive writes the archive of a migration. It needs no lock, because the
// migration and its repositories are copies.
func (s *Server) writeArchive(w io.Writer, m *migration) error {
	opts := archive.WriterOptions{
		ModTime: m.updatedAt,
		Schema:  archive.Schema{Version: "1.0.1", GitHubSHA: "e00c8eee08dbff330139a0a24efb0d7b63da2152"},
		Shallow: true, // FromGit may clone a shallow checkout of CI
	}
	for _, r := range m.repositories {
		if r.payload > 0 && m.includesReleases() {
			opts.Level = -1 // payloads do not compress, and can be large
		}
	}
	e := &archiveContent{Server: s, migration: m, archive: archive.NewWriter(w, &opts)}
	steps := []func() error{e.gitData, e.repositoryRecords, e.organizations, e.users, e.issues, e.releases, e.archive.Close}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) includesMetadata() bool {
	return !m.options.ExcludeMetadata && !m.options.OrgMetadataOnly
}

func (m *migration) includesReleases() bool {
	return m.includesMetadata() && !m.options.ExcludeReleases
}

// An archiveContent writes the content of one archive.
type archiveContent struct {
	*Server
	*migration
	archive *archive.Writer
}

// gitData writes the bare repositories.
func (e *archiveContent) gitData() error {
	if e.options.ExcludeGitData {
		return nil
	}
	for _, r := range e.migration.repositories {
		var bare fs.FS = madeUpRepository(r)
		if r.bare != "" {
			bare = os.DirFS(r.bare)
		}
		if err := e.archive.AddRepository(r.fullName(), bare); err != nil {
			return err
		}
	}
	return nil
}

func (e *archiveContent) users() error {
	if e.options.ExcludeMetadata {
		return nil
	}
	u := e.user
	return e.archive.Write(&archive.User{
		URL:       e.userURL(),
		AvatarURL: e.avatarURL(u),
		Login:     u.login,
		Emails: []archive.Email{{
			Address:  fmt.Sprintf("%d+%s@users.noreply.github.com", u.id, u.login),
			Primary:  true,
			Verified: true,
		}},
		CreatedAt: archive.Time{Time: creationTime()},
	})
}

func (e *archiveContent) userURL() archive.URL { return e.url(e.user.login) }

// url returns the URL of a path on GitHub's web site.
func (e *archiveContent) url(path string) archive.URL { return archive.URL(e.webURL + "/" + path) }

func (e *archiveContent) organizations() error {
	if e.owner.kind != "Organization" {
		return nil
	}
	return e.archive.Write(&archive.Organization{
		URL:       e.url(e.owner.login),
		Login:     e.owner.login,
		Members:   []archive.OrganizationMember{{User: e.userURL(), Role: "admin", State: "active"}},
		CreatedAt: archive.Time{Time: creationTime()},
		MemberPrivileges: &archive.MemberPrivileges{
			DefaultRepositoryPermission: "read",
			MembersCanCreateTeams:       true,
		},
	})
}

func (e *archiveContent) repositoryRecords() error {
	for _, r := range e.migration.repositories {
		label := func(name, color, description string) archive.Label {
			return archive.Label{
				URL:         e.url(r.fullName() + "/labels/" + url.PathEscape(name)),
				Name:        name,
				Color:       color,
				Description: description,
				CreatedAt:   archive.Time{Time: creationTime()},
			}
		}
		err := e.archive.Write(&archive.Repository{
			URL:          e.url(r.fullName()),
			Owner:        e.url(r.owner.login),
			Name:         r.name,
			Private:      r.private,
			HasIssues:    true,
			HasWiki:      true,
			HasDownloads: true,
			Labels: []archive.Label{
				label("bug", "d73a4a", "Something isn't working"),
				label("good first issue", "7057ff", "Good for newcomers"),
			},
			Collaborators: []archive.Collaborator{{User: e.userURL(), Permission: "admin"}},
			CreatedAt:     archive.Time{Time: creationTime()},
			GitURL:        "tarball://root/repositories/" + r.fullName() + ".git",
			DefaultBranch: r.branch,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// issues writes issues, their comments and their attachments.
func (e *archiveContent) issues() error {
	if !e.includesMetadata() {
		return nil
	}
	for _, r := range e.migration.repositories {
		for n := 1; n <= r.issues; n++ {
			at := archive.Time{Time: creationTime().Add(time.Duration(n) * time.Minute)}
			err := e.archive.Write(&archive.Issue{
				URL:        e.issueURL(r, n),
				Repository: e.url(r.fullName()),
				User:       e.userURL(),
				Title:      fmt.Sprintf("Issue %d", n),
				Body:       "It says \"a < b && c\".\r\n\r\nČeština, 日本語, 🙂",
				Labels:     []archive.URL{e.url(r.fullName() + "/labels/bug")},
				CreatedAt:  at,
				UpdatedAt:  at,
			})
			if err != nil {
				return err
			}
			err = e.archive.Write(&archive.IssueComment{
				URL:       e.issueURL(r, n) + archive.URL(fmt.Sprintf("#issuecomment-%d", r.id+int64(n))),
				Issue:     e.issueURL(r, n),
				User:      e.userURL(),
				Body:      "Same here.",
				Formatter: "markdown",
				CreatedAt: archive.Time{Time: creationTime().Add(time.Duration(n) * time.Hour)},
			})
			if err != nil {
				return err
			}
		}
		if err := e.attachmentsOf(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *archiveContent) issueURL(r *repository, n int) archive.URL {
	return e.url(fmt.Sprintf("%s/issues/%d", r.fullName(), n))
}

func (e *archiveContent) attachmentsOf(r *repository) error {
	if e.options.ExcludeAttachments {
		return nil
	}
	for i, a := range r.attachments {
		id := guid("attachment", r.fullName(), fmt.Sprint(i))
		name := "attachments/" + id + "/" + a.name
		f, err := e.archive.Create(name, int64(len(a.data)))
		if err == nil {
			_, err = f.Write(a.data)
		}
		if err != nil {
			return err
		}
		err = e.archive.Write(&archive.Attachment{
			URL:              archive.URL("https://github.com/user-attachments/assets/" + id),
			Issue:            e.issueURL(r, 1),
			User:             e.userURL(),
			AssetName:        a.name,
			AssetContentType: contentType(a.name),
			AssetURL:         "tarball://root/" + name,
			CreatedAt:        archive.Time{Time: creationTime()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// contentType returns the media type of a file.
func contentType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// guid returns an ID that is a hash of the words.
func guid(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// releases writes the releases of repositories with Payload.
func (e *archiveContent) releases() error {
	if !e.includesReleases() {
		return nil
	}
	for _, r := range e.migration.repositories {
		if r.payload <= 0 {
			continue
		}
		name := "releases/" + guid("release", r.fullName()) + "/payload.bin"
		err := e.archive.Write(&archive.Release{
			URL:             e.url(r.fullName() + "/releases/tag/v1.0.0"),
			Repository:      e.url(r.fullName()),
			User:            e.userURL(),
			Name:            "v1.0.0",
			TagName:         "v1.0.0",
			State:           "published",
			PendingTag:      "v1.0.0",
			TargetCommitish: r.branch,
			ReleaseAssets: []archive.ReleaseAsset{{
				User:             e.userURL(),
				AssetName:        "payload.bin",
				AssetContentType: "application/octet-stream",
				AssetURL:         "tarball://root/" + name,
				CreatedAt:        archive.Time{Time: creationTime()},
			}},
			PublishedAt: archive.Time{Time: creationTime()},
			CreatedAt:   archive.Time{Time: creationTime()},
		})
		if err != nil {
			return err
		}
		f, err := e.archive.Create(name, r.payload)
		if err == nil {
			_, err = io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte(r.fullName()))), r.payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
