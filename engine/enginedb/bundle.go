package enginedb

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Waiting is an address to which something is to be sent that nobody is sending.
type Waiting struct {
	Channel rosters.Channel
	Address string
	Begun   bool          // some of it was taken by a worker, which is gone
	First   bool          // some of it is more than a next contact
	Need    int           // how much the most needed of it is: 1 to 3 a first page of that severity, 4 something told before, 5 a drill
	Ringing bool          // a call to that phone is not known to be over
	Told    time.Duration // since several pages were sent there in one message; negative: they never were
	Capped  time.Duration // how much longer what was told before has to wait, if there is nothing else; see Cap
	Cap     Cap           // what is asked once more when it is claimed; zero: nothing
}

// Member is an attempt that is told in the message of another one.
type Member struct {
	AttemptRef
	Key      engine.Key
	Severity engine.Severity
	Summary  string
	Ask      bool
	OpenedAt time.Time
	First    bool // the incident's first attempt
}

// Known is what became of a message, if that was written down for one of the attempts that it told, and
// the worker died before it could be for the others.
type Known struct {
	State                        engine.AttemptState
	Provider, ProviderID, Detail string
}

const (
	// MaxBundle is how many attempts are told in one message, if it can name them: as many as can be
	// answered within the time that a provider waits for.
	MaxBundle = 500
	// resumeHold is how long after a stop messages wait for each other at the most: as long as it takes to
	// take up ten thousand incidents.
	resumeHold = 30 * time.Second
	// A call rings for 25 s, after the provider has placed it; one that was answered may still be talked on.
	ringFor = 45 * time.Second
	talkFor = 30 * time.Second
	// straggle is how long a bundle that a worker lost waits for those of its incidents that somebody holds.
	straggle = 3 * time.Second
)

// queueWaiting looks for the addresses where something was left. After a stop nothing was, as long as some
// incidents have not been taken up: what they page goes out together.
func queueWaiting(b *pgx.Batch, look Search, w *Sweep) {
	var channels, prefixes, excepts []string
	var limits []int
	for _, r := range look.Sends {
		channels, prefixes, limits = append(channels, string(r.Channel)), append(prefixes, r.Prefix), append(limits, r.N)
		except := ""
		for _, prefix := range r.Except {
			except += "|^" + regexp.QuoteMeta(prefix)
		}
		excepts = append(excepts, strings.TrimPrefix(except, "|"))
	}
	capChannels, caps, capWithin := unzip(look.Caps)
	b.Queue(`select l.channel, l.address, l.begun, l.first, l.need,
			l.channel = 'voice' and exists (select from attempt v where v.channel = 'voice' and v.address = l.address
				and (v.state in ('sending', 'sent') and not v.hung_up and v.claimed_at > clock_timestamp() + $3::interval - $8::interval
					or v.state = 'delivered' and not v.hung_up and v.claimed_at > clock_timestamp() + $3::interval - $9::interval)),
			coalesce(extract(epoch from clock_timestamp() + $3::interval
				- (select max(t.claimed_at) from attempt t where t.bundle <> '' and t.address = l.address and t.channel = l.channel)), -1)::float8,
			case when l.again and (l.several or `+aboutOthers("l.incident", "clock_timestamp() + $3::interval - $14::interval")+`)
				then `+capped("$3", "$12", "$13", "$14")+` else 0 end
		from unnest($1::text[], $2::int[], $10::text[], $11::text[]) c (channel, n, prefix, not_these) cross join lateral (
			select a.channel, a.address, bool_or(a.claimed_at is not null) as begun, bool_or(a.reason <> $4) as first, min(case when i.drill then 5 when a.again then 4 else i.severity end) as need,
				bool_and(a.again) as again, min(a.incident) as incident, min(a.incident) <> max(a.incident) as several
			from attempt a join incident i on i.id = a.incident
			where a.state in ('queued', 'sending') and a.channel = c.channel and a.lease_until < (select clock_timestamp())
				and starts_with(a.address, c.prefix) and (c.not_these = '' or a.address !~ c.not_these)
			group by a.channel, a.address order by begun desc, need, min(a.lease_until) limit c.n) l
		where not `+isStopped("$5", "$6")+` and not (exists (select from incident where stopped_at is not null)
			and coalesce((select resumed_at > clock_timestamp() + $5::interval - $7::interval from pulse), false))`,
		channels, limits, look.Offset, string(engine.ReasonNextContact), look.Pulse, engine.LongStop, resumeHold, max(look.RingFor, ringFor), talkFor, prefixes, excepts, capChannels, caps, capWithin).
		Query(func(rows pgx.Rows) (err error) {
			w.Waiting, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Waiting, err error) {
				var told, capped float64
				err = row.Scan(&x.Channel, &x.Address, &x.Begun, &x.First, &x.Need, &x.Ringing, &told, &capped)
				x.Told, x.Capped = time.Duration(told*float64(time.Second)), time.Duration(max(0, capped)*float64(time.Second))
				return x, err
			})
			return err
		})
}

// Postpone lets what is queued for an address wait for so much longer; only next contacts, if that is all
// that was found there, or only what was told before if the cap holds it: a first page that fell due since waits no
// longer for it.
func (s Store) Postpone(ctx context.Context, w Waiting, by time.Duration) error {
	_, err := s.db.Exec(ctx, `update attempt set lease_until = clock_timestamp() + $3::interval
		where state = 'queued' and claimed_at is null and channel = $1 and address = $2 and lease_until < clock_timestamp()
			and ($4 or reason = $5) and ($6 or again)`,
		string(w.Channel), w.Address, by, w.First || w.Capped > 0, string(engine.ReasonNextContact), w.Capped == 0)
	if err != nil {
		return fmt.Errorf("letting a message wait: %w", err)
	}
	return nil
}

// ClaimWaiting takes what goes out to an address as the next message, for the time of a lease, each attempt
// under a new generation, so that whoever held it before can write nothing: what a worker has lost, just as
// it was sent, else all that is queued for one person, the worst first. fits says how many of the claim's
// Others its message can name; the rest are left for the next. What nobody wants any more is withdrawn.
//
// ErrNotFound says that there is nothing, or that somebody else is at it; ErrLocked that somebody holds all
// of its incidents: it leaves those that are locked, and waits only for the first one, as long as wait says.
func (s Store) ClaimWaiting(ctx context.Context, w Waiting, token []byte, lease Lease, wait time.Duration, fits func(Claim) int) (c Claim, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		b := bundler{ctx: ctx, tx: tx, to: w, token: token, lease: lease, fits: fits}
		mine := false
		err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(`+addressLock+`) from (select $1::text as channel, $2::text as address) l`, string(w.Channel), w.Address).Scan(&mine)
		if err != nil || !mine {
			return err
		}
		if wait > 0 {
			if err := b.queueUp(wait); err != nil {
				return err
			}
		}
		if err := b.load(); err != nil {
			return err
		}
		c, err = b.choose()
		return err
	})
	if isLockTimeout(err) {
		return Claim{}, ErrLocked
	}
	if err != nil {
		return Claim{}, fmt.Errorf("claiming what waits for an address: %w", err)
	}
	if c.Nonce == "" {
		return Claim{}, ErrNotFound
	}
	return c, nil
}

// bundler chooses what goes out together, in a transaction.
type bundler struct {
	ctx   context.Context
	tx    pgx.Tx
	to    Waiting
	token []byte
	lease Lease
	fits  func(Claim) int
	found []left
}

// left is an attempt that nobody is sending.
type left struct {
	Claim
	unwanted bool
	again    bool // see Change.Again
	drill    bool // never told with anything else: its answer is no answer to trouble
	bundle   string
	over     time.Duration // since the lease ran out; negative if it has not, and the attempt is queued
}

// message is what the attempt was, or will be, sent as.
func (l left) message() string {
	if l.bundle != "" {
		return l.bundle
	}
	return l.Nonce
}

func (l left) begun() bool { return !l.Before.IsZero() }

// waiting is what a bundler looks for: the attempts to an address that nobody is sending.
const waiting = `a.state in ('queued', 'sending') and a.channel = $1 and a.address = $2 and i.stopped_at is null
	and (a.lease_until < clock_timestamp() or a.state = 'queued' and a.claimed_at is null)`

// queueUp waits for the lock of the incident that comes first: where many want it one after the other, who
// does not stand in the queue never gets it.
func (b *bundler) queueUp(wait time.Duration) error {
	if _, err := b.tx.Exec(b.ctx, `select set_config('lock_timeout', $1, true)`, fmt.Sprintf("%dms", wait.Milliseconds())); err != nil {
		return fmt.Errorf("limiting the wait for a lock: %w", err)
	}
	_, err := b.tx.Exec(b.ctx, `select from incident where id = (select i.id from attempt a join incident i on i.id = a.incident where `+waiting+`
		order by a.claimed_at nulls last, i.severity, i.opened_at, i.id, a.no limit 1) for update`, string(b.to.Channel), b.to.Address)
	return err
}

// load reads what waits and locks its incidents, but for those that somebody else holds. What a worker lost
// comes first, then the worst.
func (b *bundler) load() error {
	rows, err := b.tx.Query(b.ctx, `select a.incident, a.no, a.generation, clock_timestamp() + $3::interval, a.claimed_at, a.nonce, a.channel, a.address,
			page.code, page.ask, page.person, coalesce(person.language, ''), i.key, i.severity, i.summary, i.service, e.role, e.why, i.opened_at,
			a.no = 1 and not i.drill, a.unwanted, a.again, a.bundle, extract(epoch from clock_timestamp() - a.lease_until)::float8, i.drill, `+tried+`
		from attempt a join incident i on i.id = a.incident
		join page on page.incident = a.incident and page.no = a.page
		join escalation e on e.incident = a.incident and e.no = page.escalation
		left join person on person.id = page.person
		where `+waiting+` and not `+isStopped("$5", "$6")+`
		order by a.claimed_at nulls last, i.drill, i.severity, i.opened_at, i.id, a.no limit $4 for update of i skip locked`,
		string(b.to.Channel), b.to.Address, b.lease.Offset, 2*MaxBundle, b.lease.Pulse, engine.LongStop)
	if err != nil {
		return err
	}
	b.found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l left, err error) {
		var over float64
		err = row.Scan(&l.Incident, &l.Attempt, &l.Generation, &l.Claimed, (*zeronull.Timestamptz)(&l.Before), &l.Nonce, &l.Channel, &l.Address,
			&l.Code, &l.Ask, &l.Person, &l.Language, &l.Key, &l.Severity, &l.Summary, &l.Service, &l.Role, &l.Why, &l.OpenedAt,
			&l.First, &l.unwanted, &l.again, &l.bundle, &over, &l.drill, &l.Avoid)
		l.over = time.Duration(over * float64(time.Second))
		return l, err
	})
	if err != nil || len(b.found) > 0 {
		return err
	}
	held := false
	err = b.tx.QueryRow(b.ctx, `select exists (select from attempt a join incident i on i.id = a.incident where `+waiting+`)`,
		string(b.to.Channel), b.to.Address).Scan(&held)
	if err == nil && held {
		err = ErrLocked
	}
	return err
}

// choose takes what a worker lost, message by message, as long as there is nothing to be sent; then what is
// queued.
func (b *bundler) choose() (Claim, error) {
	var fresh []left
	lost := map[string][]left{}
	var order []string
	for _, l := range b.found {
		if !l.begun() {
			fresh = append(fresh, l)
			continue
		}
		m := l.message()
		if lost[m] == nil {
			order = append(order, m)
		}
		lost[m] = append(lost[m], l)
	}
	for _, m := range order {
		c, err := b.again(m, lost[m])
		if err != nil || c.Nonce != "" {
			return c, err
		}
	}
	return b.anew(fresh)
}

// again takes up a message that a worker lost: under its nonce, and with all that it told, so that it can
// be looked up at its provider.
func (b *bundler) again(nonce string, some []left) (c Claim, err error) {
	if some[0].bundle == "" {
		if allUnwanted(some) {
			return c, b.withdraw(some)
		}
		return b.take(some, "")
	}
	known, live, missing, err := b.rest(nonce, len(some))
	switch {
	case err != nil || live:
		return c, err // its worker is at it: it reports, one after the other
	case known.State != "":
		return b.take(some, nonce, known)
	case missing && some[0].over < straggle:
		return c, nil // somebody holds one of its incidents, for a moment as a rule
	case missing:
		// Each goes out by itself, after its provider was asked for it: the message may come twice. Whoever
		// had them, and only slept, has them no more.
		_, err := b.tx.Exec(b.ctx, `update attempt set bundle = '', generation = generation + 1 where (incident, no) in (select incident, no from attempt
			where bundle = $1 and state in ('queued', 'sending') for update skip locked)`, nonce)
		return c, err
	case allUnwanted(some): // and there are no others
		return c, b.withdraw(some)
	}
	leads := slices.IndexFunc(some, func(l left) bool { return l.Nonce == nonce })
	if leads < 0 { // withdrawn, and its message not sent
		leads = slices.IndexFunc(some, func(l left) bool { return !l.unwanted })
		nonce = some[leads].Nonce
	}
	some[0], some[leads] = some[leads], some[0]
	return b.take(some, nonce)
}

// rest asks for the attempts of a bundle that are not among those found.
func (b *bundler) rest(nonce string, found int) (known Known, live, missing bool, err error) {
	unsent := 0
	err = b.tx.QueryRow(b.ctx, `with told as (select * from attempt where bundle = $1)
		select (select count(*) from told where state in ('queued', 'sending')),
			exists (select from told where state = 'sending' and lease_until >= clock_timestamp()),
			coalesce(k.state, ''), coalesce(k.provider, ''), coalesce(k.provider_id, ''), coalesce(k.detail, '')
		from (select 1) one left join lateral (select * from told where state in ('sent', 'delivered', 'failed') limit 1) k on true`, nonce).
		Scan(&unsent, &live, &known.State, &known.Provider, &known.ProviderID, &known.Detail)
	return known, live, unsent > found, err
}

// anew takes what is queued for the person who has the worst of it, of those whom the cap does not hold: others may share
// the phone.
func (b *bundler) anew(fresh []left) (c Claim, err error) {
	var unwanted []left
	var people [][]left // what goes out together, by whose it is; a drill goes by itself
	for _, l := range fresh {
		if l.unwanted {
			unwanted = append(unwanted, l)
			continue
		}
		i := slices.IndexFunc(people, func(some []left) bool { return some[0].Person == l.Person && !some[0].drill && !l.drill })
		switch {
		case i < 0:
			people = append(people, []left{l})
		case len(people[i]) < MaxBundle:
			people[i] = append(people[i], l)
		}
	}
	if err := b.withdraw(unwanted); err != nil {
		return c, err
	}
	for _, some := range people {
		held, err := b.held(some)
		if err != nil {
			return c, err
		}
		if held {
			continue
		}
		if n := b.fits(together(some)); n < len(some)-1 {
			some = some[:1+n]
		}
		bundle := ""
		if len(some) > 1 {
			bundle = some[0].Nonce
		}
		return b.take(some, bundle)
	}
	return c, nil
}

// together is one message of several attempts; the first one leads.
func together(some []left) Claim {
	c := some[0].Claim
	for _, l := range some[1:] {
		c.Others = append(c.Others, Member{AttemptRef: l.AttemptRef, Key: l.Key, Severity: l.Severity, Summary: l.Summary, Ask: l.Ask,
			OpenedAt: l.OpenedAt, First: l.First})
	}
	return c
}

func allUnwanted(some []left) bool {
	return !slices.ContainsFunc(some, func(l left) bool { return !l.unwanted })
}

// take claims attempts as one message, of which it may be known what became of it. Those that somebody
// changed since they were read are left out; if it is the one that leads, nothing is claimed.
func (b *bundler) take(some []left, bundle string, known ...Known) (c Claim, err error) {
	taken, err := b.update(some, `state = 'sending', lease_until = clock_timestamp() + $6::interval, claimed_at = coalesce(claimed_at, $7),
			bundle = $8, tokens = case when a.incident = $9 and a.no = $10 then array_append(tokens, $11) else tokens end`,
		b.lease.For, some[0].Claimed, bundle, some[0].Incident, some[0].Attempt, b.token)
	if err != nil {
		return c, err
	}
	lead := some[0].AttemptRef
	some = slices.DeleteFunc(slices.Clone(some), func(l left) bool { return !taken[l.AttemptRef] })
	if len(some) == 0 || known == nil && some[0].AttemptRef != lead {
		return c, ErrLocked // the transaction is given up
	}
	for i := range some {
		some[i].Generation++
	}
	c = together(some)
	if known != nil {
		c.Known = &known[0]
	}
	return c, nil
}

func (b *bundler) withdraw(some []left) error {
	_, err := b.update(some, `state = 'withdrawn'`)
	return err
}

// update changes attempts that are still as they were read, gives each a new generation, and says which
// they were. They were read before their incidents were locked: meanwhile one may have been claimed, or
// answered.
func (b *bundler) update(some []left, set string, args ...any) (map[AttemptRef]bool, error) {
	refs := make([]AttemptRef, 0, len(some))
	unwanted, begun := make([]bool, 0, len(some)), make([]bool, 0, len(some))
	for _, l := range some {
		refs, unwanted, begun = append(refs, l.AttemptRef), append(unwanted, l.unwanted), append(begun, l.begun())
	}
	incidents, no, generation := columns(refs)
	done := map[AttemptRef]bool{}
	if len(some) == 0 {
		return done, nil
	}
	rows, err := b.tx.Query(b.ctx, `update attempt a set generation = a.generation + 1, `+set+`
		from unnest($1::bigint[], $2::int[], $3::int[], $4::bool[], $5::bool[]) r (incident, no, generation, unwanted, begun)
		where a.incident = r.incident and a.no = r.no and a.generation = r.generation and a.state in ('queued', 'sending')
			and a.unwanted = r.unwanted and (a.claimed_at is not null) = r.begun
			and (a.lease_until < clock_timestamp() or a.state = 'queued' and a.claimed_at is null)
		returning a.incident, a.no, r.generation`, append([]any{incidents, no, generation, unwanted, begun}, args...)...)
	if err != nil {
		return nil, err
	}
	var ref AttemptRef
	_, err = pgx.ForEachRow(rows, []any{&ref.Incident, &ref.Attempt, &ref.Generation}, func() error { done[ref] = true; return nil })
	return done, err
}

// wantedBeside is the condition that a message told another attempt that is still wanted.
func wantedBeside(attempt string) string {
	return `exists (select from attempt beside where ` + attempt + `.bundle <> '' and beside.bundle = ` + attempt + `.bundle
		and not beside.unwanted and beside.state in ('sending', 'sent', 'delivered'))`
}
