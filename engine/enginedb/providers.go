package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// Provider is who carries messages, as it was set up through the API.
type Provider struct {
	Name      string
	Kind      string
	Position  int             // the first that can is asked first
	Settings  json.RawMessage // as its kind has them
	Sealed    []byte          // what is secret, sealed; empty: nothing
	Disabled  bool
	Version   int
	CreatedAt time.Time
	UpdatedAt time.Time
}

const providerColumns = `name, kind, position, settings, sealed, disabled, version, created_at, updated_at`

func scanProvider(row pgx.CollectableRow) (p Provider, err error) {
	return p, row.Scan(&p.Name, &p.Kind, &p.Position, &p.Settings, &p.Sealed, &p.Disabled, &p.Version, &p.CreatedAt, &p.UpdatedAt)
}

// Providers lists all in their order, with the version of the whole.
func (s Store) Providers(ctx context.Context) (all []Provider, version int64, err error) {
	// One statement: what is listed is what the version counts.
	rows, _ := s.db.Query(ctx, `select v.version, p.* from providers v left join lateral (select `+providerColumns+` from provider) p on true
		order by p.position, p.name`)
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Provider, err error) {
		var name, kind *string
		var position, own *int
		var disabled *bool
		var created, updated *time.Time
		err = row.Scan(&version, &name, &kind, &position, &p.Settings, &p.Sealed, &disabled, &own, &created, &updated)
		if err == nil && name != nil {
			p.Name, p.Kind, p.Position, p.Disabled, p.Version, p.CreatedAt, p.UpdatedAt = *name, *kind, *position, *disabled, *own, *created, *updated
		}
		return p, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing providers: %w", err)
	}
	if len(all) == 1 && all[0].Name == "" {
		all = nil
	}
	return all, version, nil
}

// ProvidersVersion is the version of what Providers would read.
func (s Store) ProvidersVersion(ctx context.Context) (version int64, err error) {
	if err = s.db.QueryRow(ctx, `select version from providers`).Scan(&version); err != nil {
		return 0, fmt.Errorf("asking for the version of the providers: %w", err)
	}
	return version, nil
}

// Provider reads one, or gives ErrNotFound.
func (s Store) Provider(ctx context.Context, name string) (Provider, error) {
	rows, _ := s.db.Query(ctx, `select `+providerColumns+` from provider where name = $1`, name)
	p, err := pgx.CollectExactlyOneRow(rows, scanProvider)
	return p, notFound(err, "reading a provider")
}

// AddProvider stores a new provider, behind the others if it has no position; false if there is one of the name.
func (s Store) AddProvider(ctx context.Context, p Provider) (added bool, err error) {
	added, err = s.changeProviders(ctx, `insert into provider (name, kind, position, settings, sealed, disabled)
		values ($1, $2, case when $3 > 0 then $3 else (select coalesce(max(position), 0) + 10 from provider) end, $4, $5, $6)
		on conflict (name) do nothing`, p.Name, p.Kind, p.Position, orEmptyObject(p.Settings), orEmpty(p.Sealed), p.Disabled)
	if err != nil {
		return false, fmt.Errorf("adding provider %s: %w", p.Name, err)
	}
	return added, nil
}

// ReplaceProvider puts p in the place of the one of its name and version. ErrNotFound, or ErrVersion if that is
// another one by now.
func (s Store) ReplaceProvider(ctx context.Context, p Provider) error {
	done, err := s.changeProviders(ctx, `update provider set kind = $2, position = $3, settings = $4, sealed = $5, disabled = $6, version = version + 1, updated_at = now()
		where name = $1 and version = $7`, p.Name, p.Kind, p.Position, orEmptyObject(p.Settings), orEmpty(p.Sealed), p.Disabled, p.Version)
	return s.changedProvider(ctx, p.Name, done, err)
}

// DeleteProvider takes one away. ErrNotFound, or ErrVersion if it is another one by now.
func (s Store) DeleteProvider(ctx context.Context, name string, version int) error {
	done, err := s.changeProviders(ctx, `delete from provider where name = $1 and version = $2`, name, version)
	return s.changedProvider(ctx, name, done, err)
}

// ResealProvider puts something else in the place of what is sealed of a provider; false if that is not there
// any more. It changes nothing that a node has to read anew.
func (s Store) ResealProvider(ctx context.Context, name string, from, to []byte) (bool, error) {
	tag, err := s.db.Exec(ctx, `update provider set sealed = $3 where name = $1 and sealed = $2`, name, from, to)
	if err != nil {
		return false, fmt.Errorf("sealing provider %s anew: %w", name, err)
	}
	return tag.RowsAffected() == 1, nil
}

// changeProviders makes a change that every node has to know of, and reports whether it changed anything.
func (s Store) changeProviders(ctx context.Context, sql string, args ...any) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update providers set version = version + 1`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		done = tag.RowsAffected() == 1
		return err
	})
	return done, err
}

func (s Store) changedProvider(ctx context.Context, name string, done bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("changing provider %s: %w", name, err)
	case done:
		return nil
	}
	if _, err := s.Provider(ctx, name); err != nil {
		return err
	}
	return ErrVersion
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func orEmptyObject(j json.RawMessage) json.RawMessage {
	if len(j) == 0 {
		return json.RawMessage("{}")
	}
	return j
}

// Deliveries is how long it took, of the messages of a provider that arrived, from being given to it until that was known.
type Deliveries struct {
	Provider string
	Channel  string
	Count    int
	P50, P95 time.Duration
}

// Deliveries counts what arrived in the time before now, by the clock with the offset.
func (s Store) Deliveries(ctx context.Context, within, offset time.Duration) ([]Deliveries, error) {
	rows, err := s.db.Query(ctx, `select provider, channel, count(*),
			percentile_cont(0.5) within group (order by took), percentile_cont(0.95) within group (order by took)
		from (select provider, channel, greatest(delivered_at - claimed_at, interval '0') as took from attempt
			where delivered_at > (select clock_timestamp() + $1::interval - $2::interval) and claimed_at is not null) arrived
		group by provider, channel order by provider, channel`, offset, within)
	if err != nil {
		return nil, fmt.Errorf("asking how fast providers deliver: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Deliveries, err error) {
		return d, row.Scan(&d.Provider, &d.Channel, &d.Count, &d.P50, &d.P95)
	})
	if err != nil {
		return nil, fmt.Errorf("asking how fast providers deliver: %w", err)
	}
	return all, nil
}

// ProviderTest is a message that tries a provider, and what that said of it.
type ProviderTest struct {
	Nonce    string // its id
	Provider string
	Channel  string
	State    engine.AttemptState // Sending, Sent, Delivered or Failed
	Detail   string
	MadeAt   time.Time
	ToldAt   time.Time // when State was last told; zero: not yet
}

// testsKept is how long a ProviderTest is remembered.
const testsKept = 24 * time.Hour

// BeginTest remembers that a message is being sent, and forgets those of long ago.
func (s Store) BeginTest(ctx context.Context, t ProviderTest) error {
	var b pgx.Batch
	b.Queue(`delete from provider_test where made_at < now() - $1::interval`, testsKept)
	b.Queue(`insert into provider_test (nonce, provider, channel, state) values ($1, $2, $3, 'sending')`, t.Nonce, t.Provider, t.Channel)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("beginning a test of provider %s: %w", t.Provider, err)
	}
	return nil
}

// TellTest takes in what was said of a test: what is final stays, and Sent says nothing new of what is more.
// ErrNotFound if there is none of the nonce.
func (s Store) TellTest(ctx context.Context, nonce string, state engine.AttemptState, detail string) error {
	tag, err := s.db.Exec(ctx, `update provider_test set
			detail = case when state in ('sending', 'sent') and $2 <> state then $3 else detail end,
			told_at = case when state in ('sending', 'sent') and $2 <> state then now() else told_at end,
			state = case when state = 'sending' or state = 'sent' and $2 in ('delivered', 'failed') then $2 else state end
		where nonce = $1`, nonce, string(state), detail)
	if err != nil {
		return fmt.Errorf("writing down what became of a test: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}

// Test reads a test of a provider, or gives ErrNotFound.
func (s Store) Test(ctx context.Context, provider, nonce string) (t ProviderTest, err error) {
	var told *time.Time
	err = s.db.QueryRow(ctx, `select nonce, provider, channel, state, detail, made_at, told_at from provider_test where provider = $1 and nonce = $2`, provider, nonce).
		Scan(&t.Nonce, &t.Provider, &t.Channel, &t.State, &t.Detail, &t.MadeAt, &told)
	if told != nil {
		t.ToldAt = *told
	}
	return t, notFound(err, "reading a test of a provider")
}
