package rest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rouse/api/problem"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func contactOf(c Contact) rosters.Contact {
	return rosters.Contact{Channel: rosters.Channel(c.Channel), Address: c.Address, After: time.Duration(c.After), Disabled: c.Disabled}
}

func sameContact(a, b rosters.Contact) bool {
	return a.Channel == b.Channel && a.Address == b.Address && a.After == b.After
}

// contact shows the address to an admin only: whoever has a push topic can read what is sent to it.
func (h handlers) contact(p rosterdb.Person, i int) Contact {
	c := p.Contacts[i]
	address := c.Address
	if !h.caller.Admin {
		address = notifiers.MaskNumber(address)
	}
	return Contact{ID: p.ContactIDs[i], Channel: string(c.Channel), Address: address, After: Duration(c.After), Disabled: c.Disabled, Dead: c.Dead}
}

func (h handlers) ListContacts(ctx context.Context, r ListContactsRequestObject) (ListContactsResponseObject, error) {
	p, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	return ListContacts200JSONResponse{Contacts{Items: h.person(p).Contacts}, ListContacts200ResponseHeaders{etag(p.Version)}}, nil
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
	return GetContact200JSONResponse{h.contact(p, i), GetContact200ResponseHeaders{etag(p.Version)}}, nil
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
