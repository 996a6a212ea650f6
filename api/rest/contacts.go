package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/api/problem"
	"rouse/api/verify"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func contactOf(c Contact) rosters.Contact {
	plan := rosters.Plan(c.Plan)
	if plan == wake {
		plan = rosters.Wake
	}
	return rosters.Contact{Channel: rosters.Channel(c.Channel), Address: c.Address, After: time.Duration(c.After), Disabled: c.Disabled, Plan: plan}
}

// wake is what the wire calls rosters.Wake.
const wake = "wake"

func sameContact(a, b rosters.Contact) bool {
	return a.Channel == b.Channel && a.Address == b.Address && a.After == b.After
}

// contact shows the address to admins and to the person only: whoever has a push topic can read what is sent to it.
func (h handlers) contact(p rosterdb.Person, i int) Contact {
	c := p.Contacts[i]
	address := c.Address
	if !h.caller.Admin && h.caller.Person != p.ID {
		address = notifiers.MaskNumber(address)
	}
	return Contact{ID: p.ContactIDs[i], Channel: string(c.Channel), Address: address, After: Duration(c.After), Disabled: c.Disabled, Dead: c.Dead,
		Plan: string(c.Plan), Verified: c.Verified(), VerifiedAt: c.VerifiedAt}
}

// addCodeFailures says with contacts of a person that the last code could not be sent there: to the person, and to admins
// with what the provider said. Whoever may add any number as their own would learn of numbers what is not theirs to know.
func (h handlers) addCodeFailures(ctx context.Context, p rosterdb.Person, contacts []Contact) error {
	if !h.caller.Admin && h.caller.Person != p.ID {
		return nil
	}
	failures, err := h.rosters.CodeFailures(ctx, p.ID)
	if err != nil {
		return err
	}
	for i, c := range contacts {
		if at := slices.Index(p.ContactIDs, c.ID); at >= 0 {
			why := failures[rosterdb.Place{Person: p.ID, Channel: p.Contacts[at].Channel, Address: p.Contacts[at].Address}]
			if why != "" && !h.caller.Admin {
				why = "It may not have been sent. An admin sees why."
			}
			contacts[i].CodeFailure = why
		}
	}
	return nil
}

func (h handlers) ListContacts(ctx context.Context, r ListContactsRequestObject) (ListContactsResponseObject, error) {
	p, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	items := h.person(p).Contacts
	if err := h.addCodeFailures(ctx, p, items); err != nil {
		return nil, err
	}
	return ListContacts200JSONResponse{Contacts{Items: items}, ListContacts200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) CreateContact(ctx context.Context, r CreateContactRequestObject) (CreateContactResponseObject, error) {
	c := contactOf(*r.Body)
	p, err := h.editPerson(ctx, r.Handle, r.Params.IfMatch, func(p *rosters.Person, _ []int64) error {
		p.Contacts = append(p.Contacts, c)
		return validContact(*p, len(p.Contacts)-1)
	})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Contacts, func(other rosters.Contact) bool { return sameContact(c, other) })
	if i < 0 {
		return nil, noContact(r.Handle, 0) // taken away in this moment
	}
	made := h.contact(p, i)
	return CreateContact201JSONResponse{made, CreateContact201ResponseHeaders{etag(p.Version), fmt.Sprintf("/v1/people/%s/contacts/%d", r.Handle, made.ID)}}, nil
}

// validContact checks a person one of whose contacts was sent alone.
func validContact(p rosters.Person, i int) error {
	for j, other := range p.Contacts {
		if j != i && sameContact(p.Contacts[i], other) {
			return problem.Conflict.Because("%s has this contact already: channel, address and time.", p.ID)
		}
	}
	return below(fmt.Sprintf("/contacts/%d", i), validPerson(p))
}

func noContact(handle string, id int64) error {
	return problem.NotFound.Because("There is no contact %d of person %s.", id, handle)
}

func (h handlers) GetContact(ctx context.Context, r GetContactRequestObject) (GetContactResponseObject, error) {
	p, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	i := slices.Index(p.ContactIDs, r.ID)
	if i < 0 {
		return nil, noContact(r.Handle, r.ID)
	}
	found := []Contact{h.contact(p, i)}
	if err := h.addCodeFailures(ctx, p, found); err != nil {
		return nil, err
	}
	return GetContact200JSONResponse{found[0], GetContact200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) ReplaceContact(ctx context.Context, r ReplaceContactRequestObject) (ReplaceContactResponseObject, error) {
	c := contactOf(*r.Body)
	p, err := h.editPerson(ctx, r.Handle, r.Params.IfMatch, func(p *rosters.Person, ids []int64) error {
		i := slices.Index(ids, r.ID)
		if i < 0 {
			return noContact(r.Handle, r.ID)
		}
		p.Contacts[i] = c
		return validContact(*p, i)
	})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Contacts, func(other rosters.Contact) bool { return sameContact(c, other) })
	if i < 0 {
		return nil, noContact(r.Handle, r.ID)
	}
	return ReplaceContact200JSONResponse{h.contact(p, i), ReplaceContact200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) DeleteContact(ctx context.Context, r DeleteContactRequestObject) (DeleteContactResponseObject, error) {
	_, err := h.editPerson(ctx, r.Handle, r.Params.IfMatch, func(p *rosters.Person, ids []int64) error {
		i := slices.Index(ids, r.ID)
		if i < 0 {
			return noContact(r.Handle, r.ID)
		}
		gone := p.Contacts[i]
		p.Contacts = slices.Delete(p.Contacts, i, i+1)
		return h.rosters.Keep(ctx, rosterdb.TrashedContact, fmt.Sprintf("%s/%d", r.Handle, r.ID), gone, h.caller.Name)
	})
	if err != nil {
		return nil, err
	}
	return DeleteContact204Response{}, nil
}

// verifiable is a contact that a code can be sent to.
func (h handlers) verifiable(ctx context.Context, handle string, id int64) (rosterdb.Person, int, error) {
	p, err := h.readPerson(ctx, handle)
	if err != nil {
		return p, 0, err
	}
	i := slices.Index(p.ContactIDs, id)
	switch {
	case i < 0:
		return p, i, noContact(handle, id)
	case !p.Contacts[i].NeedsCode():
		return p, i, problem.Conflict.Because("A contact of %s needs no code.", p.Contacts[i].Channel)
	case h.codes == nil || !h.channels()[p.Contacts[i].Channel]:
		return p, i, problem.Conflict.Because("This server cannot send on %s, so that it cannot send a code. Set a provider up first.", p.Contacts[i].Channel)
	}
	return p, i, nil
}

func (h handlers) SendVerification(ctx context.Context, r SendVerificationRequestObject) (SendVerificationResponseObject, error) {
	p, i, err := h.verifiable(ctx, r.Handle, r.ID)
	if err != nil {
		return nil, err
	}
	until, err := h.codes.Begin(ctx, p.Person, p.Contacts[i], h.caller.Key)
	if errors.Is(err, verify.ErrTooMany) {
		return nil, problem.Limited.Because("A contact is sent %d codes within an hour at most, and a key has %d sent. Try the one that was sent last, or come again later.", verify.MaxPlace, verify.MaxCaller)
	}
	if err != nil {
		return nil, err
	}
	return SendVerification202JSONResponse{ExpiresAt: until.UTC()}, nil
}

func (h handlers) VerifyContact(ctx context.Context, r VerifyContactRequestObject) (VerifyContactResponseObject, error) {
	p, i, err := h.verifiable(ctx, r.Handle, r.ID)
	if err != nil {
		return nil, err
	}
	err = h.codes.Check(ctx, p.ID, p.Contacts[i], r.Body.Code)
	switch {
	case errors.Is(err, verify.ErrWrong):
		return nil, wrong("/code", "", fmt.Sprintf("is not the one that was sent last, or is over: it is good for %d minutes and %d tries; have another one sent", int(verify.GoodFor.Minutes()), verify.Tries))
	case errors.Is(err, rosterdb.ErrNotFound):
		return nil, noContact(r.Handle, r.ID)
	case err != nil:
		return nil, err
	}
	if p, err = h.readPerson(ctx, r.Handle); err != nil {
		return nil, err
	}
	if i = slices.Index(p.ContactIDs, r.ID); i < 0 {
		return nil, noContact(r.Handle, r.ID)
	}
	return VerifyContact200JSONResponse{h.contact(p, i), VerifyContact200ResponseHeaders{etag(p.Version)}}, nil
}

func (h handlers) GetMe(context.Context, GetMeRequestObject) (GetMeResponseObject, error) {
	return GetMe200JSONResponse{Key: h.caller.Name, Person: string(h.caller.Person)}, nil
}
