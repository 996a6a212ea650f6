package pager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// maxPagedShown is how many others a page shows.
const maxPagedShown = 20

// PageView is what the page of a link shows to the person it was sent to.
type PageView struct {
	Person   rosters.Person
	Message  notifiers.Message // key, severity, summary, service, role, reason; Also are others to be answered with it
	Status   engine.Status
	OpenedAt time.Time
	Open     bool   // there is something to answer
	Holder   string // name of who has it, in the role that the person was paged as; "" while nobody does
	Mine     bool   // the person does
	Manager  string // name, "" while there is none
	Paged    []PagedView
}

// PagedView is somebody who was paged, too.
type PagedView struct {
	Name  string
	Role  string
	State engine.PageState
	You   bool
}

// View says what the page behind a token shows. It changes nothing. ErrNotFound is a token that is unknown or
// too old.
func (p *Pager) View(ctx context.Context, token string) (PageView, error) {
	db, people := enginedb.New(p.cfg.DB), rosterdb.New(p.cfg.DB)
	ref, err := p.byToken(ctx, db, token)
	if errors.Is(err, enginedb.ErrNotFound) {
		return PageView{}, fmt.Errorf("page: %w", ErrNotFound)
	}
	if err != nil {
		return PageView{}, err
	}
	l, err := db.Look(ctx, ref.Incident, ref.Page)
	if errors.Is(err, enginedb.ErrNotFound) {
		return PageView{}, fmt.Errorf("page: %w", ErrNotFound)
	}
	if err != nil {
		return PageView{}, err
	}
	person, err := people.Person(ctx, ref.Person)
	if errors.Is(err, rosterdb.ErrNotFound) {
		person, err = rosters.Person{ID: ref.Person, Name: string(ref.Person)}, nil
	}
	if err != nil {
		return PageView{}, err
	}
	v := PageView{Person: person, Status: l.Status, OpenedAt: l.OpenedAt, Mine: l.Holder != "" && l.Holder == ref.Person,
		Open: l.State == engine.PageOpen && l.Status != engine.Resolved,
		Message: notifiers.Message{Purpose: notifiers.Page, Language: person.Language, Wording: p.cfg.Wording, Key: string(l.Key), Severity: int(l.Severity),
			Summary: l.Summary, Service: string(l.Service), Role: l.Role, Reason: l.Why}}
	if l.Role == engine.RoleDrill { // the summary says it
		v.Message.Role = ""
	}
	if l.Ask {
		v.Message.Purpose = notifiers.StillOn
	}
	if l.Holder != "" {
		v.Holder = p.name(ctx, people, l.Holder)
	}
	if l.Manager != "" {
		v.Manager = p.name(ctx, people, l.Manager)
	}
	if ref.Message != "" {
		if err := p.others(ctx, db, ref, &v); err != nil {
			return PageView{}, err
		}
	}
	paged, err := db.Paged(ctx, ref.Incident, maxPagedShown)
	for _, o := range paged {
		v.Paged = append(v.Paged, PagedView{Name: o.Name, Role: o.Role, State: o.State, You: o.Person == ref.Person})
	}
	return v, err
}

// others adds what else the message told and is still to be answered.
func (p *Pager) others(ctx context.Context, db enginedb.Store, ref enginedb.PageRef, v *PageView) error {
	told, err := db.ToldBy(ctx, ref.Message)
	if err != nil && !errors.Is(err, enginedb.ErrNotFound) {
		return err
	}
	named := map[engine.Key]bool{ref.Key: true}
	for _, t := range told {
		if t.Open && !named[t.Key] {
			named[t.Key] = true
			v.Message.Also = append(v.Message.Also, notifiers.Named{Key: string(t.Key), Severity: int(t.Severity), Summary: t.Summary})
			v.Open = true
		}
	}
	return nil
}

// Seen takes in that a message is shown on the person's screen. It acknowledges nothing (rule 10).
func (p *Pager) Seen(ctx context.Context, token string) error {
	db := enginedb.New(p.cfg.DB)
	ref, err := p.byToken(ctx, db, token)
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("page: %w", ErrNotFound)
	}
	if err != nil {
		return err
	}
	nonce, err := db.Nonce(ctx, ref.Incident, ref.Attempt)
	if err != nil {
		return err
	}
	return p.Report(ctx, nonce, notifiers.Receipt{State: notifiers.Delivered, Detail: "shown"})
}
