package pager

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
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

// answer carries out an answer for every page that it is about: more than one if it was given to a message
// that told several, or from a phone about several.
func (p *Pager) answer(ctx context.Context, from From, via string, decline bool) (Reply, error) {
	p.reach(AnswerRead)
	m, err := p.meant(ctx, from)
	if err != nil {
		return Reply{}, err
	}
	defer p.reach(AnswerCommitted)
	a := engine.Answer{Decline: decline, Escalation: from.Escalation, Via: via}
	if len(m.pages) == 1 && len(m.over) == 0 && m.barred == 0 {
		return p.answerOne(ctx, m.pages[0], a, m.event(0))
	}
	return p.answerAll(ctx, m, a)
}

// answerOne answers one page; event is what a provider may repeat, or "".
func (p *Pager) answerOne(ctx context.Context, to enginedb.PageRef, a engine.Answer, event string) (Reply, error) {
	a.Person, a.Page, a.Attempt = to.Person, to.Page, to.Attempt
	var reply Reply
	err := p.handle(ctx, happening{id: to.Incident, event: a, named: enginedb.Named{Page: to.Page},
		first: func(ctx context.Context, tx pgx.Tx, inc engine.Incident, now time.Time) (bool, error) {
			var err error
			if reply, err = p.reply(ctx, rosterdb.New(tx), inc, a); err != nil || event == "" {
				return err == nil, err
			}
			seen, err := enginedb.New(tx).Seen(ctx, event, now)
			if seen {
				err = ErrSeen // with the reply that the answer would get now
			}
			return err == nil, err
		}})
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
	r := Reply{Outcome: v.Outcome, Key: inc.Key, Severity: inc.Severity, Summary: inc.Summary, Role: v.Role, Person: person, Wording: p.cfg.Wording}
	if v.Holder != "" {
		r.Holder = p.name(ctx, db, v.Holder)
	}
	return r, nil
}

// meaning is what an answer is about.
type meaning struct {
	pages  []enginedb.PageRef
	over   []enginedb.PageRef // named by their keys, and closed: who answers them hears what became of them
	barred int                // open pages that it would be about, had it come with a code
	once   string             // what a provider may repeat it under, or ""
	each   bool               // it stands for the pages as they were when it came: once is marked with each of them
}

// event is what a provider may repeat the answer to one of the pages under, or "".
func (m meaning) event(i int) string {
	if m.once == "" || i == 0 && !m.each { // the first one's is what an older release looks for
		return m.once
	}
	return eventOf(m.once, m.pages[i])
}

func eventOf(once string, page enginedb.PageRef) string {
	return fmt.Sprintf("%s/%d-%d", once, page.Incident, page.Page)
}

// meant finds the pages, or at least the incident and the person, that an answer is about: those that the
// message told which is answered.
func (p *Pager) meant(ctx context.Context, from From) (meaning, error) {
	db := enginedb.New(p.cfg.DB)
	var ref enginedb.PageRef
	var err error
	switch {
	case from.CallNonce != "":
		ref.Message = from.CallNonce
	case from.Token != "":
		ref, err = p.byToken(ctx, db, from.Token)
	case from.Number != "":
		m, err := p.byNumber(ctx, db, from)
		return m, notThere(err)
	default:
		ref.Person = from.Person
		ref.Incident, err = db.IncidentID(ctx, from.Key)
	}
	pages := []enginedb.PageRef{ref}
	if err == nil && ref.Message != "" {
		pages, err = toldBy(ctx, db, ref.Message)
	}
	return meaning{pages: pages, once: from.Event}, notThere(err)
}

func notThere(err error) error {
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("what is answered: %w", ErrNotFound)
	}
	return err
}

// toldBy lists the pages that a message told, the one that leads first.
func toldBy(ctx context.Context, db enginedb.Store, nonce string) ([]enginedb.PageRef, error) {
	told, err := db.ToldBy(ctx, nonce)
	if err != nil {
		return nil, err
	}
	pages := make([]enginedb.PageRef, 0, len(told))
	for _, t := range told {
		pages = append(pages, t.PageRef)
	}
	return pages, nil
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
