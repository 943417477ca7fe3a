package browse

import (
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// An organizationView is an organization on the first page.
type organizationView struct {
	Login, Name, Description, Email, Location string
	Website                                   string
	Members                                   []member
	Teams                                     []teamView
}

// A member is a user with a role.
type member struct {
	person
	Role string
}

// A teamView is a team of an organization.
type teamView struct {
	Name, Description, Privacy string
	Members                    []member
	Repositories               []string
}

// organizations returns the organizations in the archive.
func (r *request) organizations() ([]organizationView, error) {
	found, err := r.store.entries(r.ctx, `kind = ? ORDER BY title LIMIT 100`, kindOrganization)
	if err != nil {
		return nil, err
	}
	var all []organizationView
	for _, e := range found {
		record, err := read[archive.Organization](r.ctx, r.store, e.id)
		if err != nil {
			continue // a record that does not fit its type: its own page shows it
		}
		o := organizationView{
			Login: truncate(record.Login, 100), Name: truncate(record.Name, 200), Description: truncate(record.Description, 1000),
			Email: truncate(record.Email, 200), Location: truncate(record.Location, 200), Website: truncate(record.Website, 200),
		}
		for _, m := range record.Members {
			if len(o.Members) == 1000 {
				break
			}
			o.Members = append(o.Members, member{r.personOf(login(m.User)), strings.ReplaceAll(m.Role, "_", " ")})
		}
		if o.Teams, err = r.teams(e.key); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// teams returns the teams of an organization.
func (r *request) teams(organization int64) ([]teamView, error) {
	found, err := r.store.entries(r.ctx, `kind = ? AND parent = ? AND kind IN (12, 17) ORDER BY title LIMIT 500`, kindTeam, organization)
	if err != nil {
		return nil, err
	}
	var all []teamView
	for _, e := range found {
		record, err := read[archive.Team](r.ctx, r.store, e.id)
		if err != nil {
			continue
		}
		t := teamView{Name: truncate(record.Name, 200), Description: truncate(record.Description, 500), Privacy: truncate(record.Privacy, 50)}
		for _, m := range record.Members {
			if len(t.Members) < 500 {
				t.Members = append(t.Members, member{r.personOf(login(m.User)), m.Role})
			}
		}
		for _, p := range record.Permissions {
			if len(t.Repositories) < 500 {
				t.Repositories = append(t.Repositories, nameOfURL(p.Repository)+": "+truncate(p.Access, 20))
			}
		}
		all = append(all, t)
	}
	return all, nil
}
