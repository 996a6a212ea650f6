package pager_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// soon is how long a test waits for what should have happened long ago.
const soon = 15 * time.Second

const (
	annsNumber = "+491700000001"
	bobsNumber = "+491700000002"
)

// phones is every channel at once: it keeps what was sent and does as it is told.
type phones struct {
	mu       sync.Mutex
	got      []notifiers.Message
	arrived  chan struct{} // closed and renewed with each message
	refuse   map[string]*notifiers.Failure
	hold     map[string]chan struct{} // a send to this address waits until it is closed
	found    map[string]bool          // a Finder says that the address was reached
	looked   []notifiers.Message
	cutOff   chan string // addresses of sends that were cancelled while they were held
	withdraw chan string
}

func newPhones() *phones {
	return &phones{arrived: make(chan struct{}), refuse: map[string]*notifiers.Failure{}, hold: map[string]chan struct{}{},
		found: map[string]bool{}, cutOff: make(chan string, 100), withdraw: make(chan string, 100)}
}

// holdUp lets sends to an address wait until the function it returns is called.
func (ph *phones) holdUp(to string) (release func()) {
	hold := make(chan struct{})
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.hold[to] = hold
	return sync.OnceFunc(func() {
		ph.mu.Lock()
		defer ph.mu.Unlock()
		delete(ph.hold, to)
		close(hold)
	})
}

// pass lets further sends to an address through, and not the one that is held.
func (ph *phones) pass(to string) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	delete(ph.hold, to)
}

func (ph *phones) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	ph.mu.Lock()
	ph.got = append(ph.got, m)
	close(ph.arrived)
	ph.arrived = make(chan struct{})
	refuse, hold := ph.refuse[m.To], ph.hold[m.To]
	ph.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			select {
			case ph.cutOff <- m.To:
			default: // nobody looks
			}
			return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Unknown, Detail: "no answer", Err: ctx.Err()}
		}
	}
	if refuse != nil {
		return notifiers.Receipt{}, refuse
	}
	return notifiers.Receipt{Provider: "phones", ProviderID: "id-" + m.Nonce, State: notifiers.Sent}, nil
}

func (ph *phones) Find(_ context.Context, m notifiers.Message) (notifiers.Receipt, bool, error) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.looked = append(ph.looked, m)
	return notifiers.Receipt{Provider: "phones", ProviderID: "found", State: notifiers.Sent}, ph.found[m.To], nil
}

func (ph *phones) Withdraw(_ context.Context, id string) error {
	ph.withdraw <- id
	return nil
}

func (ph *phones) sentTo(to string) []notifiers.Message {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	var ms []notifiers.Message
	for _, m := range ph.got {
		if m.To == to {
			ms = append(ms, m)
		}
	}
	return ms
}

// expect waits for the nth message to an address.
func (ph *phones) expect(t *testing.T, to string, n int) notifiers.Message {
	t.Helper()
	deadline := time.After(soon)
	for {
		ph.mu.Lock()
		arrived := ph.arrived
		ph.mu.Unlock()
		if ms := ph.sentTo(to); len(ms) >= n {
			return ms[n-1]
		}
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("%s never got message %d; sent were %v", to, n, ph.all())
		}
	}
}

// keys are all that a message is about, the first one first.
func keys(m notifiers.Message) []string {
	all := []string{m.Key}
	for _, other := range m.Also {
		all = append(all, other.Key)
	}
	return all
}

// told is how often an address was told of each incident.
func (ph *phones) told(to string) map[string]int {
	told := map[string]int{}
	for _, m := range ph.sentTo(to) {
		for _, key := range keys(m) {
			told[key]++
		}
	}
	return told
}

// expectTold waits until an address was told of n incidents, in however many messages.
func (ph *phones) expectTold(t *testing.T, to string, n int) map[string]int {
	t.Helper()
	deadline := time.After(soon)
	for {
		ph.mu.Lock()
		arrived := ph.arrived
		ph.mu.Unlock()
		told := ph.told(to)
		if len(told) >= n {
			return told
		}
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("%s was told of %d incidents, want %d; sent were %v", to, len(told), n, ph.all())
		}
	}
}

func (ph *phones) all() []string {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	var s []string
	for _, m := range ph.got {
		s = append(s, fmt.Sprintf("%s %s by %s", notifiers.Keys(keys(m)), m.To, m.Channel))
	}
	return s
}

// house is one engine with its database, its people and their phones.
type house struct {
	*pager.Pager
	t      *testing.T
	db     *pgxpool.Pool
	phones *phones
	log    *slog.Logger
}

// newHouse: Ann is the incident manager of bitbucket, Bob stands behind her; Carl is the DBA, Dora the
// catch-all.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a")
	return h
}

// newHouseWithoutNode is for tests whose first node is a special one.
func newHouseWithoutNode(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: dbtest.New(t), phones: newPhones(), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	seed(t, h.db)
	return h
}

// sendBy lets another notifier send on a channel, nil none.
func sendBy(c *pager.Config, channel notifiers.Channel, n notifiers.Notifier) {
	all := map[notifiers.Channel]notifiers.Notifier{}
	for _, old := range c.Channels.All() {
		all[old] = c.Channels.On(old)
	}
	if delete(all, channel); n != nil {
		all[channel] = n
	}
	c.Channels = notifiers.NewChannels(all)
}

// node starts one more engine on the same database and phones, unless the changes say otherwise.
func (h *house) node(name string, changes ...func(*pager.Config)) *pager.Pager {
	h.t.Helper()
	chain := notifiers.NewChain(notifiers.Provider{Name: "phones", Notifier: h.phones})
	cfg := pager.Config{DB: h.db, Intake: h.pool(20, nil), Node: name, Log: h.log, PublicURL: "https://rouse.test",
		Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.Push: chain, notifiers.SMS: chain, notifiers.Voice: chain}),
		CatchAll: engine.CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"bob"}}}
	for _, change := range changes {
		change(&cfg)
	}
	p, err := pager.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := p.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			h.t.Error(err)
		}
	})
	return p
}

func seed(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	ctx := t.Context()
	people := rosterdb.New(db)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	contact := func(c rosters.Channel, to string, after time.Duration) rosters.Contact {
		return rosters.Contact{Channel: c, Address: to, After: after}
	}
	must(people.CreatePerson(ctx, rosters.Person{ID: "ann", Name: "Ann", Zone: "Europe/Berlin", Language: "en", Contacts: []rosters.Contact{
		contact(rosters.Push, "ann", 0), contact(rosters.SMS, "+491700000001", time.Minute), contact(rosters.Voice, "+491700000001", 2*time.Minute)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "bob", Name: "Bob", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.SMS, "+491700000002", 0)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "carl", Name: "Carl", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.Voice, "+491700000003", 0)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "dora", Name: "Dora", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.Push, "dora", 0)}}))
	for roster, who := range map[rosters.RosterID]rosters.PersonID{"bitbucket-im": "ann", "backup": "bob", "dba": "carl", "imoc": "dora"} {
		must(people.CreateRoster(ctx, rosters.Roster{ID: roster, Name: string(roster), Rotations: []rosters.Rotation{
			{ID: "weekly", Zone: "UTC", Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{who}}}}, "test"))
	}
	admin := enginedb.New(db)
	must(admin.CreatePolicy(ctx, engine.Policy{ID: "bitbucket", Name: "Bitbucket", Levels: []engine.Level{
		{Targets: []engine.Target{{Roster: "bitbucket-im"}}, Wait: 5 * time.Minute},
		{Targets: []engine.Target{{Roster: "backup"}}, Wait: 5 * time.Minute}}}))
	must(admin.CreateService(ctx, engine.Service{ID: "bitbucket", Name: "Bitbucket", Policy: "bitbucket"}))
}

func (h *house) alert(dedup string) pager.Received {
	h.t.Helper()
	r, err := h.Receive(h.t.Context(), engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical,
		Summary: "Pushes fail", DedupKey: dedup, Source: "test", Raw: []byte(`{"summary":"Pushes fail"}`)})
	if err != nil {
		h.t.Fatalf("an alert was not accepted: %v", err)
	}
	return r
}

func (h *house) incident(key engine.Key) engine.Incident {
	h.t.Helper()
	inc, err := enginedb.New(h.db).Incident(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	return inc
}

// eventually waits until the incident is as it should be. The database tells nobody of changes, so it is
// asked again and again.
func (h *house) eventually(key engine.Key, what string, is func(engine.Incident) bool) engine.Incident {
	h.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for {
		inc := h.incident(key)
		if is(inc) {
			return inc
		}
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("%s never was %s; it is %+v", key, what, inc)
		}
	}
}

// pool is one more pool on the database, of so many connections at most.
func (h *house) pool(connections int32, tracer pgx.QueryTracer) *pgxpool.Pool {
	h.t.Helper()
	cfg := h.db.Config()
	cfg.MaxConns, cfg.ConnConfig.Tracer = connections, tracer
	pool, err := pgxpool.NewWithConfig(h.t.Context(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		closed := make(chan struct{})
		go func() { pool.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(promptly):
			h.t.Errorf("%d connections of a pool were never given back", pool.Stat().AcquiredConns())
		}
	})
	return pool
}

// pushed is the key of a new incident whose first push is out and recorded.
func (h *house) pushed(dedup string) engine.Key {
	h.t.Helper()
	key := h.alert(dedup).Key
	h.eventually(key, "pushed", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	return key
}

// ringing is the key of a new incident, by which Ann's phone rings.
func (h *house) ringing() engine.Key {
	h.t.Helper()
	key := h.pushed("db-1")
	for n := 1; n <= 2; n++ { // a text, then a call
		h.MoveClock(time.Minute)
		h.phones.expect(h.t, annsNumber, n)
	}
	h.eventually(key, "ringing", func(inc engine.Incident) bool {
		a := inc.Escalations[0].Pages[0].Attempts
		return len(a) == 3 && a[2].State == engine.Sent
	})
	return key
}

// bobAcknowledges as somebody who is signed in.
func (h *house) bobAcknowledges(key engine.Key) {
	h.t.Helper()
	if _, err := h.Acknowledge(h.t.Context(), pager.From{Key: key, Person: "bob"}, "rest"); err != nil {
		h.t.Fatal(err)
	}
}

// reasons are what the timeline of an incident says, in order.
func (h *house) reasons(key engine.Key) []engine.Reason {
	h.t.Helper()
	lines, err := enginedb.New(h.db).Timeline(h.t.Context(), h.incident(key).ID)
	if err != nil {
		h.t.Fatal(err)
	}
	var all []engine.Reason
	for _, l := range lines {
		all = append(all, l.Note.Reason)
	}
	return all
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

// ask reads one value.
func ask[T any](h *house, sql string, args ...any) (v T) {
	h.t.Helper()
	if err := h.db.QueryRow(h.t.Context(), sql, args...).Scan(&v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// until waits for what the database, or a pool, tells nobody of.
func (h *house) until(what string, is func() bool) {
	h.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("never: %s", what)
		}
	}
}

// await takes what comes through a channel.
func await[T any](h *house, what string, from <-chan T) (v T) {
	h.t.Helper()
	select {
	case v = <-from:
	case <-time.After(soon):
		h.t.Fatalf("never: %s", what)
	}
	return v
}

// swept waits until the node has swept so often.
func (h *house) swept(times int) {
	h.t.Helper()
	for range times {
		last := h.Swept()
		h.until("a sweep", func() bool { return h.Swept() > last })
	}
}

// lock holds what a statement locks in an open transaction, as a stopped node, a partition or somebody
// with psql does. It lets go by itself after a while, so that a test that fails does not hang.
func (h *house) lock(sql string) (unlock func()) {
	h.t.Helper()
	c, err := h.db.Acquire(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	own := c.Hijack()
	unlock = sync.OnceFunc(func() { _ = own.Close(context.Background()) })
	h.t.Cleanup(unlock)
	time.AfterFunc(soon, unlock)
	if _, err := own.Exec(h.t.Context(), "begin; "+sql); err != nil {
		h.t.Fatal(err)
	}
	return unlock
}

// untilWaiting waits until so many statements wait for a lock.
func (h *house) untilWaiting(n int) {
	h.t.Helper()
	h.until(fmt.Sprint(n, " statements wait for a lock"), func() bool {
		return ask[int](h, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) >= n
	})
}

// stopQueue lets the queue take no more jobs: all that is left is the sweeper.
func (h *house) stopQueue() {
	h.t.Helper()
	h.exec(`create function nothing() returns trigger language plpgsql as 'begin return null; end'`)
	h.exec(`create trigger nothing before insert on river.river_job for each row execute function nothing()`)
}

// leaseIsOver lets the leases of all attempts run out now. They run on the database's own clock, which
// no test moves.
func (h *house) leaseIsOver() {
	h.t.Helper()
	h.exec(`update attempt set lease_until = clock_timestamp() - interval '1 millisecond'`)
}

// promptly is the bound for what took for ever, or as long as somebody else's trouble lasted, when it was
// wrong. It is wide because the machine may be busy.
const promptly = 5 * time.Second

// inTime complains if more than promptly has passed since then.
func (h *house) inTime(what string, since time.Time) {
	h.t.Helper()
	if d := time.Since(since); d > promptly {
		h.t.Errorf("%s took %v, want %v at most", what, d, promptly)
	}
}
