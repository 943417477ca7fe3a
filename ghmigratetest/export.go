package ghmigratetest

import (
	"bytes"
	"compress/gzip"
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
)

// writeExport writes the archive of a migration. It needs no lock: nothing
// that it reads changes once a migration is exported.
func (s *Server) writeExport(w io.Writer, m *migration) error {
	level := gzip.DefaultCompression
	for _, r := range m.repositories {
		if r.payload > 0 && m.includesReleases() {
			level = gzip.NoCompression // payloads do not compress, and can be large
		}
	}
	a, err := newArchiveWriter(w, m.updatedAt, level)
	if err != nil {
		return err
	}
	e := &export{Server: s, archiveWriter: a, migration: m}
	steps := []func() error{e.gitData, e.repositoryRecords, e.schema, e.organizations, e.users, e.discussion, e.releases, e.close}
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

// An export is an archive in the making.
type export struct {
	*Server
	*archiveWriter
	*migration
}

// gitData adds the bare repositories.
func (e *export) gitData() error {
	if e.options.ExcludeGitData {
		return nil
	}
	for _, r := range e.migration.repositories {
		dir := "repositories/" + r.fullName() + ".git"
		add := e.madeUpGit
		if r.bare != "" {
			add = e.clonedGit
		}
		if err := add(r, dir); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) madeUpGit(r *repository, dir string) error {
	files, directories := madeUpRepository(r)
	for _, d := range directories {
		if err := e.directory(dir + "/" + d); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := e.file(dir+"/"+f.name, int64(len(f.data)), bytes.NewReader(f.data)); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) clonedGit(r *repository, dir string) error {
	bare := os.DirFS(r.bare)
	return fs.WalkDir(bare, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := path.Join(dir, p)
		if d.IsDir() {
			return e.directory(name)
		}
		f, err := bare.Open(p)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return e.file(name, info.Size(), f)
	})
}

// date writes a time as archives do.
func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (e *export) users() error {
	if e.options.ExcludeMetadata {
		return nil
	}
	u := e.user
	return e.record("users", userRecord{
		Type:           "user",
		URL:            e.userURL(),
		AvatarURL:      e.avatarURL(u),
		Login:          u.login,
		Emails:         []emailRecord{{fmt.Sprintf("%d+%s@users.noreply.github.com", u.id, u.login), true, true}},
		SocialAccounts: []any{},
		CreatedAt:      date(born),
	})
}

func (e *export) userURL() string { return e.webURL + "/" + e.user.login }

func (e *export) organizations() error {
	if e.owner.kind != "Organization" {
		return nil
	}
	o := organizationRecord{
		Type:      "organization",
		URL:       e.webURL + "/" + e.owner.login,
		Login:     e.owner.login,
		Members:   []memberRecord{{e.userURL(), "admin", "active"}},
		Webhooks:  []any{},
		CreatedAt: date(born),
	}
	o.MemberPrivileges.DefaultRepositoryPermission = "read"
	o.MemberPrivileges.MembersCanCreateTeams = true
	return e.record("organizations", o)
}

func (e *export) repositoryRecords() error {
	for _, r := range e.migration.repositories {
		repo := e.webURL + "/" + r.fullName()
		var labels []labelRecord
		for _, l := range []struct{ name, color, description string }{
			{"bug", "d73a4a", "Something isn't working"},
			{"good first issue", "7057ff", "Good for newcomers"},
		} {
			labels = append(labels, labelRecord{repo + "/labels/" + url.PathEscape(l.name), l.name, l.color, l.description, date(born)})
		}
		err := e.record("repositories", repositoryRecord{
			Type:             "repository",
			URL:              repo,
			Owner:            e.webURL + "/" + r.owner.login,
			Name:             r.name,
			Private:          r.private,
			HasIssues:        true,
			HasWiki:          true,
			HasDownloads:     true,
			Labels:           labels,
			Collaborators:    []collaboratorRecord{{e.userURL(), "admin"}},
			CreatedAt:        date(born),
			GitURL:           "tarball://root/repositories/" + r.fullName() + ".git",
			DefaultBranch:    r.branch,
			Webhooks:         []any{},
			PublicKeys:       []any{},
			RepositoryTopics: []any{},
			Autolinks:        []any{},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// discussion adds issues, their comments and what is attached to them.
func (e *export) discussion() error {
	if !e.includesMetadata() {
		return nil
	}
	for _, r := range e.migration.repositories {
		repo := e.webURL + "/" + r.fullName()
		for n := 1; n <= r.issues; n++ {
			issue := fmt.Sprintf("%s/issues/%d", repo, n)
			err := e.record("issues", issueRecord{
				Type:       "issue",
				URL:        issue,
				Repository: repo,
				User:       e.userURL(),
				Title:      fmt.Sprintf("Issue %d", n),
				Body:       "It says \"a < b && c\".\r\n\r\nČeština, 日本語, 🙂",
				Assignees:  []string{},
				Labels:     []string{repo + "/labels/bug"},
				Reactions:  []any{},
				CreatedAt:  date(born.Add(time.Duration(n) * time.Minute)),
				UpdatedAt:  date(born.Add(time.Duration(n) * time.Minute)),
			})
			if err != nil {
				return err
			}
		}
		for n := 1; n <= r.issues; n++ {
			issue := fmt.Sprintf("%s/issues/%d", repo, n)
			err := e.record("issue_comments", issueCommentRecord{
				Type:      "issue_comment",
				URL:       fmt.Sprintf("%s#issuecomment-%d", issue, r.id+int64(n)),
				Issue:     issue,
				User:      e.userURL(),
				Body:      "Same here.",
				Formatter: "markdown",
				Reactions: []any{},
				CreatedAt: date(born.Add(time.Duration(n) * time.Hour)),
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

func (e *export) attachmentsOf(r *repository) error {
	if e.options.ExcludeAttachments {
		return nil
	}
	repo := e.webURL + "/" + r.fullName()
	for i, a := range r.attachments {
		id := guid("attachment", r.fullName(), fmt.Sprint(i))
		name := "attachments/" + id + "/" + a.name
		if err := e.file(name, int64(len(a.data)), bytes.NewReader(a.data)); err != nil {
			return err
		}
		err := e.record("attachments", attachmentRecord{
			Type:             "attachment",
			URL:              "https://github.com/user-attachments/assets/" + id,
			Issue:            repo + "/issues/1",
			User:             e.userURL(),
			AssetName:        a.name,
			AssetContentType: contentType(a.name),
			AssetURL:         "tarball://root/" + name,
			CreatedAt:        date(born),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func contentType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// guid makes up an id that is the same for the same words.
func guid(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// releases adds what Payload asks for.
func (e *export) releases() error {
	if !e.includesReleases() {
		return nil
	}
	for _, r := range e.migration.repositories {
		if r.payload <= 0 {
			continue
		}
		repo := e.webURL + "/" + r.fullName()
		name := "releases/" + guid("release", r.fullName()) + "/payload.bin"
		err := e.record("releases", releaseRecord{
			Type:            "release",
			URL:             repo + "/releases/tag/v1.0.0",
			Repository:      repo,
			User:            e.userURL(),
			Name:            "v1.0.0",
			TagName:         "v1.0.0",
			State:           "published",
			PendingTag:      "v1.0.0",
			TargetCommitish: r.branch,
			ReleaseAssets: []releaseAssetRecord{{
				User:             e.userURL(),
				AssetName:        "payload.bin",
				AssetContentType: "application/octet-stream",
				AssetURL:         "tarball://root/" + name,
				CreatedAt:        date(born),
			}},
			Reactions:   []any{},
			PublishedAt: date(born),
			CreatedAt:   date(born),
		})
		if err != nil {
			return err
		}
		if err := e.file(name, r.payload, rand.NewChaCha8(sha256.Sum256([]byte(r.fullName())))); err != nil {
			return err
		}
	}
	return nil
}
