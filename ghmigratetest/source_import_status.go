package ghmigratetest

import (
	"strings"
	"time"
)

// A sourceImport is an import of a repository from another version control system.
// Words in its vcs_url, which the package comment lists, change its course.
type sourceImport struct {
	repository *repository
	request    importRequest
	begun      time.Time // when the latest run began
	useLFS     string
	authors    []*importAuthor
}

// status returns the status of the import, and the progress of that step in
// percent.
func (i *sourceImport) status(now time.Time, duration time.Duration) (string, int64) {
	done := 100.0
	if duration > 0 {
		done = min(float64(now.Sub(i.begun))/float64(duration)*100, 100)
	}
	part := func(from, to float64) int64 { return int64(min((done-from)/(to-from), 1) * 100) }
	detecting := i.request.VCS == ""
	if detecting && done < 10 {
		return "detecting", part(0, 10)
	}
	switch {
	case i.urlContains("nothing"):
		return "detection_found_nothing", 0
	case i.urlContains("multiple") && detecting:
		return "detection_found_multiple", 0
	case i.urlContains("private") && i.request.VCSPassword == "":
		if detecting {
			return "detection_needs_auth", 0
		}
		return "auth", 0
	case i.urlContains("private") && i.request.VCSPassword == "wrong":
		return "auth_failed", 0
	case i.vcs(true) == "tfvc" && i.request.TFVCProject == "":
		return "choose", 0
	case done < 50:
		return "importing", part(0, 50)
	case i.urlContains("broken"):
		return "error", 0
	case done < 70:
		return "mapping", part(50, 70)
	case done < 100:
		return "pushing", part(70, 100)
	}
	return "complete", 100
}

// urlContains reports whether the vcs_url contains a word.
func (i *sourceImport) urlContains(word string) bool { return strings.Contains(i.request.VCSURL, word) }

// vcs returns the version control system, or "" before its detection.
func (i *sourceImport) vcs(detected bool) string {
	if i.request.VCS != "" || !detected {
		return i.request.VCS
	}
	for _, vcs := range systems() {
		if i.urlContains(vcs) {
			return vcs
		}
	}
	return "git"
}

// systems returns the version control systems that GitHub documents.
func systems() []string { return []string{"subversion", "git", "mercurial", "tfvc"} }

// imported reports whether an import with this status has authors and large files.
func imported(status string) bool {
	return status == "mapping" || status == "pushing" || status == "complete"
}

// statusText returns GitHub's text for a status.
func statusText(status string) string {
	switch status {
	case "detecting":
		return "Detecting..."
	case "detection_found_nothing":
		return "No repository was found"
	case "detection_found_multiple":
		return "Multiple projects were found"
	case "detection_needs_auth", "auth":
		return "Authentication is required"
	case "auth_failed":
		return "Authentication failed"
	case "choose":
		return "Choose a project"
	case "importing":
		return "Importing..."
	case "mapping":
		return "Mapping authors..."
	case "pushing":
		return "Pushing..."
	case "complete":
		return "Done"
	}
	return "Failed"
}

// projectChoices returns the projects from which the client must choose.
func (i *sourceImport) projectChoices(status string) []projectChoice {
	switch status {
	case "choose":
		return []projectChoice{
			{VCS: "tfvc", TFVCProject: "project1", HumanName: "project1 (tfs)"},
			{VCS: "tfvc", TFVCProject: "project2", HumanName: "project2 (tfs)"},
		}
	case "detection_found_multiple":
		return []projectChoice{
			{VCS: "git", HumanName: "trunk (git)"},
			{VCS: "subversion", HumanName: "trunk (svn)"},
		}
	}
	return nil
}

// A projectChoice is an element of project_choices.
type projectChoice struct {
	VCS         string `json:"vcs"`
	TFVCProject string `json:"tfvc_project,omitempty"`
	HumanName   string `json:"human_name"`
}

// largeFiles returns the files that are larger than 100 MB.
func (i *sourceImport) largeFiles() []largeFile {
	if !i.urlContains("large") {
		return nil
	}
	return []largeFile{
		{"refs/heads/master", "foo/bar/1", "d3d9446802a44259755d38e6d163e820", 110485760},
		{"refs/heads/master", "foo/bar/2", "6512bd43d9caa6e02c990b0a82652dca", 111534336},
		{"refs/heads/master", "foo/bar/3", "c20ad4d76fe97759aa27a0c99bff6710", 112582912},
	}
}

// A largeFile is a large file of an import, as the API lists it.
type largeFile struct {
	RefName string `json:"ref_name"`
	Path    string `json:"path"`
	OID     string `json:"oid"`
	Size    int64  `json:"size"`
}
