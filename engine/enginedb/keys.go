package enginedb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Scope is what a key may do. Admin may do everything; Respond may also read; Intake may only send
// alerts. Which route needs which is package api's.
type Scope string

// The scopes.
const (
	ScopeIntake  Scope = "intake"
	ScopeRespond Scope = "respond"
	ScopeRead    Scope = "read"
	ScopeAdmin   Scope = "admin"
)

// Key is what is kept of an API key. The key itself is shown once, by CreateKey, and never stored.
type Key struct {
	ID         int64
	Name       string
	Prefix     string // the beginning of the key, to recognise it by
	Scopes     []Scope
	Service    engine.ServiceID // an integration key's service, or ""
	Person     rosters.PersonID // whom the key acts as, or ""
	Dialect    string           // the only dialect it is for, or ""
	Settings   json.RawMessage  // what the dialect has to know of the sender; nil or {}: nothing
	Sealed     []byte           // what the sender signs with, encrypted; empty: it does not
	Hash       []byte           // of the key itself
	CreatedAt  time.Time
	LastUsedAt time.Time // within a minute; zero: never
	RevokedAt  time.Time // zero: in force
}

// The form of a key: prefix and 52 characters of base 32, 260 random bits.
const (
	keyPrefix = "rouse_"
	shownKey  = 12 // bytes that are kept in Key.Prefix
)

// HashKey is what is stored of a key, and what KeyByHash finds it by. The key is random and long, so
// that a plain hash is enough.
func HashKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// MintKey makes the text of a key, for RegisterKey to keep.
func MintKey() string { return keyPrefix + rand.Text() + rand.Text() }

// CreateKey makes a key with the name, scopes, service, person, dialect and settings given, and returns it
// together with what is kept of it. ErrNotFound if there is no such service or person.
func (s Store) CreateKey(ctx context.Context, k Key) (secret string, stored Key, err error) {
	secret = MintKey()
	stored, err = s.RegisterKey(ctx, k, secret)
	return secret, stored, err
}

// RegisterKey is CreateKey of a key whose text there is already: another system made it, and the senders which
// have it need not be touched. ErrExists if it is registered already, also as one that was revoked.
func (s Store) RegisterKey(ctx context.Context, k Key, secret string) (stored Key, err error) {
	k.Prefix = secret[:min(len(secret)/4, shownKey)]
	if k.Settings == nil {
		k.Settings = json.RawMessage(`{}`)
	}
	if k.Sealed == nil {
		k.Sealed = []byte{}
	}
	rows, _ := s.db.Query(ctx, `insert into api_key (name, prefix, hash, scopes, service, person, dialect, settings, sealed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning `+keyColumns, k.Name, k.Prefix, HashKey(secret), k.Scopes,
		zeronull.Text(k.Service), zeronull.Text(k.Person), k.Dialect, k.Settings, k.Sealed)
	stored, err = pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return stored, fmt.Errorf("creating key %q: %w", k.Name, mapped(err, ErrNotFound))
	}
	return stored, nil
}

const keyColumns = `id, name, prefix, scopes, coalesce(service, ''), coalesce(person, ''), dialect, settings, sealed, hash, created_at, last_used_at, revoked_at`

func scanKey(row pgx.CollectableRow) (k Key, err error) {
	return k, row.Scan(&k.ID, &k.Name, &k.Prefix, &k.Scopes, &k.Service, &k.Person, &k.Dialect, &k.Settings, &k.Sealed, &k.Hash, &k.CreatedAt,
		(*zeronull.Timestamptz)(&k.LastUsedAt), (*zeronull.Timestamptz)(&k.RevokedAt))
}

// Keys lists the keys of a service, or with "" those that belong to none, revoked ones too: those made
// after the given one, at most limit.
func (s Store) Keys(ctx context.Context, service engine.ServiceID, after int64, limit int) ([]Key, error) {
	rows, _ := s.db.Query(ctx, `select `+keyColumns+` from api_key where coalesce(service, '') = $1 and id > $2 order by id limit $3`,
		service, after, limit)
	found, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return found, nil
}

// Key reads a key of a service, or with "" one that belongs to none.
func (s Store) Key(ctx context.Context, service engine.ServiceID, id int64) (Key, error) {
	rows, _ := s.db.Query(ctx, `select `+keyColumns+` from api_key where coalesce(service, '') = $1 and id = $2`, service, id)
	k, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return k, fmt.Errorf("reading key %d: %w", id, mapped(err, err))
	}
	return k, nil
}

// CountKeys counts the keys of a service that are in force. Until the transaction ends nobody else who counts
// them comes between, so that a limit holds. ErrNotFound if there is no such service.
func (s Store) CountKeys(ctx context.Context, service engine.ServiceID) (n int, err error) {
	tag, err := s.db.Exec(ctx, `select from service where id = $1 for no key update`, service)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err == nil { // in a statement of its own: it sees what was committed while this one waited
		err = s.db.QueryRow(ctx, `select count(*) from api_key where service = $1 and revoked_at is null`, service).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("counting the keys of service %s: %w", service, err)
	}
	return n, nil
}

// UpdateKey replaces name, dialect and settings of the key with the service and number given, and what is
// sealed of it unless that is nil. A key that was revoked stays without anything sealed.
func (s Store) UpdateKey(ctx context.Context, k Key) (Key, error) {
	if k.Settings == nil {
		k.Settings = json.RawMessage(`{}`)
	}
	rows, _ := s.db.Query(ctx, `update api_key set name = $3, dialect = $4, settings = $5,
			sealed = case when $6::bytea is null or revoked_at is not null then sealed else $6 end
		where coalesce(service, '') = $1 and id = $2 returning `+keyColumns, k.Service, k.ID, k.Name, k.Dialect, k.Settings, k.Sealed)
	stored, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return stored, fmt.Errorf("updating key %d: %w", k.ID, mapped(err, err))
	}
	return stored, nil
}

// RevokeKey ends a key of a service, or with "" one that belongs to none, for good: from the commit on
// it is refused, and what was sealed of it is gone. Revoking it again is no error.
func (s Store) RevokeKey(ctx context.Context, service engine.ServiceID, id int64) error {
	tag, err := s.db.Exec(ctx, `update api_key set revoked_at = coalesce(revoked_at, now()), sealed = ''
		where coalesce(service, '') = $1 and id = $2`, service, id)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoking key %d: %w", id, err)
	}
	return nil
}

// KeyByHash finds a key in force by its hash, and notes at most once a minute that it was used. It waits
// for no lock: while another request notes it, this one does not.
func (s Store) KeyByHash(ctx context.Context, hash []byte) (Key, error) {
	rows, _ := s.db.Query(ctx, `
		with used as (
			update api_key set last_used_at = now() where id = (
				select id from api_key
				where hash = $1 and revoked_at is null and (last_used_at is null or last_used_at < now() - interval '1 minute')
				for update skip locked))
		select `+keyColumns+` from api_key where hash = $1 and revoked_at is null`, hash)
	k, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return k, fmt.Errorf("looking up a key: %w", mapped(err, err))
	}
	return k, nil
}

// LiveKeys gives every key in force.
func (s Store) LiveKeys(ctx context.Context) ([]Key, error) {
	rows, _ := s.db.Query(ctx, `select `+keyColumns+` from api_key where revoked_at is null`)
	found, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("reading the keys in force: %w", err)
	}
	return found, nil
}

// SealedKeys gives every key of which something is sealed.
func (s Store) SealedKeys(ctx context.Context) ([]Key, error) {
	rows, _ := s.db.Query(ctx, `select `+keyColumns+` from api_key where sealed <> '' order by id`)
	found, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("reading what is sealed of keys: %w", err)
	}
	return found, nil
}

// ResealKey puts something else in the place of what is sealed of a key; false if that is not there any more:
// somebody changed it meanwhile.
func (s Store) ResealKey(ctx context.Context, id int64, from, to []byte) (bool, error) {
	tag, err := s.db.Exec(ctx, `update api_key set sealed = $3 where id = $1 and sealed = $2`, id, from, to)
	if err != nil {
		return false, fmt.Errorf("sealing key %d anew: %w", id, err)
	}
	return tag.RowsAffected() > 0, nil
}
