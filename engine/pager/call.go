package pager

import (
	"context"
	"errors"
	"fmt"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Report takes a provider's news about a message, late, twice and in any order, for every page that the
// message told.
func (p *Pager) Report(ctx context.Context, nonce string, r notifiers.Receipt) error {
	p.reach(ReceiptRead)
	told, err := enginedb.New(p.cfg.DB).ToldBy(ctx, nonce)
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("attempt: %w", ErrNotFound)
	}
	if err != nil {
		return err
	}
	errs := make([]error, len(told))
	each(len(told), func(i int) {
		_, errs[i] = p.report(ctx, enginedb.AttemptRef{Incident: told[i].Incident, Attempt: told[i].Attempt}, r)
	})
	p.reach(ReceiptStored)
	p.buried(ctx, enginedb.AttemptRef{Incident: told[0].Incident, Attempt: told[0].Attempt}, r)
	if r.Over {
		errs = append(errs, p.callOver(ctx, nonce))
	}
	return errors.Join(errs...)
}

// callOver notes that a phone is free again.
func (p *Pager) callOver(ctx context.Context, nonce string) error {
	number, err := enginedb.New(p.cfg.DB).CallOver(ctx, nonce)
	if err == nil {
		p.storm.free(place{rosters.Voice, number})
	}
	return err
}

// Call says what to read to whoever answered the call of a message.
func (p *Pager) Call(ctx context.Context, nonce string) (CallView, error) {
	db := enginedb.New(p.cfg.DB)
	told, err := db.ToldBy(ctx, nonce)
	if errors.Is(err, enginedb.ErrNotFound) {
		return CallView{}, fmt.Errorf("attempt: %w", ErrNotFound)
	}
	if err != nil {
		return CallView{}, err
	}
	people := rosterdb.New(p.cfg.DB)
	person, err := people.Person(ctx, told[0].Person)
	if err != nil && !errors.Is(err, rosterdb.ErrNotFound) {
		return CallView{}, err
	}
	if len(told) > 1 {
		return callAbout(told, nonce, person.Language, p.cfg.Wording), nil
	}
	ref := told[0]
	inc, err := db.Incident(ctx, ref.Key)
	if err != nil {
		return CallView{}, err
	}
	e, page := inc.Page(ref.Page)
	if page == nil {
		return CallView{}, fmt.Errorf("page %d of %s: %w", ref.Page, ref.Key, ErrNotFound)
	}
	v := CallView{Message: notifiers.Message{Nonce: nonce, Channel: notifiers.Voice, Purpose: notifiers.Page, Language: person.Language, Wording: p.cfg.Wording,
		Key: string(inc.Key), Severity: int(inc.Severity), Summary: inc.Summary, Service: string(inc.Service), Role: e.Role, Reason: e.Why}}
	if page.Ask {
		v.Message.Purpose = notifiers.StillOn
	}
	if page.State != engine.PageOpen {
		v.Over = true
		if e.Holder != "" && e.Holder != ref.Person {
			v.Holder = p.name(ctx, people, e.Holder)
		}
	}
	return v, nil
}

// callAbout is a call about several pages: it tells those that are still to be answered.
func callAbout(told []enginedb.Told, nonce, language string, wording *notifiers.Wording) CallView {
	v := CallView{Over: true, Message: notifiers.Message{Nonce: nonce, Channel: notifiers.Voice, Purpose: notifiers.StillOn, Language: language, Wording: wording,
		Key: string(told[0].Key), Severity: int(told[0].Severity), Summary: told[0].Summary}}
	named := map[engine.Key]bool{}
	for _, t := range told {
		if !t.Open {
			continue
		}
		if !t.Ask {
			v.Message.Purpose = notifiers.Page
		}
		switch {
		case v.Over:
			v.Over = false
			v.Message.Key, v.Message.Severity, v.Message.Summary = string(t.Key), int(t.Severity), t.Summary
		case !named[t.Key]:
			v.Message.Also = append(v.Message.Also, notifiers.Named{Key: string(t.Key), Severity: int(t.Severity), Summary: t.Summary})
		}
		named[t.Key] = true
	}
	return v
}
