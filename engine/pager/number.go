package pager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// bareWithin is how long after a text a word alone is an answer to it.
const bareWithin = 10 * time.Minute

// byNumber finds what somebody means who is known by a phone number.
//
// An answer stands for what was sent before it came: repeated later, by a provider or by somebody who recorded it,
// it is about nothing that began since.
func (p *Pager) byNumber(ctx context.Context, db enginedb.Store, from From) (meaning, error) {
	people, err := rosterdb.New(p.cfg.DB).PeopleByAddress(ctx, from.Number)
	if err != nil {
		return meaning{}, err
	}
	if from.Code != "" && !from.All && from.Read == "" {
		ref, err := db.PageByCode(ctx, people, from.Number, from.Code)
		if err == nil {
			return p.byCode(ctx, db, ref, from)
		}
		if !errors.Is(err, enginedb.ErrNotFound) {
			return meaning{}, err
		}
		if len(from.Keys) > 0 || p.cfg.CodesOnly {
			return meaning{}, ErrNotFound
		}
	}
	came := from.Event
	if from.Call != "" {
		came = from.Call
	}
	at, err := db.Came(ctx, came, p.Offset())
	if err != nil {
		return meaning{}, err
	}
	candidates, err := db.Candidates(ctx, people, from.Number, at)
	if err != nil {
		return meaning{}, err
	}
	w := words{keys: from.Keys, all: from.All, read: from.Read, at: at, codesOnly: p.cfg.CodesOnly}
	switch {
	case from.Code != "" && (from.All || from.Read != ""):
		proof, err := db.PageByCode(ctx, people, from.Number, from.Code)
		if err != nil {
			return meaning{}, err
		}
		w.proof = &proof
	case from.Code != "": // a number of four to eight digits that is no code may be a key's
		w.keys, w.exactly = []string{from.Code}, true
	}
	if from.Read != "" && len(people) != 1 {
		return meaning{}, ErrNotFound
	}
	m, message, err := w.mean(candidates)
	if err == nil && message != "" {
		m.pages, err = toldBy(ctx, db, message)
	}
	if (err != nil || len(m.pages) == 0) && from.Event != "" {
		ids := make([]string, 0, len(candidates))
		for _, c := range candidates {
			ids = append(ids, eventOf(from.Event, c.PageRef))
		}
		if acted, failed := db.ActedOn(ctx, ids); failed == nil && acted {
			return meaning{}, ErrSeen
		}
	}
	m.once, m.each = from.Event, true
	return m, err
}

// byCode is what a code is about: the page, or all that the text told which quoted it last; of these only those
// that are named beside it.
func (p *Pager) byCode(ctx context.Context, db enginedb.Store, ref enginedb.PageRef, from From) (m meaning, err error) {
	m = meaning{pages: []enginedb.PageRef{ref}, once: from.Event}
	if ref.Message != "" {
		if m.pages, err = toldBy(ctx, db, ref.Message); err != nil {
			return m, err
		}
	}
	for _, key := range from.Keys {
		if !slices.ContainsFunc(m.pages, func(r enginedb.PageRef) bool { return isKey(r.Key, key) }) {
			return meaning{}, ErrAmbiguous
		}
	}
	if len(from.Keys) > 0 {
		m.each = true
		m.pages = slices.DeleteFunc(m.pages, func(r enginedb.PageRef) bool {
			return !slices.ContainsFunc(from.Keys, func(key string) bool { return isKey(r.Key, key) })
		})
	}
	return m, nil
}

// words are what came from a phone without the code of the page that it is about, and when.
type words struct {
	keys      []string
	exactly   bool   // what is no key is nothing, and is not asked back about
	all       bool   // everything that is open
	read      string // nonce of the page that was read to the caller
	proof     *enginedb.PageRef
	at        time.Time
	codesOnly bool
}

// mean finds the pages that words are about among those that the number may mean, or the message that told them.
// It is where a wrong page would be answered, so it gives none in doubt.
func (w words) mean(candidates []enginedb.Candidate) (m meaning, message string, err error) {
	named, err := w.named(candidates)
	if err != nil {
		return m, "", err
	}
	if !w.all && w.read == "" && len(w.keys) == 0 {
		if message, err = w.lately(candidates); err != nil {
			return m, "", err
		}
		named = slices.DeleteFunc(slices.Clone(candidates), func(c enginedb.Candidate) bool { return c.Message != message || !c.Open })
	}
	barred := map[engine.Key]bool{}
	for _, c := range named {
		switch {
		case !c.Open:
			m.over = append(m.over, c.PageRef)
		case w.mayAnswer(c, candidates):
			m.pages = append(m.pages, c.PageRef)
		default:
			barred[c.Key] = true
		}
	}
	for _, r := range m.pages {
		if r.Person != m.pages[0].Person { // two people with one phone: who is it?
			return meaning{}, "", ErrAmbiguous
		}
		delete(barred, r.Key)
	}
	// What is open of an incident counts, and not what it was paged for before.
	m.over = slices.DeleteFunc(m.over, func(r enginedb.PageRef) bool {
		return slices.ContainsFunc(m.pages, func(open enginedb.PageRef) bool { return open.Key == r.Key })
	})
	m.barred = len(barred)
	switch {
	case len(m.pages) == 0 && m.barred > 0:
		return meaning{}, "", ErrNeedsCode
	case len(m.pages) == 0 && len(m.over) == 0:
		return meaning{}, "", ErrNotFound
	}
	return m, message, nil
}

// mayAnswer reports whether the words may answer an open page: it was sent to the number lately, or the code of
// an open page of the same person came with them.
func (w words) mayAnswer(c enginedb.Candidate, candidates []enginedb.Candidate) bool {
	if w.proof == nil {
		return !w.codesOnly && !c.Told.IsZero() && w.at.Sub(c.Told) < enginedb.ToldWithin
	}
	if w.read != "" {
		return c.Incident == w.proof.Incident && c.Page == w.proof.Page
	}
	return c.Person == w.proof.Person && slices.ContainsFunc(candidates, func(o enginedb.Candidate) bool {
		return o.Open && o.Incident == w.proof.Incident && o.Page == w.proof.Page
	})
}

// named are the pages that keys, "all", or what was read to a caller name. A key that nobody was paged about makes
// all of it doubtful.
func (w words) named(candidates []enginedb.Candidate) (named []enginedb.Candidate, err error) {
	if w.all || w.read != "" {
		return slices.DeleteFunc(slices.Clone(candidates), func(c enginedb.Candidate) bool { return w.all && !c.Open || w.read != "" && c.Nonce != w.read }), nil
	}
	for _, key := range w.keys {
		found := slices.DeleteFunc(slices.Clone(candidates), func(c enginedb.Candidate) bool { return !isKey(c.Key, key) })
		if slices.ContainsFunc(found, func(c enginedb.Candidate) bool { return c.Open }) {
			found = slices.DeleteFunc(found, func(c enginedb.Candidate) bool { return !c.Open })
		}
		switch {
		case len(found) == 0 && (w.exactly || !slices.ContainsFunc(candidates, func(c enginedb.Candidate) bool { return c.Open })):
			return nil, ErrNotFound
		case len(found) == 0, slices.ContainsFunc(found, func(c enginedb.Candidate) bool { return c.Key != found[0].Key }):
			return nil, ErrAmbiguous
		}
		named = append(named, found...)
	}
	return named, nil
}

// lately is the only text that a bare word can be about: the last one to the number, if it was sent lately and told
// every page that was texted there lately or is open, and one of them is.
func (w words) lately(candidates []enginedb.Candidate) (message string, err error) {
	var last enginedb.Candidate
	several, open, recent := false, false, false
	for _, c := range candidates {
		fresh := !c.Texted.IsZero() && w.at.Sub(c.Texted) < bareWithin
		if c.Texted.IsZero() || !c.Open && !fresh {
			continue
		}
		several = several || last.Message != "" && c.Message != last.Message
		open, recent = open || c.Open, recent || c.Open && fresh
		last = c
	}
	switch {
	case !open:
		return "", ErrNotFound
	case several, !recent:
		return "", ErrAmbiguous
	}
	return last.Message, nil
}

// isKey reports whether somebody who writes a key, or just its number, may mean an incident.
func isKey(key engine.Key, said string) bool {
	if strings.EqualFold(string(key), said) {
		return true
	}
	return strings.Trim(said, "0123456789") == "" && strings.HasSuffix(string(key), "-"+said)
}

// Caller says who has a number, and what they may be asked about.
func (p *Pager) Caller(ctx context.Context, number, call string) (Caller, error) {
	db, book := enginedb.New(p.cfg.DB), rosterdb.New(p.cfg.DB)
	people, err := book.PeopleByAddress(ctx, number)
	if err != nil {
		return Caller{}, err
	}
	if len(people) != 1 {
		return Caller{}, ErrNotFound
	}
	c := Caller{}
	if c.Person, err = book.Person(ctx, people[0]); err != nil {
		if errors.Is(err, rosterdb.ErrNotFound) {
			err = ErrNotFound
		}
		return Caller{}, err
	}
	at, err := db.Came(ctx, call, p.Offset())
	if err != nil {
		return Caller{}, err
	}
	candidates, err := db.Candidates(ctx, people, number, at)
	if err != nil {
		return Caller{}, err
	}
	c.Open = opened(candidates, c.Person)
	return c, nil
}

// opened are the incidents of which a person has open pages, each once.
func opened(candidates []enginedb.Candidate, who rosters.Person) (all []OpenPage) {
	named := map[engine.Key]bool{}
	for _, c := range candidates {
		if !c.Open || c.Person != who.ID || named[c.Key] {
			continue
		}
		named[c.Key] = true
		purpose := notifiers.Page
		if c.Ask {
			purpose = notifiers.StillOn
		}
		all = append(all, OpenPage{Nonce: c.Nonce, Message: notifiers.Message{Nonce: c.Nonce, Channel: notifiers.Voice, Purpose: purpose, Language: who.Language,
			Key: string(c.Key), Severity: int(c.Severity), Summary: c.Summary}})
	}
	return all
}
