package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// personOf is a person of the wire as the cores have it.
func personOf(p Person, handle string) (rosters.Person, error) {
	if p.Handle != "" && handle != "" && p.Handle != handle {
		return rosters.Person{}, wrong("/handle", p.Handle, "is not that of the path; a handle never changes")
	}
	p.Handle = orElse(handle, p.Handle)
	person := wholePerson(p)
	return person, validPerson(person)
}

// wholePerson fills in what may be missing.
func wholePerson(p Person) rosters.Person {
	person := rosters.Person{ID: rosters.PersonID(p.Handle), Name: orElse(p.Name, p.Handle), Zone: orElse(p.Zone, "UTC"), Language: orElse(p.Language, "en")}
	for _, c := range p.Contacts {
		person.Contacts = append(person.Contacts, contactOf(c))
	}
	person.CallAgain, person.CallAgainFor = rosters.DefaultCallAgain, cmp.Or(p.CallAgainFor, 1)
	if p.CallAgain != nil {
		person.CallAgain = time.Duration(*p.CallAgain)
	}
	if p.Quiet != nil {
		person.Quiet = rosters.Quiet{From: p.Quiet.From, To: p.Quiet.To}
	}
	return person
}

// validPerson also refuses a contact that stands there twice: the database would make one of them.
func validPerson(p rosters.Person) error {
	if err := p.Validate(); err != nil {
		return renamed(err, "/id", "/handle")
	}
	for i, c := range p.Contacts {
		if j := slices.IndexFunc(p.Contacts[:i], func(other rosters.Contact) bool { return sameContact(c, other) }); j >= 0 {
			return wrong(fmt.Sprintf("/contacts/%d", i), "", fmt.Sprintf("is the same as contact %d: channel, address and time", j))
		}
	}
	return nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (h handlers) person(p rosterdb.Person) Person {
	out := Person{Handle: string(p.ID), Name: p.Name, Zone: p.Zone, Language: p.Language, Contacts: []Contact{},
		CallAgain: new(Duration(p.CallAgain)), CallAgainFor: max(p.CallAgainFor, 1), Version: p.Version, CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC()}
	if p.Quiet != (rosters.Quiet{}) {
		out.Quiet = &Quiet{From: p.Quiet.From, To: p.Quiet.To}
	}
	for i := range p.Contacts {
		out.Contacts = append(out.Contacts, h.contact(p, i))
	}
	return out
}

func (h handlers) ListPeople(ctx context.Context, r ListPeopleRequestObject) (ListPeopleResponseObject, error) {
	limit := h.limit(r.Params.Limit)
	found, err := h.rosters.FindPeople(ctx, rosterdb.Search{Text: r.Params.Q, Team: rosters.TeamID(r.Params.Team)}, rosters.PersonID(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(p rosterdb.Person) string { return string(p.ID) })
	items := mapped(found, h.person)
	return ListPeople200JSONResponse{Items: items, Next: next}, h.addBadges(ctx, items)
}

func (h handlers) CreatePerson(ctx context.Context, r CreatePersonRequestObject) (CreatePersonResponseObject, error) {
	p, err := personOf(*r.Body, "")
	if err != nil {
		return nil, err
	}
	if err := h.rosters.CreatePerson(ctx, p); err != nil {
		return nil, aboutPerson(string(p.ID), err)
	}
	stored, err := h.readPerson(ctx, string(p.ID))
	if err != nil {
		return nil, err
	}
	return CreatePerson201JSONResponse{h.person(stored), CreatePerson201ResponseHeaders{etag(stored.Version), "/v1/people/" + string(p.ID)}}, nil
}

func aboutPerson(handle string, err error) error { return about("person "+handle, err) }

func (h handlers) readPerson(ctx context.Context, handle string) (rosterdb.Person, error) {
	p, err := h.rosters.StoredPerson(ctx, rosters.PersonID(handle))
	return p, aboutPerson(handle, err)
}

func (h handlers) GetPerson(ctx context.Context, r GetPersonRequestObject) (GetPersonResponseObject, error) {
	p, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	out := []Person{h.person(p)}
	if err := h.addBadges(ctx, out); err != nil {
		return nil, err
	}
	return GetPerson200JSONResponse{out[0], GetPerson200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) ReplacePerson(ctx context.Context, r ReplacePersonRequestObject) (ReplacePersonResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := personOf(*r.Body, r.Handle)
	if err != nil {
		return nil, err
	}
	if err := h.rosters.UpdatePerson(ctx, p, version); err != nil {
		if stored, gone := h.readPerson(ctx, r.Handle); gone == nil && errors.Is(err, rosterdb.ErrVersion) {
			return nil, changed("person "+r.Handle, stored.Version, stored.UpdatedAt, h.person(stored), *r.Body)
		}
		return nil, aboutPerson(r.Handle, err)
	}
	stored, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	return ReplacePerson200JSONResponse{h.person(stored), ReplacePerson200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeletePerson(ctx context.Context, r DeletePersonRequestObject) (DeletePersonResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	id := rosters.PersonID(r.Handle)
	if slices.Contains(h.catchAll.LastResort, id) {
		return nil, problem.InUse.Because("%s is one of the people of last resort in this server's configuration.", id)
	}
	now, err := h.now(ctx)
	if err != nil {
		return nil, err
	}
	err = h.rosters.DeletePerson(ctx, id, version, now, h.caller.Name)
	if errors.Is(err, rosterdb.ErrInUse) {
		return nil, h.personInUse(ctx, id, now)
	}
	if err != nil {
		return nil, aboutPerson(r.Handle, err)
	}
	return DeletePerson204Response{}, nil
}

// personInUse tells what names a person, first of all where the person is on call.
func (h handlers) personInUse(ctx context.Context, id rosters.PersonID, now time.Time) error {
	uses, err := h.rosters.PersonUses(ctx, id, now)
	if err != nil {
		return err
	}
	reasons, err := h.duties(ctx, id, uses, now)
	if err != nil {
		return err
	}
	policies, err := h.incidents.PoliciesNaming(ctx, engine.Target{Person: id})
	if err != nil {
		return err
	}
	for _, u := range uses {
		if u.Rotation != "" {
			reasons = append(reasons, fmt.Sprintf("stands in rotation %s of roster %s", u.Rotation, u.Roster))
		} else {
			reasons = append(reasons, fmt.Sprintf("is put on call by override %s of roster %s, %s to %s", u.Override.ID, u.Roster, clock(u.Override.From), clock(u.Override.To)))
		}
	}
	for _, p := range policies {
		reasons = append(reasons, fmt.Sprintf("is named by policy %s", p))
	}
	return inUse(string(id), reasons, "Put somebody else in first.")
}

// duties tells in which of the rosters that name a person that person is on call now.
func (h handlers) duties(ctx context.Context, id rosters.PersonID, uses []rosterdb.Use, now time.Time) ([]string, error) {
	var ids []rosters.RosterID
	for _, u := range uses {
		ids = append(ids, u.Roster)
	}
	found, err := h.rosters.RostersDuring(ctx, ids, now, now.Add(foresight))
	if err != nil {
		return nil, err
	}
	var duties []string
	for _, r := range found {
		for _, d := range onDuty(r.Roster, now) {
			switch {
			case d.Person != id:
			case d.To.IsZero():
				duties = append(duties, fmt.Sprintf("is on call in roster %s", r.ID))
			default:
				duties = append(duties, fmt.Sprintf("is on call in roster %s until %s", r.ID, clock(d.To)))
			}
		}
	}
	return duties, nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// inUse is the problem of something that stays because of what uses it.
func inUse(name string, reasons []string, advice string) error {
	if len(reasons) == 0 { // whatever it was has just gone
		return problem.InUse.Because("%s was in use a moment ago. Try again.", name)
	}
	detail := name + " " + reasons[0]
	if more := len(reasons) - 1; more > 0 {
		detail += fmt.Sprintf(", and %d more", more)
	}
	p := problem.InUse.Because("%s. %s", detail, advice)
	for _, reason := range reasons {
		p.With(problem.Field{Detail: name + " " + reason})
	}
	return p
}

// editPerson changes a person and stores the whole. If somebody else was faster it begins anew, unless
// the caller named a version.
func (h handlers) editPerson(ctx context.Context, handle, ifMatch string, change func(*rosters.Person, []int64) error) (rosterdb.Person, error) {
	version, err := wanted(ifMatch)
	if err != nil {
		return rosterdb.Person{}, err
	}
	err = editing(version, func() error {
		stored, err := h.readPerson(ctx, handle)
		if err == nil && version != rosterdb.AnyVersion && version != stored.Version {
			err = aboutPerson(handle, rosterdb.ErrVersion)
		}
		if err == nil {
			err = change(&stored.Person, stored.ContactIDs)
		}
		if err != nil {
			return err
		}
		return h.rosters.UpdatePerson(ctx, stored.Person, stored.Version)
	})
	if err != nil {
		return rosterdb.Person{}, aboutPerson(handle, err)
	}
	return h.readPerson(ctx, handle)
}

// editing tries a change of something that was read again while others are faster.
func editing(version int, change func() error) (err error) {
	for range 10 {
		if err = change(); !errors.Is(err, rosterdb.ErrVersion) && !errors.Is(err, enginedb.ErrVersion) || version != rosterdb.AnyVersion {
			return err
		}
	}
	return err
}
