package pager

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Acknowledge answers a page, whatever the channel.
func (p *Pager) Acknowledge(ctx context.Context, from From, via string) (Reply, error) {
	return p.answer(ctx, from, via, false)
}

// Decline answers a page with no (rule 8).
func (p *Pager) Decline(ctx context.Context, from From, via string) (Reply, error) {
	return p.answer(ctx, from, via, true)
}

func (p *Pager) answer(ctx context.Context, from From, via string, decline bool) (Reply, error) {
	p.reach(AnswerRead)
	to, err := p.meant(ctx, from)
	if err != nil {
		return Reply{}, err
	}
	a := engine.Answer{Person: to.Person, Decline: decline, Page: to.Page, Attempt: to.Attempt, Escalation: from.Escalation, Via: via}
	var reply Reply
	err = p.handle(ctx, happening{id: to.Incident, event: a, named: enginedb.Named{Page: to.Page},
		first: func(ctx context.Context, tx pgx.Tx, inc engine.Incident, now time.Time) (bool, error) {
			var err error
			if reply, err = p.reply(ctx, rosterdb.New(tx), inc, a); err != nil || from.Event == "" {
				return err == nil, err
			}
			seen, err := enginedb.New(tx).Seen(ctx, from.Event, now)
			if seen {
				err = ErrSeen // with the reply that the answer would get now
			}
			return err == nil, err
		}})
	p.reach(AnswerCommitted)
	return reply, err
}

// reply says what Step is about to do with an answer.
func (p *Pager) reply(ctx context.Context, db rosterdb.Store, inc engine.Incident, a engine.Answer) (Reply, error) {
	person, err := db.Person(ctx, a.Person)
	if errors.Is(err, rosterdb.ErrNotFound) {
		if a.Page == 0 {
			return Reply{}, fmt.Errorf("person %q: %w", a.Person, ErrNotFound)
		}
		person = rosters.Person{ID: a.Person, Name: string(a.Person)} // taken off while the phone rang
	} else if err != nil {
		return Reply{}, err
	}
	v := inc.Judge(a)
	r := Reply{Outcome: v.Outcome, Key: inc.Key, Severity: inc.Severity, Summary: inc.Summary, Role: v.Role, Person: person}
	if v.Holder != "" {
		r.Holder = p.name(ctx, db, v.Holder)
	}
	return r, nil
}

// meant finds the page, or at least the incident and the person, that an answer is about.
func (p *Pager) meant(ctx context.Context, from From) (enginedb.PageRef, error) {
	db := enginedb.New(p.cfg.DB)
	var ref enginedb.PageRef
	var err error
	switch {
	case from.CallNonce != "":
		ref, err = db.PageOfAttempt(ctx, from.CallNonce)
	case from.Token != "":
		ref, err = p.byToken(ctx, db, from.Token)
	case from.Number != "":
		ref, err = p.byNumber(ctx, db, from.Number, from.Code)
	default:
		ref.Person = from.Person
		ref.Incident, err = db.IncidentID(ctx, from.Key)
	}
	if errors.Is(err, enginedb.ErrNotFound) {
		return ref, fmt.Errorf("what is answered: %w", ErrNotFound)
	}
	return ref, err
}

func (p *Pager) byNumber(ctx context.Context, db enginedb.Store, number, code string) (enginedb.PageRef, error) {
	people, err := rosterdb.New(p.cfg.DB).PeopleByAddress(ctx, number)
	if err != nil {
		return enginedb.PageRef{}, err
	}
	if code != "" {
		return db.PageByCode(ctx, people, number, code)
	}
	return p.theOnlyPage(ctx, db, number)
}

// theOnlyPage finds the page that a reply without a code means: the one open page that was texted to the
// number, if no other was texted there in the last ten minutes.
func (p *Pager) theOnlyPage(ctx context.Context, db enginedb.Store, number string) (enginedb.PageRef, error) {
	texted, err := db.TextedPages(ctx, number, p.Offset())
	if err != nil {
		return enginedb.PageRef{}, err
	}
	open := slices.DeleteFunc(slices.Clone(texted), func(t enginedb.Texted) bool { return !t.Open })
	switch {
	case len(open) == 0:
		return enginedb.PageRef{}, ErrNotFound
	case len(texted) > 1:
		return enginedb.PageRef{}, ErrAmbiguous
	default:
		return open[0].PageRef, nil
	}
}

// A token is "incident-attempt-secret"; the attempt's row keeps the SHA-256 of the secrets it was sent
// with.
func newToken() (secret string, hash []byte) {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand
	secret = base64.RawURLEncoding.EncodeToString(b)
	return secret, hashToken(secret)
}

func hashToken(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

func (p *Pager) byToken(ctx context.Context, db enginedb.Store, token string) (enginedb.PageRef, error) {
	part := strings.SplitN(token, "-", 3)
	if len(part) != 3 {
		return enginedb.PageRef{}, ErrNotFound
	}
	incident, err1 := strconv.ParseInt(part[0], 36, 64)
	attempt, err2 := strconv.ParseInt(part[1], 36, 32)
	if err1 != nil || err2 != nil {
		return enginedb.PageRef{}, ErrNotFound
	}
	ref, hashes, err := db.PageWithTokens(ctx, incident, int(attempt), tokenExpiry, p.Offset())
	if err != nil {
		return ref, err
	}
	want := hashToken(part[2])
	for _, h := range hashes {
		if subtle.ConstantTimeCompare(h, want) == 1 {
			return ref, nil
		}
	}
	return enginedb.PageRef{}, ErrNotFound
}

// Report takes a provider's news about an attempt, late, twice and in any order.
func (p *Pager) Report(ctx context.Context, nonce string, r notifiers.Receipt) error {
	p.reach(ReceiptRead)
	to, err := enginedb.New(p.cfg.DB).PageOfAttempt(ctx, nonce)
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("attempt: %w", ErrNotFound)
	}
	if err != nil {
		return err
	}
	_, err = p.report(ctx, enginedb.AttemptRef{Incident: to.Incident, Attempt: to.Attempt}, r)
	p.reach(ReceiptStored)
	return err
}

// Call says what to read to whoever answered the call of an attempt.
func (p *Pager) Call(ctx context.Context, nonce string) (CallView, error) {
	db := enginedb.New(p.cfg.DB)
	ref, err := db.PageOfAttempt(ctx, nonce)
	if errors.Is(err, enginedb.ErrNotFound) {
		return CallView{}, fmt.Errorf("attempt: %w", ErrNotFound)
	}
	if err != nil {
		return CallView{}, err
	}
	inc, err := db.Incident(ctx, ref.Key)
	if err != nil {
		return CallView{}, err
	}
	e, page := inc.Page(ref.Page)
	if page == nil {
		return CallView{}, fmt.Errorf("page %d of %s: %w", ref.Page, ref.Key, ErrNotFound)
	}
	people := rosterdb.New(p.cfg.DB)
	person, err := people.Person(ctx, ref.Person)
	if err != nil && !errors.Is(err, rosterdb.ErrNotFound) {
		return CallView{}, err
	}
	v := CallView{Message: notifiers.Message{Nonce: nonce, Channel: notifiers.Voice, Purpose: notifiers.Page, Language: person.Language,
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
