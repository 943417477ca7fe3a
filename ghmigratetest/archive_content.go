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
	c := &archiveContent{Server: s, migration: m, archive: archive.NewWriter(w, &opts)}
	steps := []func() error{c.gitData, c.repositoryRecords, c.organizations, c.users, c.issues, c.releases, c.archive.Close}
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
func (c *archiveContent) gitData() error {
	if c.options.ExcludeGitData {
		return nil
	}
	for _, r := range c.migration.repositories {
		var bare fs.FS = madeUpRepository(r)
		if r.bare != "" {
			bare = os.DirFS(r.bare)
		}
		if err := c.archive.AddRepository(r.fullName(), bare); err != nil {
			return err
		}
	}
	return nil
}

func (c *archiveContent) users() error {
	if c.options.ExcludeMetadata {
		return nil
	}
	u := c.user
	return c.archive.Write(&archive.User{
		URL:       c.userURL(),
		AvatarURL: c.avatarURL(u),
		Login:     u.login,
		Emails: []archive.Email{{
			Address:  fmt.Sprintf("%d+%s@users.noreply.github.com", u.id, u.login),
			Primary:  true,
			Verified: true,
		}},
		CreatedAt: archive.Time{Time: creationTime()},
	})
}

func (c *archiveContent) userURL() archive.URL { return c.url(c.user.login) }

// url returns the URL of a path on GitHub's web site.
func (c *archiveContent) url(path string) archive.URL { return archive.URL(c.webURL + "/" + path) }

func (c *archiveContent) organizations() error {
	if c.owner.kind != "Organization" {
		return nil
	}
	return c.archive.Write(&archive.Organization{
		URL:       c.url(c.owner.login),
		Login:     c.owner.login,
		Members:   []archive.OrganizationMember{{User: c.userURL(), Role: "admin", State: "active"}},
		CreatedAt: archive.Time{Time: creationTime()},
		MemberPrivileges: &archive.MemberPrivileges{
			DefaultRepositoryPermission: "read",
			MembersCanCreateTeams:       true,
		},
	})
}

func (c *archiveContent) repositoryRecords() error {
	for _, r := range c.migration.repositories {
		label := func(name, color, description string) archive.Label {
			return archive.Label{
				URL:         c.url(r.fullName() + "/labels/" + url.PathEscape(name)),
				Name:        name,
				Color:       color,
				Description: description,
				CreatedAt:   archive.Time{Time: creationTime()},
			}
		}
		err := c.archive.Write(&archive.Repository{
			URL:          c.url(r.fullName()),
			Owner:        c.url(r.owner.login),
			Name:         r.name,
			Private:      r.private,
			HasIssues:    true,
			HasWiki:      true,
			HasDownloads: true,
			Labels: []archive.Label{
				label("bug", "d73a4a", "Something isn't working"),
				label("good first issue", "7057ff", "Good for newcomers"),
			},
			Collaborators: []archive.Collaborator{{User: c.userURL(), Permission: "admin"}},
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
func (c *archiveContent) issues() error {
	if !c.includesMetadata() {
		return nil
	}
	for _, r := range c.migration.repositories {
		for n := 1; n <= r.issues; n++ {
			at := archive.Time{Time: creationTime().Add(time.Duration(n) * time.Minute)}
			err := c.archive.Write(&archive.Issue{
				URL:        c.issueURL(r, n),
				Repository: c.url(r.fullName()),
				User:       c.userURL(),
				Title:      fmt.Sprintf("Issue %d", n),
				Body:       "It says \"a < b && c\".\r\n\r\nČeština, 日本語, 🙂",
				Labels:     []archive.URL{c.url(r.fullName() + "/labels/bug")},
				CreatedAt:  at,
				UpdatedAt:  at,
			})
			if err != nil {
				return err
			}
			err = c.archive.Write(&archive.IssueComment{
				URL:       c.issueURL(r, n) + archive.URL(fmt.Sprintf("#issuecomment-%d", r.id+int64(n))),
				Issue:     c.issueURL(r, n),
				User:      c.userURL(),
				Body:      "Same here.",
				Formatter: "markdown",
				CreatedAt: archive.Time{Time: creationTime().Add(time.Duration(n) * time.Hour)},
			})
			if err != nil {
				return err
			}
		}
		if err := c.attachmentsOf(r); err != nil {
			return err
		}
	}
	return nil
}

func (c *archiveContent) issueURL(r *repository, n int) archive.URL {
	return c.url(fmt.Sprintf("%s/issues/%d", r.fullName(), n))
}

func (c *archiveContent) attachmentsOf(r *repository) error {
	if c.options.ExcludeAttachments {
		return nil
	}
	for i, a := range r.attachments {
		id := guid("attachment", r.fullName(), fmt.Sprint(i))
		name := "attachments/" + id + "/" + a.name
		f, err := c.archive.Create(name, int64(len(a.data)))
		if err == nil {
			_, err = f.Write(a.data)
		}
		if err != nil {
			return err
		}
		err = c.archive.Write(&archive.Attachment{
			URL:              archive.URL("https://github.com/user-attachments/assets/" + id),
			Issue:            c.issueURL(r, 1),
			User:             c.userURL(),
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
func (c *archiveContent) releases() error {
	if !c.includesReleases() {
		return nil
	}
	for _, r := range c.migration.repositories {
		if r.payload <= 0 {
			continue
		}
		name := "releases/" + guid("release", r.fullName()) + "/payload.bin"
		err := c.archive.Write(&archive.Release{
			URL:             c.url(r.fullName() + "/releases/tag/v1.0.0"),
			Repository:      c.url(r.fullName()),
			User:            c.userURL(),
			Name:            "v1.0.0",
			TagName:         "v1.0.0",
			State:           "published",
			PendingTag:      "v1.0.0",
			TargetCommitish: r.branch,
			ReleaseAssets: []archive.ReleaseAsset{{
				User:             c.userURL(),
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
		f, err := c.archive.Create(name, r.payload)
		if err == nil {
			_, err = io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte(r.fullName()))), r.payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
