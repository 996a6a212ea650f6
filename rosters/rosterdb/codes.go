package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// ErrTooMany says that as many codes were sent within the last hour as may be.
var ErrTooMany = errors.New("as many were sent within an hour as may be")

// Place is where a code is sent.
type Place struct {
	Person  rosters.PersonID
	Channel rosters.Channel
	Address string
}

// Code is what is kept of a code.
type Code struct {
	Salt, Hash []byte
	Expires    time.Time
}

// CodeLimits are how many codes may be sent within an hour.
type CodeLimits struct {
	Place  int // to one place
	Caller int // for one key
}

// KeepCode keeps a code that is about to be sent, instead of the one before. ErrTooMany if it may not be. Codes
// are counted by address, so that a contact that was taken away and made anew is no new one.
func (s Store) KeepCode(ctx context.Context, to Place, code Code, caller int64, now time.Time, limits CodeLimits) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('rouse codes', 0))`); err != nil { // they are rare
			return err
		}
		if _, err := tx.Exec(ctx, `delete from contact_code_sent where at <= $1::timestamptz - interval '1 hour'`, now); err != nil {
			return err
		}
		var there, asked int
		err := tx.QueryRow(ctx, `select count(*) filter (where person = $1 and channel = $2 and address = $3), count(*) filter (where caller = $4)
			from contact_code_sent`, to.Person, to.Channel, to.Address, caller).Scan(&there, &asked)
		if err != nil {
			return err
		}
		if there >= limits.Place || asked >= limits.Caller {
			return ErrTooMany
		}
		var b pgx.Batch
		b.Queue(`insert into contact_code_sent (person, channel, address, caller, at) values ($1, $2, $3, $4, $5)`, to.Person, to.Channel, to.Address, caller, now)
		b.Queue(`insert into contact_code (person, channel, address, salt, hash, expires_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (person, channel, address) do update set salt = excluded.salt, hash = excluded.hash, expires_at = excluded.expires_at, tries = 0, failure = ''`,
			to.Person, to.Channel, to.Address, code.Salt, code.Hash, code.Expires)
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("keeping a code: %w", err)
	}
	return nil
}

// CodeFailed notes why a code could not be sent, masked, unless another one was kept for the place since.
func (s Store) CodeFailed(ctx context.Context, to Place, code Code, why string) error {
	_, err := s.db.Exec(ctx, `update contact_code set failure = $5 where person = $1 and channel = $2 and address = $3 and hash = $4`, to.Person, to.Channel, to.Address, code.Hash, why)
	if err != nil {
		return fmt.Errorf("noting that a code could not be sent: %w", err)
	}
	return nil
}

// CodeFailures says of the places of a person where the last code could not be sent why.
func (s Store) CodeFailures(ctx context.Context, who rosters.PersonID) (map[Place]string, error) {
	all := map[Place]string{}
	rows, _ := s.db.Query(ctx, `select channel, address, failure from contact_code where person = $1 and failure <> ''`, who)
	to, why := Place{Person: who}, ""
	_, err := pgx.ForEachRow(rows, []any{&to.Channel, &to.Address, &why}, func() error { all[to] = why; return nil })
	if err != nil {
		return nil, fmt.Errorf("looking for codes that could not be sent: %w", err)
	}
	return all, nil
}

// TryCode gives the code that was sent to a place, and counts the try, before anybody knows whether it is right.
// ErrNotFound if there is none, or it is over, or was tried as often as it may be.
func (s Store) TryCode(ctx context.Context, to Place, tries int, now time.Time) (c Code, err error) {
	err = s.db.QueryRow(ctx, `update contact_code set tries = tries + 1
		where person = $1 and channel = $2 and address = $3 and tries < $4 and expires_at > $5 returning salt, hash, expires_at`,
		to.Person, to.Channel, to.Address, tries, now).Scan(&c.Salt, &c.Hash, &c.Expires)
	if err != nil {
		return Code{}, fmt.Errorf("looking for a code: %w", mapped(err, err))
	}
	return c, nil
}

// Verify notes that a code came back: what the person has at the place reaches them. ErrNotFound if they have
// nothing there any more.
func (s Store) Verify(ctx context.Context, to Place, at time.Time) error {
	if _, err := s.db.Exec(ctx, `delete from contact_code where person = $1 and channel = $2 and address = $3`, to.Person, to.Channel, to.Address); err != nil {
		return fmt.Errorf("forgetting a code: %w", err)
	}
	found, err := s.switchContacts(ctx, to.Person, `update contact set verified_at = $4 where person = $1 and channel = $2 and address = $3`,
		to.Person, to.Channel, to.Address, at)
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}
